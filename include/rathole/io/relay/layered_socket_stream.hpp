#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/layer.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/relay/socket_relay.hpp>

#include <concepts>
#include <type_traits>

namespace rathole::io {

/// A layer on a bare socket that a relay may take apart: `next()` is the stream below, `layer()`
/// is the layer, and `received()` holds the decoded bytes that have not been read.
template <class S>
concept LayeredSocketStream = ByteStream<S> && requires(S& s) {
  requires SocketStream<std::remove_cvref_t<decltype(s.next())>>;
  requires Layer<std::remove_cvref_t<decltype(s.layer())>>;
  { s.received() } -> std::same_as<byte_buffer&>;
};

}  // namespace rathole::io
