#pragma once

#include <rathole/core/time.hpp>
#include <rathole/io/run/event.hpp>
#include <rathole/io/run/stop_action.hpp>
#include <rathole/io/task.hpp>
#include <rathole/io/time/alarm.hpp>

#include <stop_token>

namespace rathole::io {

/// Waits until `at`, or until `stop` is requested, which may happen on any thread.
template <Runtime R>
awaitable<void> sleep_until(R& runtime, time_point at, std::stop_token stop) {
  event wake(runtime.get_executor());
  const auto end = [&wake] { wake.notify(); };
  const stop_action on_stop(stop, runtime.get_executor(), end);
  co_await sleep_until(runtime, at, wake);
}

}  // namespace rathole::io
