#pragma once

#include <rathole/io/run/suspension.hpp>
#include <rathole/io/run/thread_check.hpp>
#include <rathole/io/task.hpp>

#include <utility>

namespace rathole::io {

/// Wakes one coroutine from another on the same executor. A notification without a waiter is kept
/// for the next wait; several count as one. Only one coroutine may wait at a time. Neither `notify`
/// nor a wait that has begun allocates memory. The event must outlive the waits.
class event {
 public:
  /// Makes an event that is not notified.
  explicit event(executor ex) : waits_(suspension::registry_of(ex)), executor_(ex) {
    prepare_thread_check(ex);
  }
  event(const event&) = delete;
  event& operator=(const event&) = delete;

  /// Wakes the waiter, or the next one, never inside this call.
  void notify() {
    check_thread(executor_);
    notified_ = true;
    if (auto* const waiter = std::exchange(waiter_, nullptr)) waiter->resume();
  }

  /// Returns once notified, or at once if that happened before.
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
