#pragma once

#include <rathole/core/time.hpp>

#include <cstdint>
#include <limits>

namespace rathole::io {

/// Counts the bytes that a relay has delivered, and those still to be delivered.
struct relay_traffic {
  /// The bytes carried in both directions.
  std::uint64_t carried = 0;
  /// The bytes that were taken from one side and that the other side has not acknowledged, as far
  /// as the relay knows.
  std::uint64_t pending = 0;

  /// The value of `pending` where it was not determined: the next sample counts as traffic.
  static constexpr std::uint64_t undetermined = std::numeric_limits<std::uint64_t>::max();

  /// Returns whether there was traffic since `before`. A growth of `pending` alone is no traffic,
  /// because a peer that has disappeared acknowledges nothing.
  [[nodiscard]] bool differs(const relay_traffic& before) const {
    return carried != before.carried || pending < before.pending;
  }
};

/// Decides from samples of a relay's traffic whether the relay has been idle for longer than a
/// limit, so that carrying bytes costs nothing. It reads no clock: the owner takes a sample after
/// each `step()`. The limit is exceeded by at most one step.
class idle_meter {
 public:
  /// How many samples are taken within a limit.
  static constexpr int samples_per_limit = 4;

  /// Begins to measure from the sample `now`. `limit` is how long the relay may be idle;
  /// `until_delivered` says that bytes that are not delivered yet count as traffic.
  void restart(duration limit, bool until_delivered, const relay_traffic& now) {
    step_ = limit / samples_per_limit;
    until_delivered_ = until_delivered;
    latest_ = now;
    idle_samples_ = 0;
  }

  /// Returns the time from one sample to the next.
  [[nodiscard]] duration step() const { return step_; }

  /// Records a sample. Returns whether the relay has been idle for the limit.
  [[nodiscard]] bool sample(const relay_traffic& now) {
    const bool is_busy = now.differs(latest_) || (until_delivered_ && now.pending > 0);
    latest_ = now;
    idle_samples_ = is_busy ? 0 : idle_samples_ + 1;
    return idle_samples_ == samples_per_limit;
  }

 private:
  duration step_ = duration::zero();
  relay_traffic latest_;
  int idle_samples_ = 0;
  bool until_delivered_ = false;
};

}  // namespace rathole::io
