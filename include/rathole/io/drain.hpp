#pragma once

#include <rathole/core/time.hpp>
#include <rathole/io/alarm.hpp>
#include <rathole/io/task_group.hpp>

#include <atomic>
#include <optional>
#include <stop_token>

namespace rathole::io {

/// How long the forwards of an instance that was told to stop may go on.
struct drain_times {
  drain_times(duration in_all, duration while_idle) : grace(in_all), idle(while_idle) {}

  /// However much traffic they have.
  duration grace;
  /// Without traffic; zero if that makes no difference.
  duration idle;
};

/// Tells the forwards of an instance to end. They may belong to several threads.
struct drain_stops {
  /// Requested when the times of `drain` begin to count.
  std::stop_source begun;
  /// Requested when forwards are to end as soon as they have been idle for `idle`.
  std::stop_source when_idle;
  std::atomic<duration> idle = duration::zero();
  /// Requested when those are to end that still connect.
  std::stop_source connecting;
  /// Requested when all are to end.
  std::stop_source now;

  /// Ends them all.
  void end_all() {
    connecting.request_stop();
    now.request_stop();
  }
};

/// Waits for a group whose owner is closing. Once `stops.begun` is requested, what runs may end by
/// itself within `times`, and is told to end then. `stops.end_all()` may be called at any time.
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
