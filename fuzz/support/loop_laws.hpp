#pragma once

#include "check.hpp"
#include "fuzz_input.hpp"

#include <rathole/protocol/loop_detector.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <limits>
#include <optional>
#include <set>
#include <variant>

namespace rathole::fuzz {

/// Drives a `loop_detector` with the fuzzer's input and checks each action against a model: visitors
/// leave in the order in which they arrived, one is refused only after a hold, a loop is reported
/// if and only if enough connections ended from the newest to the oldest, and nobody is held for
/// ever.
class loop_run {
 public:
  /// If `leads_back`, the service's `local_addr` leads back to itself: each connection that starts
  /// makes a visitor arrive.
  explicit loop_run(bool leads_back) : leads_back_(leads_back) {}

  /// Performs one event, and the actions that follow.
  void step(fuzz_input& in) {
    switch (in.below(8)) {
      case 0:
        for (std::size_t left = 1 + in.below(32); left > 0; --left) arrive();
        break;
      case 1:
        for (std::size_t left = 1 + in.below(64); left > 0; --left) begin_forward();
        break;
      case 2: {
        const std::uint64_t id = some_id(in);
        detector_.answered(id);
        silent_.erase(id);
        break;
      }
      case 3: end(some_id(in)); break;
      case 4:
        for (std::size_t left = 1 + in.below(32); left > 0 && !silent_.empty(); --left) {
          end(*silent_.rbegin());
        }
        break;
      case 5:
        for (std::size_t left = 1 + in.below(32); left > 0 && !silent_.empty(); --left) {
          end(*silent_.begin());
        }
        break;
      case 6: now_ = std::max(now_, detector_.deadline().value_or(now_)); break;
      default: now_ += in.time(); break;
    }
    settle();
  }

  /// Lets time pass without further events, and checks that every visitor is admitted or refused.
  void finish() {
    leads_back_ = false;
    for (int rounds = 0; !held_.empty(); ++rounds) {
      check(rounds < 1'000'000 && detector_.deadline());
      now_ = *detector_.deadline();
      settle();
    }
  }

 private:
  /// The bounds of what the owner allows, so that a run does not take long.
  static constexpr std::size_t most = 1000;

  void arrive() {
    if (held_.size() >= most) return;
    held_.push_back(next_);
    detector_.visitor_arrived(next_++);
  }

  void begin_forward() {
    if (silent_.size() >= most) return;
    silent_.insert(next_);
    detector_.started(next_++);
    most_silent_ = std::max(most_silent_, silent_.size());
    if (leads_back_) arrive();
  }

  void end(std::uint64_t id) {
    detector_.ended(id, now_);
    if (silent_.erase(id) == 0 || !judged_at_ || id >= oldest_) return;
    oldest_ = id;
    ++evidence_;
    judged_at_ = now_ + protocol::loop_unwinding;
  }

  void settle() {
    // The time in which the loop must be proved is over.
    if (judged_at_ && !is_proved() && now_ >= *judged_at_) judged_at_.reset();
    while (const auto action = detector_.poll(now_)) {
      std::visit([this](const auto& what) { on(what); }, *action);
    }
    check(!judged_at_ || !is_proved());
    check(detector_.held() == held_.size() && detector_.silent() == silent_.size());
    const auto deadline = detector_.deadline();
    check(!deadline || *deadline > now_);
    check(!judged_at_ || deadline == judged_at_);
    check(deadline || held_.empty());
    const bool is_suspected = !held_.empty() && silent_.size() >= protocol::loop_depth;
    if (!is_suspected) suspected_at_.reset();
    if (is_suspected && !suspected_at_) suspected_at_ = now_;
    check(is_suspected || judged_at_ || held_.empty());
  }

  void on(const protocol::admit_visitor& what) {
    leave(what.visitor);
    // Suspicions without proof raise the number of connections that the next one takes.
    const std::size_t raised = was_refused_ ? 2 * most_silent_ : 0;
    check(silent_.size() < std::max(protocol::loop_depth, raised));
    begin_forward();
  }
  void on(const protocol::refuse_visitor& what) {
    leave(what.visitor);
    check(suspected_at_ && now_ >= *suspected_at_ + protocol::loop_hold);
    suspected_at_.reset();
    was_refused_ = true;
    oldest_ = std::numeric_limits<std::uint64_t>::max();
    evidence_ = 0;
    judged_at_ = now_ + protocol::loop_unwinding;
  }
  void on(const protocol::check_answers&) const {
    check(!judged_at_ && !held_.empty() && silent_.size() >= protocol::loop_depth);
  }
  void on(const protocol::loop_found&) {
    check(judged_at_ && is_proved());
    judged_at_.reset();
  }

  // The visitor that arrived first is the first to be admitted or refused, and not during a
  // judgement.
  void leave(std::uint64_t visitor) {
    check(!judged_at_ && !held_.empty() && held_.front() == visitor);
    held_.pop_front();
  }

  [[nodiscard]] bool is_proved() const { return evidence_ >= protocol::loop_evidence; }

  // An id of any age and kind, possibly unknown.
  std::uint64_t some_id(fuzz_input& in) const {
    return next_ - std::min<std::uint64_t>(next_, in.byte());
  }

  protocol::loop_detector detector_;
  bool leads_back_;
  time_point now_{std::chrono::hours(1)};
  std::uint64_t next_ = 1;
  std::deque<std::uint64_t> held_;
  std::set<std::uint64_t> silent_;
  std::size_t most_silent_ = 0;
  bool was_refused_ = false;
  /// Since when visitors are held because so many connections are unanswered.
  std::optional<time_point> suspected_at_;
  /// When the judgement ends that follows a refusal; nothing if there is none.
  std::optional<time_point> judged_at_;
  std::uint64_t oldest_ = 0;
  std::size_t evidence_ = 0;
};

}  // namespace rathole::fuzz
