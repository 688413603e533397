#pragma once

#include <rathole/core/error.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/relay/limits.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>

namespace rathole::io {

/// Counts the bytes that a relay has delivered, and those still to be delivered.
struct relay_traffic {
  /// The bytes carried in both directions.
  std::uint64_t carried = 0;
  /// The bytes that were taken from one side and that the other side has not acknowledged, as far
  /// as the relay knows.
  std::uint64_t pending = 0;

  /// Returns whether there was traffic since `before`. A growth of `pending` alone is no traffic,
  /// because a peer that has disappeared acknowledges nothing.
  [[nodiscard]] bool differs(const relay_traffic& before) const {
    return carried != before.carried || pending < before.pending;
  }
};

/// Ends a relay that has been idle for longer than its limits allow, by `fail(errc::timed_out)`.
/// The relay reports nothing while it carries bytes: the watch samples its `traffic()` a few times
/// within each limit. Without a limit there is no timer.
template <Runtime R, class Relay>
class idle_watch {
 public:
  /// Makes a watch that has not started. `runtime` and `relay` must outlive it.
  idle_watch(R& runtime, Relay& relay, const relay_limits& limits)
      : runtime_(runtime), relay_(relay), limits_(limits) {}
  idle_watch(const idle_watch&) = delete;
  idle_watch& operator=(const idle_watch&) = delete;

  /// Starts the watch; called once, while both directions are open.
  void start() { begin(); }

  /// Records that one direction has ended, which counts as traffic. Further calls have no effect.
  void half_closed() {
    if (half_closed_) return;
    half_closed_ = true;
    begin();
  }

  /// Ends the relay by `fail(errc::stopped)` once it has been idle for `idle`, counted from now at
  /// the earliest: it has carried nothing, and the sides have acknowledged everything.
  void drain(duration idle) {
    draining_ = idle;
    begin();
  }

  /// Ends the watch.
  void stop() {
    is_over_ = true;
    timer_.reset();
  }

 private:
  /// How many samples are taken within a limit.
  static constexpr int checks_per_limit = 4;

  void begin() {
    duration limit = limits_.of(half_closed_);
    if (draining_) limit = limit == duration::zero() ? *draining_ : std::min(limit, *draining_);
    if (limit == duration::zero() || is_over_) return;
    step_ = limit / checks_per_limit;
    seen_ = relay_.traffic();
    idle_checks_ = 0;
    if (!timer_) timer_.emplace(runtime_);
    arm();
  }

  void arm() {
    timer_->arm(runtime_.now() + step_, [this] { check(); });
  }

  void check() {
    const relay_traffic now = relay_.traffic();
    // A drain must also wait for bytes that are not delivered yet.
    const bool is_busy = now.differs(seen_) || (draining_ && now.pending > 0);
    idle_checks_ = is_busy ? 0 : idle_checks_ + 1;
    if (idle_checks_ == checks_per_limit) {
      return relay_.fail(make_error_code(draining_ ? errc::stopped : errc::timed_out));
    }
    seen_ = now;
    arm();
  }

  R& runtime_;
  Relay& relay_;
  const relay_limits limits_;
  duration step_ = duration::zero();
  relay_traffic seen_;
  int idle_checks_ = 0;
  bool half_closed_ = false;
  bool is_over_ = false;
  /// How long the relay may be idle once it drains.
  std::optional<duration> draining_;
  std::optional<typename R::timer> timer_;
};

}  // namespace rathole::io
