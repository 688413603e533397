#pragma once

#include <rathole/io/concepts.hpp>
#include <rathole/io/mux/stream.hpp>
#include <rathole/io/stream/either_stream.hpp>

#include <concepts>
#include <cstddef>
#include <type_traits>

namespace rathole::transport {

/// Returns whether `stream` is a stream of a multiplexed connection, which cannot leave the thread of
/// that.
template <io::ByteStream S>
bool is_multiplexed(S& stream) {
  return io::visit_stream(stream, [](const auto& own) {
    return std::is_same_v<std::remove_cvref_t<decltype(own)>, io::mux_stream>;
  });
}

/// Returns how many descriptors `stream` uses: one, or none if it is multiplexed.
template <io::ByteStream S>
std::size_t descriptors_of(S& stream) {
  return is_multiplexed(stream) ? 0 : 1;
}

}  // namespace rathole::transport
