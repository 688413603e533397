#pragma once

#include <rathole/core/time.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <set>
#include <variant>

namespace rathole::protocol {

/// Forwards from the client's own address of which none has been answered, at which a service is
/// suspected to lead back to itself.
inline constexpr std::size_t loop_depth = 64;
/// How long new visitors of a suspected service are held while an answer may still come.
inline constexpr duration loop_hold = std::chrono::seconds(2);
/// How often the owner looks for answers meanwhile.
inline constexpr duration loop_look = std::chrono::milliseconds(10);
/// Forwards that must end one inside the other, after one visitor was refused, to prove a loop.
inline constexpr std::size_t loop_evidence = 16;
/// The longest time between two of them.
inline constexpr duration loop_unwinding = std::chrono::seconds(1);
/// How long the client's own visitors are refused once a loop is proved.
inline constexpr duration loop_ban = std::chrono::seconds(60);

/// Let the visitor go on to the service.
struct admit_visitor {
  std::uint64_t visitor;
  bool operator==(const admit_visitor&) const = default;
};
/// Reset the visitor.
struct refuse_visitor {
  std::uint64_t visitor;
  bool operator==(const refuse_visitor&) const = default;
};
/// Find out which forwards have been answered, and call `answered` for these.
struct look_for_answers {
  bool operator==(const look_for_answers&) const = default;
};
/// The service leads back to itself; visitors are refused for `loop_ban` from now on.
struct loop_found {
  bool operator==(const loop_found&) const = default;
};
using loop_action = std::variant<admit_visitor, refuse_visitor, look_for_answers, loop_found>;

/// Finds out whether a service's `local_addr` leads back to the service's own port on the server,
/// so that each visitor causes another one without end; pure bookkeeping.
///
/// It sees only visitors that come from the client's own address, since those of a loop do, and
/// forwards that were started for these. In a loop no byte ever comes back, which happens to honest
/// visitors of a slow service too. So there are three steps, of which only the last accuses:
///
/// 1. *Hold.* When `loop_depth` forwards are unanswered, new visitors are held for up to `loop_hold`,
///    until fewer are unanswered. In a loop, nothing grows meanwhile.
/// 2. *Refuse one.* If no answer came, the visitor that was held first is refused.
/// 3. *Judge.* In a loop the refused visitor is the innermost; the forwards around it then end one
///    after the other, from the newest to the oldest. `loop_evidence` ends in that order prove it:
///    all visitors are refused for `loop_ban`, which ends the rest. Ends in any other order do not
///    come to so many that are each of an older forward than all before. Without proof the visitors
///    are let go on, and twice as many forwards must be unanswered for the next suspicion.
///
/// The owner calls `poll` until it yields nothing, after each other call and at `deadline`. What is
/// kept is bounded by the visitors and forwards that there are.
class loop_detector {
 public:
  /// A visitor came; visitors have growing numbers.
  void visitor_arrived(std::uint64_t visitor) { held_.push_back(visitor); }
  /// A visitor that was held is gone.
  void visitor_left(std::uint64_t visitor) { std::erase(held_, visitor); }

  /// A forward was started; forwards have growing numbers.
  void started(std::uint64_t forward) { silent_.insert(silent_.end(), forward); }
  /// Bytes came back from the service.
  void answered(std::uint64_t forward) { silent_.erase(forward); }
  /// A forward has ended.
  void ended(std::uint64_t forward, time_point now) {
    if (silent_.erase(forward) == 0 || state_ != state::judging || forward >= oldest_) return;
    oldest_ = forward;
    ++evidence_;
    until_ = now + loop_unwinding;
  }

  /// The next thing to do, if any.
  std::optional<loop_action> poll(time_point now) {
    if (silent_.size() < loop_depth / 2) threshold_ = loop_depth;
    switch (state_) {
      case state::watching: return watch(now);
      case state::holding: return hold(now);
      case state::judging: return judge(now);
      case state::refusing:
        if (now < until_) return refuse_next();
        state_ = state::watching;
        return watch(now);
    }
    return std::nullopt;
  }

  /// The next time at which `poll` matters although nothing happened.
  [[nodiscard]] std::optional<time_point> deadline() const {
    switch (state_) {
      case state::watching: return std::nullopt;
      case state::holding: return std::min(until_, look_at_);
      case state::judging:
      case state::refusing: return until_;
    }
    return std::nullopt;
  }

  /// Visitors that are held.
  [[nodiscard]] std::size_t held() const { return held_.size(); }
  /// Forwards that were not answered, as far as it is known.
  [[nodiscard]] std::size_t silent() const { return silent_.size(); }

 private:
  enum class state { watching, holding, judging, refusing };

  std::optional<loop_action> watch(time_point now) {
    if (held_.empty()) return std::nullopt;
    if (silent_.size() < threshold_) return admit_visitor{take_first()};
    state_ = state::holding;
    until_ = now + loop_hold;
    look_at_ = now;
    return hold(now);
  }

  std::optional<loop_action> hold(time_point now) {
    if (silent_.size() < threshold_ || held_.empty()) {
      state_ = state::watching;
      return watch(now);
    }
    if (now >= until_) {
      state_ = state::judging;
      until_ = now + loop_unwinding;
      oldest_ = std::numeric_limits<std::uint64_t>::max();
      evidence_ = 0;
      return refuse_visitor{take_first()};
    }
    if (now < look_at_) return std::nullopt;
    look_at_ = now + loop_look;
    return look_for_answers{};
  }

  std::optional<loop_action> judge(time_point now) {
    if (evidence_ >= loop_evidence) {
      state_ = state::refusing;
      until_ = now + loop_ban;
      return loop_found{};
    }
    if (now < until_) return std::nullopt;
    threshold_ = std::max(threshold_, 2 * silent_.size());
    state_ = state::watching;
    return watch(now);
  }

  std::optional<loop_action> refuse_next() {
    if (held_.empty()) return std::nullopt;
    return refuse_visitor{take_first()};
  }

  std::uint64_t take_first() {
    const std::uint64_t first = held_.front();
    held_.pop_front();
    return first;
  }

  state state_ = state::watching;
  std::deque<std::uint64_t> held_;
  std::set<std::uint64_t> silent_;
  std::size_t threshold_ = loop_depth;
  /// The end of the state.
  time_point until_{};
  time_point look_at_{};
  /// The oldest forward that ended while judging, and how many were older than all before.
  std::uint64_t oldest_ = 0;
  std::size_t evidence_ = 0;
};

}  // namespace rathole::protocol
