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

/// The number of unanswered forwarded connections from the client's own address at which a
/// service is suspected to lead back to itself.
inline constexpr std::size_t loop_depth = 64;
/// The longest time for which new visitors of a suspected service are held while an answer may
/// still arrive.
inline constexpr duration loop_hold = std::chrono::seconds(2);
/// The time between two checks of the owner for answers in the meantime.
inline constexpr duration loop_check_interval = std::chrono::milliseconds(10);
/// The number of connections that must end from the newest to the oldest, after one visitor was
/// refused, to prove a loop.
inline constexpr std::size_t loop_evidence = 16;
/// The longest time between two of these ends.
inline constexpr duration loop_unwinding = std::chrono::seconds(1);
/// How long a suspicion without proof raises the number of connections that the next one takes.
inline constexpr duration loop_memory = std::chrono::seconds(60);

/// Asks the owner to forward a visitor to the service.
struct admit_visitor {
  /// The number of the visitor.
  std::uint64_t visitor;
  /// Compares all members.
  bool operator==(const admit_visitor&) const = default;
};
/// Asks the owner to reset a visitor.
struct refuse_visitor {
  /// The number of the visitor.
  std::uint64_t visitor;
  /// Compares all members.
  bool operator==(const refuse_visitor&) const = default;
};
/// Asks the owner to find out which connections have been answered, and to call `answered` for
/// them.
struct check_answers {
  /// Compares all members.
  bool operator==(const check_answers&) const = default;
};
/// Reports that the service leads back to itself.
struct loop_found {
  /// Compares all members.
  bool operator==(const loop_found&) const = default;
};
/// An action that a `loop_detector` asks its owner to perform.
using loop_action = std::variant<admit_visitor, refuse_visitor, check_answers, loop_found>;

/// Detects whether a service's `local_addr` leads back to the service's own port on the server, so
/// that each visitor causes another one endlessly; pure bookkeeping.
///
/// It sees only visitors that come from the client's own address, as those of a loop do, and the
/// connections forwarded for them. In a loop no byte ever comes back, but honest visitors of a slow
/// service see that too. So there are three steps, and only the last one accuses:
///
/// 1. *Hold.* When `loop_depth` connections are unanswered, new visitors are held for up to
/// `loop_hold`, until fewer are unanswered. A loop cannot grow in this time.
/// 2. *Refuse one.* If no answer arrives, the visitor that was held first is refused. In a loop it
///    is the innermost one of a chain, and all connections of that chain end with it.
/// 3. *Judge.* The connections of such a chain end one after the other, from the newest to the
///    oldest. `loop_evidence` ends in that order prove a loop. Ends in another order do not reach
///    that number, because each must be of an older connection than all before. Without proof, the
///    next suspicion takes twice as many unanswered connections, for `loop_memory` at least.
///
/// A host that shares the client's address can imitate a loop. Therefore a proof has no consequence
/// but the report: visitors that are held are forwarded to the service, and the next chain is found
/// in the same way.
///
/// The owner calls `poll` until it returns nothing, after each other call and at `deadline`. The
/// memory is bounded by the number of visitors and connections.
class loop_detector {
 public:
  /// Records that a visitor has arrived and is held. Visitors have increasing numbers.
  void visitor_arrived(std::uint64_t visitor) { held_.push_back(visitor); }

  /// Records that a connection was forwarded. Connections have increasing numbers.
  void started(std::uint64_t forward) { silent_.insert(silent_.end(), forward); }
  /// Records that bytes came back from the service.
  void answered(std::uint64_t forward) { silent_.erase(forward); }
  /// Records that a forwarded connection has ended.
  void ended(std::uint64_t forward, time_point now) {
    if (silent_.erase(forward) == 0 || state_ != state::judging || forward >= oldest_) return;
    oldest_ = forward;
    ++evidence_;
    until_ = now + loop_unwinding;
  }

  /// Returns the next action for the owner, or nothing.
  std::optional<loop_action> poll(time_point now) {
    if (silent_.size() < loop_depth / 2 && now >= raised_until_) threshold_ = loop_depth;
    switch (state_) {
      case state::watching: return watch(now);
      case state::holding: return hold(now);
      case state::judging: break;
    }
    return judge(now);
  }

  /// Returns when `poll` must be called even if nothing is reported.
  [[nodiscard]] std::optional<time_point> deadline() const {
    switch (state_) {
      case state::watching: return std::nullopt;
      case state::holding: return std::min(until_, check_at_);
      case state::judging: break;
    }
    return until_;
  }

  /// Returns the number of visitors that are held.
  [[nodiscard]] std::size_t held() const { return held_.size(); }
  /// Returns the number of connections that have not been answered, as far as is known.
  [[nodiscard]] std::size_t silent() const { return silent_.size(); }

 private:
  enum class state { watching, holding, judging };

  std::optional<loop_action> watch(time_point now) {
    if (held_.empty()) return std::nullopt;
    if (silent_.size() < threshold_) return admit_visitor{take_first()};
    state_ = state::holding;
    until_ = now + loop_hold;
    check_at_ = now;
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
    if (now < check_at_) return std::nullopt;
    check_at_ = now + loop_check_interval;
    return check_answers{};
  }

  std::optional<loop_action> judge(time_point now) {
    if (evidence_ >= loop_evidence) {
      state_ = state::watching;
      return loop_found{};
    }
    if (now < until_) return std::nullopt;
    threshold_ = std::max(threshold_, 2 * silent_.size());
    raised_until_ = now + loop_memory;
    state_ = state::watching;
    return watch(now);
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
  time_point raised_until_ = time_point::min();
  /// When the current state ends.
  time_point until_{};
  time_point check_at_{};
  /// The oldest connection that ended while judging.
  std::uint64_t oldest_ = 0;
  /// How many connections ended while judging that were older than all that ended before.
  std::size_t evidence_ = 0;
};

}  // namespace rathole::protocol
