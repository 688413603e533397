#pragma once

#include <rathole/core/time.hpp>
#include <rathole/io/run/task_group.hpp>
#include <rathole/io/time/alarm.hpp>

#include <atomic>
#include <optional>
#include <stop_token>

namespace rathole::io {

/// The limits on how long the connections of an instance may continue after it was asked to stop.
struct drain_times {
  /// Makes limits of `in_all` and `while_idle`.
  drain_times(duration in_all, duration while_idle) : grace(in_all), idle(while_idle) {}

  /// How long they may continue in total.
  duration grace;
  /// How long they may be idle during that time; zero means no such limit.
  duration idle;
};

/// The stop sources that end the connections of an instance, which may belong to several threads.
struct drain_stops {
  /// Requested when the times of `drain` begin.
  std::stop_source begun;
  /// Requested when connections must end as soon as they have been idle for `idle`.
  std::stop_source when_idle;
  /// The idle time for `when_idle`; set before that is requested.
  std::atomic<duration> idle = duration::zero();
  /// Requested when connections that are still being established must end.
  std::stop_source connecting;
  /// Requested when all connections must end.
  std::stop_source now;

  /// Ends all connections.
  void end_all() {
    connecting.request_stop();
    now.request_stop();
  }
};

/// Waits for the tasks of an owner that is closing. Once `stops.begun` is requested, connections
/// may end by themselves within `times` and are then stopped. `stops.end_all()` may be called at
/// any time.
template <Runtime R>
awaitable<void> drain(R& runtime, task_group& group, drain_times times, drain_stops& stops) {
  std::optional<alarm<R>> grace_is_over;
  std::optional<alarm<R>> idle_is_over;
  const auto begin = [&] {
    grace_is_over.emplace(runtime, runtime.now() + times.grace, [&stops] { stops.end_all(); });
    if (times.idle == duration::zero()) return;
    idle_is_over.emplace(runtime, runtime.now() + times.idle,
                         [&stops] { stops.connecting.request_stop(); });
    stops.idle = times.idle;
    stops.when_idle.request_stop();
  };
  const std::stop_callback on_begun(stops.begun.get_token(), begin);
  co_await group.join();
}

}  // namespace rathole::io
