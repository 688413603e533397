#pragma once

#include <rathole/io/task.hpp>
#include <rathole/io/thread_check.hpp>

#include <asio/steady_timer.hpp>

#include <utility>

namespace rathole::io {

/// A wake-up from one coroutine to another on the same executor. A notification that nobody waits
/// for is kept for the next waiter; several before it count as one. One waiter at a time.
class event {
 public:
  explicit event(executor ex) : never_(ex, asio::steady_timer::time_point::max()) {}

  /// Wakes the waiter, or the next one; never inside this call.
  void notify() {
    check_thread(never_.get_executor());
    notified_ = true;
    never_.cancel();
  }

  /// Returns once notified; at once if that was before.
  awaitable<void> wait() {
    check_thread(never_.get_executor());
    if (!notified_) co_await never_.async_wait(use_tuple);
    notified_ = false;
  }

 private:
  // A timer that never expires is Asio's condition variable: cancelling it posts the waiter.
  asio::basic_waitable_timer<std::chrono::steady_clock,
                             asio::wait_traits<std::chrono::steady_clock>, executor>
      never_;
  bool notified_ = false;
};

}  // namespace rathole::io
