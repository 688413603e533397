#pragma once

#include <rathole/io/alarm.hpp>
#include <rathole/io/task_group.hpp>

#include <stop_token>

namespace rathole::io {

/// Waits for a group whose owner is closing: what runs may end by itself for the time `grace`,
/// then `cutting` is requested. It may also be requested from elsewhere at any time.
template <Runtime R>
awaitable<void> drain(R& runtime, task_group& group, duration grace, std::stop_source& cutting) {
  const alarm<R> ring(runtime, runtime.now() + grace, [&cutting] { cutting.request_stop(); });
  co_await group.join();
}

}  // namespace rathole::io
