#pragma once

#include <rathole/core/time.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/event.hpp>

#include <functional>
#include <optional>
#include <stop_token>
#include <utility>

namespace rathole::io {

/// Runs an action unless it is destroyed before a point in time: the way every wait of this
/// library gets its bound. The action closes what the wait waits for.
template <Runtime R>
class alarm {
 public:
  /// Will run `action` at `at`. What `action` refers to outlives the alarm.
  alarm(R& runtime, time_point at, std::move_only_function<void()> action)
      : timer_(runtime), action_(std::move(action)) {
    timer_.arm(at, [this] {
      rang_ = true;
      action_();
    });
  }
  alarm(const alarm&) = delete;
  alarm& operator=(const alarm&) = delete;

  /// Whether the action has run.
  [[nodiscard]] bool rang() const { return rang_; }

  /// `ec`, or `errc::timed_out` where the alarm is the reason for it.
  [[nodiscard]] std::error_code explain(std::error_code ec) const {
    return rang_ ? make_error_code(errc::timed_out) : ec;
  }

 private:
  typename R::timer timer_;
  std::move_only_function<void()> action_;
  bool rang_ = false;
};

/// Waits until `at`, or until `wake` is notified.
template <Runtime R>
awaitable<void> sleep_until(R& runtime, time_point at, event& wake) {
  const alarm<R> ring(runtime, at, [&wake] { wake.notify(); });
  co_await wake.wait();
}

/// Waits for `length`, or until `stop` is requested, which is done on the runtime's thread.
template <Runtime R>
awaitable<void> pause(R& runtime, duration length, std::stop_token stop) {
  event wake(runtime.get_executor());
  const auto end = [&wake] { wake.notify(); };
  const std::stop_callback on_stop(stop, end);
  co_await sleep_until(runtime, runtime.now() + length, wake);
}

}  // namespace rathole::io
