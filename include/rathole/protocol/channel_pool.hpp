#pragma once

#include <rathole/core/keyed_queue.hpp>
#include <rathole/core/time.hpp>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <utility>
#include <variant>

namespace rathole::protocol {

/// Data channels that wait for visitors (upstream: 8 for TCP).
inline constexpr std::size_t default_pool_size = 8;
/// Idle data channels that an authenticated client may hold.
inline constexpr std::size_t default_max_idle = 256;
/// Visitors that may wait for a data channel (upstream: 2048).
inline constexpr std::size_t default_max_waiting_visitors = 2048;
/// How long a visitor waits for a data channel (upstream: for ever).
inline constexpr duration default_visitor_timeout = std::chrono::seconds(10);
/// How long a commanded data channel may take before it is commanded again (upstream: for ever);
/// less than a visitor waits, so that one lost command loses no visitor.
inline constexpr duration default_request_timeout = std::chrono::seconds(5);
/// Data channels that are tried for one visitor.
inline constexpr unsigned max_start_attempts = 3;

/// The pause in replacing idle data channels after the second loss in a row; each further loss
/// doubles it, up to `longest_replacement_pause` (upstream: never a pause).
inline constexpr duration replacement_pause = std::chrono::milliseconds(100);
inline constexpr duration longest_replacement_pause = std::chrono::seconds(1);
/// The longest pause in commanding idle data channels anew while commands stay without an answer.
/// There is none after the first time, then it is `request_timeout`, and it doubles each time.
inline constexpr duration longest_silence_pause = std::chrono::seconds(60);
/// Losses further apart than this are not in a row.
inline constexpr duration losses_apart = std::chrono::seconds(10);

/// The bounds of a `channel_pool`.
struct pool_limits {
  pool_limits() = default;

  /// Data channels kept idle or on their way while no visitor waits; at most `max_idle` count.
  std::size_t size = default_pool_size;
  std::size_t max_idle = default_max_idle;
  /// Visitors that wait, those included whose data channel is being started.
  std::size_t max_waiting_visitors = default_max_waiting_visitors;
  duration visitor_timeout = default_visitor_timeout;
  duration request_timeout = default_request_timeout;

  /// The most data channels that are ever commanded and not yet there.
  [[nodiscard]] constexpr std::size_t max_outstanding() const {
    return std::min(size, max_idle) + max_waiting_visitors;
  }
};

/// How the owner names a visitor: never used again for another one.
using visitor_id = std::uint64_t;
/// How the owner names a data channel: never used again for another one.
using channel_id = std::uint64_t;

/// Start the visitor's traffic on the channel; neither is in the pool any more. The owner answers
/// with `started` or `start_failed`.
struct assign {
  visitor_id visitor;
  channel_id channel;
  bool operator==(const assign&) const = default;
};

/// Command one more data channel.
struct request_channel {
  bool operator==(const request_channel&) const = default;
};

/// Close the visitor: too many wait, or `max_start_attempts` channels failed it.
struct refuse {
  visitor_id visitor;
  bool operator==(const refuse&) const = default;
};

/// Close the visitor: it waited for too long.
struct expire {
  visitor_id visitor;
  bool operator==(const expire&) const = default;
};

/// Close the data channel: too many are idle, or more than `size` are and none is on its way.
struct reject {
  channel_id channel;
  bool operator==(const reject&) const = default;
};

/// What a `channel_pool` wants done.
using pool_action = std::variant<assign, request_channel, refuse, expire, reject>;

/// Matches the visitors of one service with the data channels of its client; pure bookkeeping.
///
/// It commands data channels so that those idle and those on their way are together `size` plus
/// the visitors that wait. Upstream's clients thus see what upstream's server does: `size`
/// commands at the start, and one for each visitor. The oldest visitor comes first, and gets the
/// oldest idle channel. Channels that visitors left behind are closed once no other is on its way.
///
/// An idle channel that is lost is replaced at once, but when losses come in a row, only after a
/// pause: channels that die as soon as they come must not keep both sides busy. Likewise commands
/// for idle channels are repeated ever more rarely while none is answered, for a client whose every
/// dial fails would otherwise be kept dialling. A visitor's own command is never held back.
///
/// The owner tells what happens and calls `poll` until it yields nothing, after each such call and
/// at `deadline`. Time never goes backwards. No call looks at every visitor or channel, and all
/// that is kept is bounded by `pool_limits`. Where memory runs out in a call it changes nothing.
class channel_pool {
 public:
  explicit channel_pool(pool_limits limits = {}) : limits_(limits) {
    // A pool that could not hold its own size would command and reject for ever.
    limits_.size = std::min(limits_.size, limits_.max_idle);
  }

