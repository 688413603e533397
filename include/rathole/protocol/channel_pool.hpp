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

/// The default number of data channels kept ready for visitors (upstream: 8 for TCP).
inline constexpr std::size_t default_pool_size = 8;
/// The default limit on the idle data channels of an authenticated client.
inline constexpr std::size_t default_max_idle = 256;
/// The default limit on visitors that wait for a data channel (upstream: 2048).
inline constexpr std::size_t default_max_waiting_visitors = 2048;
/// The default time that a visitor waits for a data channel (upstream: without limit).
inline constexpr duration default_visitor_timeout = std::chrono::seconds(10);
/// The default time until a requested data channel is requested again (upstream: without limit).
/// It is shorter than a visitor waits, so that one lost request loses no visitor.
inline constexpr duration default_request_timeout = std::chrono::seconds(5);
/// The largest number of data channels that are tried for one visitor.
inline constexpr unsigned max_start_attempts = 3;

/// The pause before idle data channels are replaced after the second loss in a row. Each further
/// loss doubles it, up to `longest_replacement_pause` (upstream: no pause).
inline constexpr duration replacement_pause = std::chrono::milliseconds(100);
/// The longest pause before idle data channels are replaced.
inline constexpr duration longest_replacement_pause = std::chrono::seconds(1);
/// The longest pause before unanswered requests for idle data channels are repeated. The first
/// repetition has no pause, the next one `request_timeout`, and each further one doubles it.
inline constexpr duration longest_unanswered_pause = std::chrono::seconds(60);
/// The time after which a further loss no longer counts as in a row with the previous one.
inline constexpr duration loss_window = std::chrono::seconds(10);

/// The limits on what a `channel_pool` holds and how long it waits.
struct pool_limits {
  /// Makes the default limits.
  pool_limits() = default;

  /// The number of data channels to keep idle or requested without visitors; at most `max_idle`.
  std::size_t size = default_pool_size;
  /// The most idle data channels.
  std::size_t max_idle = default_max_idle;
  /// The most waiting visitors, including those whose data channel is being started.
  std::size_t max_waiting_visitors = default_max_waiting_visitors;
  /// How long a visitor waits for a data channel.
  duration visitor_timeout = default_visitor_timeout;
  /// How long a requested data channel may take before it is requested again.
  duration request_timeout = default_request_timeout;

  /// Returns the largest number of data channels that may be requested and not have arrived.
  [[nodiscard]] constexpr std::size_t max_outstanding() const {
    return std::min(size, max_idle) + max_waiting_visitors;
  }
};

/// The number of a visitor; assigned by the owner and never reused.
using visitor_id = std::uint64_t;
/// The number of a data channel; assigned by the owner and never reused.
using channel_id = std::uint64_t;

/// Asks the owner to start the visitor's traffic on the channel and to report `started` or
/// `start_failed`. The channel has left the pool.
struct assign {
  /// The visitor to serve.
  visitor_id visitor;
  /// The channel that the visitor gets.
  channel_id channel;
  /// Compares all members.
  bool operator==(const assign&) const = default;
};

/// Asks the owner to request one more data channel from the client.
struct request_channel {
  /// Compares all members.
  bool operator==(const request_channel&) const = default;
};

/// Asks the owner to close a visitor: too many wait, or `max_start_attempts` have failed.
struct refuse {
  /// The visitor to close.
  visitor_id visitor;
  /// Compares all members.
  bool operator==(const refuse&) const = default;
};

/// Asks the owner to close a visitor, because it has waited for `visitor_timeout`.
struct expire {
  /// The visitor to close.
  visitor_id visitor;
  /// Compares all members.
  bool operator==(const expire&) const = default;
};

/// Asks the owner to close a data channel: more than `max_idle` are idle, or more than `size` are
/// idle and no requested one is outstanding.
struct reject {
  /// The channel to close.
  channel_id channel;
  /// Compares all members.
  bool operator==(const reject&) const = default;
};

/// An action that a `channel_pool` asks its owner to perform.
using pool_action = std::variant<assign, request_channel, refuse, expire, reject>;

/// Matches the visitors of one service with the data channels of its client; pure bookkeeping.
///
/// The pool keeps as many data channels idle or requested as `size` plus the waiting visitors.
/// Upstream's clients thus see what upstream's server does: `size` requests at the start, and one
/// for each visitor. The visitor that has waited longest is served first, with the oldest idle
/// channel. Surplus idle channels are closed once no request is outstanding.
///
/// A lost idle channel is replaced at once, but after a pause if losses come in a row, so that
/// channels that die on arrival do not keep both sides busy. Likewise, requests for idle channels
/// are repeated ever more rarely while none is answered: a client that cannot dial must not try all
/// the time. Requests for visitors are never delayed.
///
/// The owner reports what happens, and calls `poll` until it returns nothing, after each report and
/// at `deadline`. Time never goes backwards. No call visits every visitor or channel, and the
/// memory is bounded by `pool_limits`. If memory runs out in a call, nothing changes.
class channel_pool {
 public:
  /// Makes an empty pool. `limits.size` is reduced to `limits.max_idle` if it is larger.
  explicit channel_pool(pool_limits limits = {}) : limits_(limits) {
    // A pool that may not hold its own size would request and reject channels endlessly.
    limits_.size = std::min(limits_.size, limits_.max_idle);
  }

