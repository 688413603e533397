#pragma once

#include <rathole/core/time.hpp>
#include <rathole/io/concepts.hpp>

#include <functional>
#include <optional>
#include <utility>

namespace rathole::io {

/// A timer for an owner whose deadline moves often: it is set anew only where the deadline comes
/// nearer. A timer that rings too early costs less than setting it for each event.
template <Runtime R>
class earliest_timer {
 public:
  /// `ring` is called at some deadline that was given, on the runtime's executor; what it refers to
  /// outlives the timer, and so does the runtime.
  earliest_timer(R& runtime, std::move_only_function<void()> ring)
      : timer_(runtime), ring_(std::move(ring)) {}

  /// Rings at `deadline`, if there is one, or before.
  void arm(std::optional<time_point> deadline) {
    if (!deadline || (armed_ && *armed_ <= *deadline)) return;
    timer_.arm(*deadline, [this] {
      armed_.reset();
      ring_();
    });
    armed_ = *deadline;
  }

  /// Does not ring any more.
  void disarm() {
    armed_.reset();
    timer_.disarm();
  }

 private:
  typename R::timer timer_;
  std::move_only_function<void()> ring_;
  std::optional<time_point> armed_;
};

}  // namespace rathole::io