  /// New bounds from now on. `visitor_timeout` is also that of the visitors that wait; none of them is
  /// refused because fewer may.
  void set_limits(pool_limits limits) {
    limits_ = limits;
    limits_.size = std::min(limits_.size, limits_.max_idle);
    held_ = std::min(held_, limits_.size);
    unanswered_ = std::min(unanswered_, limits_.size);
  }

  /// A visitor was accepted. The newest is refused if too many wait.
  void visitor_arrived(visitor_id visitor, time_point now) {
    if (waiting_.size() + starting_.size() >= limits_.max_waiting_visitors) {
      refused_.push_back(visitor);
      return;
    }
    waiting_.insert(next_ticket_, visitor, {next_ticket_, now, 0});
    ++next_ticket_;
  }

  /// A data channel of the service's client arrived, commanded or not.
  void channel_arrived(channel_id channel) {
    idle_.insert(next_ticket_, channel, {});
    ++next_ticket_;
    if (!outstanding_.empty()) outstanding_.pop_front();
    unanswered_ = 0;
    silence_pause_ = duration::zero();
    silent_until_ = time_point::min();
  }

  /// The peer closed a data channel; nothing happens unless it is idle.
  void channel_lost(channel_id channel) { lost_ += idle_.erase(channel); }

  /// Refuses the newest visitor that waits and has no channel; none if there is none.
  std::optional<visitor_id> refuse_newest() {
    if (waiting_.empty()) return std::nullopt;
    refused_.push_back(waiting_.back().key);
    waiting_.pop_back();
    return refused_.back();
  }

  /// The traffic of an assigned visitor has started: the pool forgets it.
  void started(visitor_id visitor) { starting_.erase(visitor); }

  /// The channel of an assigned visitor was dead. The visitor waits again, at its old place and
  /// since its arrival, unless it was its last attempt.
  void start_failed(visitor_id visitor) {
    const auto found = starting_.find(visitor);
    if (found == starting_.end()) return;
    const waiting_visitor state = found->second;
    if (state.attempts < max_start_attempts) {
      waiting_.insert(state.ticket, visitor, state);
    } else {
      refused_.push_back(visitor);
    }
    starting_.erase(found);
  }

  /// The next thing to do, if any.
  std::optional<pool_action> poll(time_point now) {
    pace_replacements(now);
    if (!refused_.empty()) {
      const visitor_id visitor = refused_.front();
      refused_.pop_front();
      return refuse{visitor};
    }
    if (!waiting_.empty() && !idle_.empty()) return match();
    if (!waiting_.empty() && first_deadline() <= now) {
      return expire{waiting_.pop_front().key};
    }
    if (idle_.size() > limits_.max_idle) return reject{idle_.pop_back().key};
    give_up_commands(now);
    const std::size_t held_back = std::min(held_ + unanswered_, limits_.size);
    if (outstanding_.size() + idle_.size() < limits_.size - held_back + waiting_.size()) {
      outstanding_.push_back(now);
      return request_channel{};
    }
    if (outstanding_.empty() && idle_.size() > limits_.size) return reject{idle_.pop_back().key};
    return std::nullopt;
  }

