#pragma once

#include <rathole/core/time.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>

namespace rathole::protocol {

/// How often a pool that has grown gives back half of what it did not need.
inline constexpr duration pool_shrink_interval = std::chrono::seconds(10);

/// Decides how many data channels a pool keeps ready beyond its size: one more for each visitor that
/// found none, up to a limit; half of those that were idle for a whole `pool_shrink_interval` are
/// given back. Time never goes backwards.
class pool_growth {
 public:
  /// Grows by at most `most` from now on.
  void limit(std::size_t most) {
    most_ = most;
    keep(std::min(extra_, most));
  }

  /// Records that a visitor has found no idle channel.
  void missed() { extra_ = std::min(extra_ + 1, most_); }

  /// Records that `channels` channels were lost or did not arrive. Returns how many of them are not
  /// replaced, because the pool shrinks instead.
  std::size_t absorb(std::size_t channels) {
    const std::size_t out = std::min(channels, extra_);
    keep(extra_ - out);
    return out;
  }

  /// Takes into account that `idle` channels are idle, and the time.
  void update(time_point now, std::size_t idle) {
    if (extra_ == 0) return;
    least_idle_ = std::min(least_idle_, idle);
    if (shrinks_at_ && now < *shrinks_at_) return;
    const std::size_t unused = shrinks_at_ ? std::min(least_idle_, extra_) : 0;
    least_idle_ = idle;
    shrinks_at_ = now + pool_shrink_interval;
    keep(extra_ - (unused + 1) / 2);
  }

  /// Returns how many channels beyond its size the pool keeps ready.
  [[nodiscard]] std::size_t extra() const { return extra_; }
  /// Returns when `update` must be called; nothing while the pool has not grown.
  [[nodiscard]] std::optional<time_point> deadline() const { return shrinks_at_; }

 private:
  void keep(std::size_t extra) {
    extra_ = extra;
    if (extra == 0) shrinks_at_.reset();
  }

  std::size_t most_ = 0;
  std::size_t extra_ = 0;
  // The fewest idle channels since the interval began.
  std::size_t least_idle_ = 0;
  std::optional<time_point> shrinks_at_;
};

}  // namespace rathole::protocol
