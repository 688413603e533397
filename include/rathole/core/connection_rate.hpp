#pragma once

#include <rathole/core/require_cxx23.hpp>

#include <cstddef>

namespace rathole {

/// How many new connections an address may make: a token bucket, which is full at the beginning.
struct connection_rate {
  /// The connections in a second that are accepted in the long run, at least 1.
  std::size_t per_second = 1;
  /// The connections that are accepted at once after a pause, at least 1.
  std::size_t burst = 1;

  /// Compares all members.
  [[nodiscard]] bool operator==(const connection_rate&) const = default;
};

}  // namespace rathole