  /// The next time at which `poll` matters although nothing happened.
  [[nodiscard]] std::optional<time_point> deadline() const {
    std::optional<time_point> out;
    if (!waiting_.empty()) out = first_deadline();
    if (!outstanding_.empty()) {
      const time_point late = outstanding_.front() + limits_.request_timeout;
      out = std::min(out.value_or(late), late);
    }
    if (held_ > 0) out = std::min(out.value_or(paused_until_), paused_until_);
    if (unanswered_ > 0) out = std::min(out.value_or(silent_until_), silent_until_);
    return out;
  }

  /// Visitors that wait for a channel.
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }
  /// Visitors whose channel is being started.
  [[nodiscard]] std::size_t starting() const { return starting_.size(); }
  /// Channels that wait for a visitor.
  [[nodiscard]] std::size_t idle() const { return idle_.size(); }
  /// Channels that are commanded and not yet there.
  [[nodiscard]] std::size_t outstanding() const { return outstanding_.size(); }

 private:
  struct waiting_visitor {
    std::uint64_t ticket;
    time_point arrived;
    unsigned attempts;
  };

  /// Decides how many of the lost channels are not to be replaced yet.
  void pace_replacements(time_point now) {
    const std::size_t lost = std::exchange(lost_, 0);
    if (now >= paused_until_) {
      held_ = 0;
      if (lost == 0) return;
      if (now >= forgotten_at_) pause_ = duration::zero();
      paused_until_ = now + pause_;
      forgotten_at_ = paused_until_ + losses_apart;
      pause_ = std::clamp(2 * pause_, replacement_pause, longest_replacement_pause);
    }
    // All that die during one pause count as one loss.
    if (now < paused_until_) held_ = std::min(held_ + lost, limits_.size);
  }

  /// Forgets the commands that were not answered in time, and decides how many of them are not to
  /// be repeated yet.
  void give_up_commands(time_point now) {
    std::size_t late = 0;
    while (!outstanding_.empty() && outstanding_.front() + limits_.request_timeout <= now) {
      outstanding_.pop_front();
      ++late;
    }
    if (late > 0 && now >= silent_until_) {
      silent_until_ = now + silence_pause_;
      silence_pause_ = std::max(2 * silence_pause_, limits_.request_timeout);
      silence_pause_ = std::min(silence_pause_, longest_silence_pause);
    }
    if (late > 0) unanswered_ = std::min(unanswered_ + late, limits_.size);
    if (now >= silent_until_) unanswered_ = 0;
  }

  /// When the first visitor that waits has waited for too long; there is one.
  [[nodiscard]] time_point first_deadline() const {
    return waiting_.front().value.arrived + limits_.visitor_timeout;
  }

  assign match() {
    const auto& [visitor, state] = waiting_.front();
    const auto chosen = starting_.emplace(visitor, state).first;
    ++chosen->second.attempts;
    waiting_.pop_front();
    return {chosen->first, idle_.pop_front().key};
  }

  pool_limits limits_;
  // Tickets are in the order of arrival, so the first in the queue also has the first deadline.
  std::uint64_t next_ticket_ = 0;
  keyed_queue<visitor_id, waiting_visitor> waiting_;
  std::unordered_map<visitor_id, waiting_visitor> starting_;
  keyed_queue<channel_id, std::monostate> idle_;
  std::deque<time_point> outstanding_;
  std::deque<visitor_id> refused_;
  /// Losses that `poll` has not seen.
  std::size_t lost_ = 0;
  /// Replacements that wait for the end of the pause.
  std::size_t held_ = 0;
  /// After the next loss.
  duration pause_ = duration::zero();
  time_point paused_until_ = time_point::min();
  time_point forgotten_at_ = time_point::min();
  /// Commands without an answer that are not repeated before `silent_until_`.
  std::size_t unanswered_ = 0;
  /// After the next command without an answer.
  duration silence_pause_ = duration::zero();
  time_point silent_until_ = time_point::min();
};

}  // namespace rathole::protocol
