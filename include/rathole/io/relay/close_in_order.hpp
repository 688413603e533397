#pragma once

#include <rathole/io/concepts.hpp>
#include <rathole/io/socket/options.hpp>

#include <optional>

namespace rathole::io {

/// Closes a stream in order, if it is open, even if closing it would reset it because of the option
/// `reset_on_close`.
template <ByteStream S>
void close_in_order(S& stream) {
  if (!stream.is_open()) return;
  socket_options in_order;
  in_order.nodelay = std::nullopt;
  in_order.reset_on_close = false;
  stream.apply(in_order);
  stream.close();
}

}  // namespace rathole::io
