#pragma once

#include <rathole/core/require_cxx23.hpp>

#include <cstdint>
#include <optional>

namespace rathole {

/// How many bytes in a second the connections of a service may carry together, in each direction; no limit
/// where there is no value.
struct bandwidth_limit {
  /// The bytes from visitors, at least 1.
  std::optional<std::uint64_t> in = {};
  /// The bytes to visitors, at least 1.
  std::optional<std::uint64_t> out = {};

  /// Returns whether there is no limit.
  [[nodiscard]] bool empty() const { return !in && !out; }

  /// Compares all members.
  [[nodiscard]] bool operator==(const bandwidth_limit&) const = default;
};

}  // namespace rathole
