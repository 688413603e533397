#pragma once

#include <rathole/core/time.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/run/event.hpp>

#include <functional>
#include <optional>
#include <stop_token>
#include <utility>

namespace rathole::io {

/// Runs an action at a point in time unless it is destroyed before; every wait of this library is
/// bounded by one. The action closes the object that is being waited for.
template <Runtime R>
class alarm {
 public:
  /// Schedules `action` to run at `at` on the executor of `runtime`. What `action` refers to must
  /// outlive the alarm.
  alarm(R& runtime, time_point at, std::move_only_function<void()> action)
      : timer_(runtime), action_(std::move(action)) {
    timer_.arm(at, [this] {
      expired_ = true;
      action_();
    });
  }
  alarm(const alarm&) = delete;
  alarm& operator=(const alarm&) = delete;

  /// Returns whether the action has run.
  [[nodiscard]] bool expired() const { return expired_; }

  /// Returns `errc::timed_out` if the action has run, because it then caused the error, and
  /// otherwise `ec`.
  [[nodiscard]] std::error_code explain(std::error_code ec) const {
    return expired_ ? make_error_code(errc::timed_out) : ec;
  }

 private:
  typename R::timer timer_;
  std::move_only_function<void()> action_;
  bool expired_ = false;
};

/// Waits until `at`, or until `wake` is notified.
template <Runtime R>
awaitable<void> sleep_until(R& runtime, time_point at, event& wake) {
  const alarm<R> on_timeout(runtime, at, [&wake] { wake.notify(); });
  co_await wake.wait();
}

/// Waits for `length`, or until `stop` is requested, which must happen on the runtime's thread.
template <Runtime R>
awaitable<void> pause(R& runtime, duration length, std::stop_token stop) {
  event wake(runtime.get_executor());
  const auto end = [&wake] { wake.notify(); };
  const std::stop_callback on_stop(stop, end);
  co_await sleep_until(runtime, runtime.now() + length, wake);
}

}  // namespace rathole::io
