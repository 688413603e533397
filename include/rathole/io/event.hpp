#pragma once

#include <rathole/io/suspension.hpp>
#include <rathole/io/task.hpp>
#include <rathole/io/thread_check.hpp>

#include <utility>

namespace rathole::io {

/// A wake-up from one coroutine to another on the same executor. A notification that nobody waits
/// for is kept for the next waiter; several before it count as one. One waiter at a time. Neither
/// `notify` nor a wait that has begun needs memory. The event outlives the waits for it.
class event {
 public:
  explicit event(executor ex) : waits_(suspension::registry_of(ex)), executor_(ex) {
    prepare_thread_check(ex);
  }
  event(const event&) = delete;
  event& operator=(const event&) = delete;

  /// Wakes the waiter, or the next one; never inside this call.
  void notify() {
    check_thread(executor_);
    notified_ = true;
    if (auto* const waiter = std::exchange(waiter_, nullptr)) waiter->resume();
  }

  /// Returns once notified; at once if that was before.
  awaitable<void> wait() {
    check_thread(executor_);
    if (!notified_) {
      suspension here(waits_, executor_);
      here.set_place(&waiter_);
      const auto wait_here = [this](suspension* self) { waiter_ = self; };
      co_await here.suspend(wait_here);
    }
    notified_ = false;
  }

 private:
  suspension::registry& waits_;
  executor executor_;
  suspension* waiter_ = nullptr;
  bool notified_ = false;
};

}  // namespace rathole::io
