#pragma once

#include <rathole/core/time.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

namespace rathole::admin {

/// Counts durations by their length, as a Prometheus histogram does. `Bounds` is an array of the upper
/// bounds of the buckets in seconds, in increasing order; longer durations are in one more bucket.
template <const auto& Bounds>
class histogram {
 public:
  /// Returns the upper bounds of the buckets, in seconds.
  static std::span<const double> bounds() { return Bounds; }

  /// Counts a duration.
  void add(duration value) {
    const double seconds = std::chrono::duration<double>(value).count();
    const auto at = std::ranges::lower_bound(Bounds, seconds);
    ++counts_[static_cast<std::size_t>(at - Bounds.begin())];
    sum_ += seconds;
  }

  /// Returns how many durations were counted in each bucket; the last one has no bound.
  [[nodiscard]] std::span<const std::uint64_t> counts() const { return counts_; }
  /// Returns the sum of the durations, in seconds.
  [[nodiscard]] double sum() const { return sum_; }

 private:
  std::array<std::uint64_t, Bounds.size() + 1> counts_{};
  double sum_ = 0;
};

/// The bounds for how long connections last: from 0.1 s to a day.
inline constexpr std::array connection_bounds{0.1,  0.5,   1.0,   5.0,    15.0,   60.0,
                                              300., 900.0, 3600., 14400., 43200., 86400.};
/// The bounds for how long visitors wait for a data channel: from 1 ms to the default
/// `visitor_timeout`, and beyond.
inline constexpr std::array wait_bounds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                        0.25,  0.5,    1.0,   2.5,  5.0,   10.0, 30.0};

}  // namespace rathole::admin
