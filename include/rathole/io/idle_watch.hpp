#pragma once

#include <rathole/core/error.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/relay_limits.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>

namespace rathole::io {

/// What a relay has done so far, and still has to do.
struct relay_traffic {
  /// Octets carried, both ways.
  std::uint64_t carried = 0;
  /// Octets that were taken from one side and that the other has not acknowledged, as far as the
  /// relay can tell.
  std::uint64_t pending = 0;

  /// Whether there was traffic since `before`. What only becomes more to do is none: a peer that is
  /// gone acknowledges nothing.
  [[nodiscard]] bool differs(const relay_traffic& before) const {
    return carried != before.carried || pending < before.pending;
  }
};

/// Ends a relay that has had no traffic for longer than its limits allow, by `fail(errc::timed_out)`;
/// what traffic it had is the relay's, by `traffic()`. The relay tells nothing while it carries: it is
/// looked at a few times in each limit. As long as no limit holds there is no timer.
template <Runtime R, class Relay>
class idle_watch {
 public:
  /// `world` and `relay` outlive the watch.
  idle_watch(R& world, Relay& relay, const relay_limits& limits)
      : world_(world), relay_(relay), limits_(limits) {}
  idle_watch(const idle_watch&) = delete;
  idle_watch& operator=(const idle_watch&) = delete;

  /// Begins to watch; called once, while both sides may send.
  void start() { begin(); }

  /// One side has ended its sending, which counts as traffic; from the second time on, nothing new.
  void half_closed() {
    if (half_closed_) return;
    half_closed_ = true;
    begin();
  }

  /// Ends the relay by `fail(errc::stopped)` as soon as it has been idle for `idle` from now on:
  /// without traffic, and without anything that a side has not acknowledged.
  void drain(duration idle) {
    draining_ = idle;
    begin();
  }

  /// Watches no more.
  void stop() {
    is_over_ = true;
    timer_.reset();
  }

 private:
  /// How often a limit is looked at.
  static constexpr int looks_in_a_limit = 4;

  void begin() {
    duration limit = limits_.of(half_closed_);
    if (draining_) limit = limit == duration::zero() ? *draining_ : std::min(limit, *draining_);
    if (limit == duration::zero() || is_over_) return;
    step_ = limit / looks_in_a_limit;
    seen_ = relay_.traffic();
    silent_looks_ = 0;
    if (!timer_) timer_.emplace(world_);
    arm();
  }

  void arm() {
    timer_->arm(world_.now() + step_, [this] { look(); });
  }

  void look() {
    const relay_traffic now = relay_.traffic();
    // Whoever waits for the end of the relay waits for what is on its way, too.
    const bool is_busy = now.differs(seen_) || (draining_ && now.pending > 0);
    silent_looks_ = is_busy ? 0 : silent_looks_ + 1;
    if (silent_looks_ == looks_in_a_limit) {
      return relay_.fail(make_error_code(draining_ ? errc::stopped : errc::timed_out));
    }
    seen_ = now;
    arm();
  }

  R& world_;
  Relay& relay_;
  const relay_limits limits_;
  duration step_ = duration::zero();
  relay_traffic seen_;
  int silent_looks_ = 0;
  bool half_closed_ = false;
  bool is_over_ = false;
  /// How long it may be idle, once its end is waited for.
  std::optional<duration> draining_;
  std::optional<typename R::timer> timer_;
};

}  // namespace rathole::io
