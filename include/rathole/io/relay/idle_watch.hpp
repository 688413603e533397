#pragma once

#include <rathole/io/concepts.hpp>
#include <rathole/io/relay/idle_meter.hpp>
#include <rathole/io/relay/shutdown.hpp>

#include <optional>

namespace rathole::io {

/// Calls `was_idle()` of a relay that has been idle for longer than its limit. The relay reports
/// nothing while it carries bytes: the watch samples its `traffic()` a few times within the limit,
/// beginning with `traffic_at_start()`.
/// Without a limit there is no timer.
template <Runtime R, class Relay>
class idle_watch {
 public:
  /// Makes a watch that has not started. `runtime` and `relay` must outlive it.
  idle_watch(R& runtime, Relay& relay) : runtime_(runtime), relay_(relay) {}
  idle_watch(const idle_watch&) = delete;
  idle_watch& operator=(const idle_watch&) = delete;

  /// Starts to watch from now on, instead of a watch that was started before.
  void start(const watch_idle& what) {
    meter_.restart(what.limit, what.until_delivered, relay_.traffic_at_start());
    if (!timer_) timer_.emplace(runtime_);
    arm();
  }

  /// Ends the watch.
  void stop() { timer_.reset(); }

 private:
  void arm() {
    timer_->arm(runtime_.now() + meter_.step(), [this] { check(); });
  }

  void check() {
    if (meter_.sample(relay_.traffic())) return relay_.was_idle();
    arm();
  }

  R& runtime_;
  Relay& relay_;
  idle_meter meter_;
  std::optional<typename R::timer> timer_;
};

}  // namespace rathole::io
