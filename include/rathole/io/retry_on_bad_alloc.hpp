#pragma once

#include <rathole/io/concepts.hpp>
#include <rathole/io/time/alarm.hpp>

#include <chrono>
#include <new>
#include <stop_token>
#include <thread>

namespace rathole::io {

/// The time for which work pauses after memory ran out in it.
inline constexpr std::chrono::milliseconds memory_pause{100};

/// Awaits `make()`, an `awaitable<void>`, and repeats this each time memory runs out in it, until
/// `stop` is requested. It is for work that serves many connections, such as a listener. `runtime`
/// must outlive the call.
template <Runtime R, class Make>
awaitable<void> retry_on_bad_alloc(R& runtime, std::stop_token stop, Make make) {
  for (;;) {
    try {
      co_await make();
      co_return;
    } catch (const std::bad_alloc&) {
      // The failed work has released its memory.
    }
    if (stop.stop_requested()) co_return;
    try {
      co_await pause(runtime, memory_pause, stop);
    } catch (const std::bad_alloc&) {
      std::this_thread::yield();
    }
  }
}

}  // namespace rathole::io