  /// Changes the limits. Visitors that already wait get the new `visitor_timeout`, and none of them
  /// is refused because of a lower limit.
  void set_limits(pool_limits limits) {
    limits_ = limits;
    limits_.size = std::min(limits_.size, limits_.max_idle);
    held_ = std::min(held_, limits_.size);
    unanswered_ = std::min(unanswered_, limits_.size);
  }

  /// Records that a visitor was accepted. It is refused at the next `poll` if too many wait.
  void visitor_arrived(visitor_id visitor, time_point now) {
    if (waiting_.size() + starting_.size() >= limits_.max_waiting_visitors) {
      refused_.push_back(visitor);
      return;
    }
    waiting_.insert(next_ticket_, visitor, {next_ticket_, now, 0});
    ++next_ticket_;
  }

  /// Records that a data channel of the service's client has arrived, requested or not.
  void channel_arrived(channel_id channel) {
    idle_.insert(next_ticket_, channel, {});
    ++next_ticket_;
    if (!outstanding_.empty()) outstanding_.pop_front();
    unanswered_ = 0;
    unanswered_pause_ = duration::zero();
    unanswered_until_ = time_point::min();
  }

  /// Records that the peer closed a data channel; has no effect unless the channel is idle.
  void channel_lost(channel_id channel) { lost_ += idle_.erase(channel); }

  /// Refuses the newest visitor without a channel and returns it; nothing if none waits.
  std::optional<visitor_id> refuse_newest() {
    if (waiting_.empty()) return std::nullopt;
    refused_.push_back(waiting_.back().key);
    waiting_.pop_back();
    return refused_.back();
  }

  /// Records that the traffic of an assigned visitor has started; the pool forgets the visitor.
  void started(visitor_id visitor) { starting_.erase(visitor); }

  /// Records that the channel of an assigned visitor was dead. The visitor waits again, at its old
  /// position and with its old deadline, unless this was its last attempt.
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

  /// Returns the next action for the owner, or nothing.
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

  /// Returns when `poll` must be called even if nothing is reported.
  [[nodiscard]] std::optional<time_point> deadline() const {
    std::optional<time_point> out;
    if (!waiting_.empty()) out = first_deadline();
    if (!outstanding_.empty()) {
      const time_point late = outstanding_.front() + limits_.request_timeout;
      out = std::min(out.value_or(late), late);
    }
    if (held_ > 0) out = std::min(out.value_or(paused_until_), paused_until_);
    if (unanswered_ > 0) out = std::min(out.value_or(unanswered_until_), unanswered_until_);
    return out;
  }

  /// Returns the number of visitors that wait for a channel.
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }
  /// Returns the number of visitors whose channel is being started.
  [[nodiscard]] std::size_t starting() const { return starting_.size(); }
  /// Returns the number of channels that wait for a visitor.
  [[nodiscard]] std::size_t idle() const { return idle_.size(); }
  /// Returns the number of channels that were requested and have not arrived.
  [[nodiscard]] std::size_t outstanding() const { return outstanding_.size(); }

 private:
  struct waiting_visitor {
    std::uint64_t ticket;
    time_point arrived;
    unsigned attempts;
  };

  /// Decides how many of the lost channels must not be replaced yet.
  void pace_replacements(time_point now) {
    const std::size_t lost = std::exchange(lost_, 0);
    if (now >= paused_until_) {
      held_ = 0;
      if (lost == 0) return;
      if (now >= forgotten_at_) pause_ = duration::zero();
      paused_until_ = now + pause_;
      forgotten_at_ = paused_until_ + loss_window;
      pause_ = std::clamp(2 * pause_, replacement_pause, longest_replacement_pause);
    }
    // All channels that die during one pause count as one loss.
    if (now < paused_until_) held_ = std::min(held_ + lost, limits_.size);
  }

  /// Forgets overdue requests, and decides how many of them must not be repeated yet.
  void give_up_commands(time_point now) {
    std::size_t late = 0;
    while (!outstanding_.empty() && outstanding_.front() + limits_.request_timeout <= now) {
      outstanding_.pop_front();
      ++late;
    }
    if (late > 0 && now >= unanswered_until_) {
      unanswered_until_ = now + unanswered_pause_;
      unanswered_pause_ = std::max(2 * unanswered_pause_, limits_.request_timeout);
      unanswered_pause_ = std::min(unanswered_pause_, longest_unanswered_pause);
    }
    if (late > 0) unanswered_ = std::min(unanswered_ + late, limits_.size);
    if (now >= unanswered_until_) unanswered_ = 0;
  }

  /// Returns the deadline of the visitor that has waited longest; at least one waits.
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
  // Tickets are in the order of arrival, so the first visitor also has the first deadline.
  std::uint64_t next_ticket_ = 0;
  keyed_queue<visitor_id, waiting_visitor> waiting_;
  std::unordered_map<visitor_id, waiting_visitor> starting_;
  keyed_queue<channel_id, std::monostate> idle_;
  std::deque<time_point> outstanding_;
  std::deque<visitor_id> refused_;
  std::size_t lost_ = 0;
  /// How many replacements wait for the end of the pause.
  std::size_t held_ = 0;
  duration pause_ = duration::zero();
  time_point paused_until_ = time_point::min();
  time_point forgotten_at_ = time_point::min();
  /// How many unanswered requests are not repeated before `unanswered_until_`.
  std::size_t unanswered_ = 0;
  duration unanswered_pause_ = duration::zero();
  time_point unanswered_until_ = time_point::min();
};

}  // namespace rathole::protocol
