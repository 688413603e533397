#pragma once

#include <rathole/core/error.hpp>
#include <rathole/core/keyed_queue.hpp>
#include <rathole/core/time.hpp>
#include <rathole/protocol/channel_requests.hpp>
#include <rathole/protocol/pool_growth.hpp>
#include <rathole/protocol/replacement_pauses.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <system_error>
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
/// The limits on what a `channel_pool` holds and how long it waits.
struct pool_limits {
  /// Makes the default limits.
  pool_limits() = default;

  /// The number of data channels to keep idle or requested without visitors; at most `max_idle`.
  std::size_t size = default_pool_size;
  /// How many more data channels to keep while visitors find none idle; see `pool_growth`. A pool of
  /// the size 0 does not grow.
  std::size_t max_growth = 0;
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
    return std::min(size + max_growth, max_idle) + max_waiting_visitors;
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

/// Asks the owner to close a visitor that waits: too many wait, `max_start_attempts` have failed, or
/// the session has ended.
struct refuse {
  /// The visitor to close.
  visitor_id visitor;
  /// Why it is closed.
  std::error_code cause;
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

/// Asks the owner to close a data channel: more than `max_idle` are idle, or more than the pool keeps
/// and no requested one is outstanding, or the session has ended.
struct reject {
  /// The channel to close.
  channel_id channel;
  /// Compares all members.
  bool operator==(const reject&) const = default;
};

/// Asks the owner to close a visitor and the data channel that is being started for it, because the
/// session has ended.
struct abandon {
  /// The visitor to close.
  visitor_id visitor;
  /// The channel to close.
  channel_id channel;
  /// Why the session has ended.
  std::error_code cause;
  /// Compares all members.
  bool operator==(const abandon&) const = default;
};

/// An action that a `channel_pool` asks its owner to perform.
using pool_action = std::variant<assign, request_channel, refuse, expire, reject, abandon>;

/// Matches the visitors of a TCP service with the data channels of its client, from the start of a
/// session to its end. It does no input or output and reads no clock.
///
/// The pool keeps as many data channels idle or requested as `size` plus the waiting visitors, and
/// some more after a burst of visitors (`pool_growth`). Otherwise upstream's clients see what
/// upstream's server does: `size` requests at the start, and one for each visitor. The visitor that has waited longest is served first, with the oldest idle
/// channel. Surplus idle channels are closed once no request is outstanding. Each visitor gets
/// exactly one of: a channel that starts, `expire`, `refuse`, `abandon`; or it leaves before.
///
/// `loss_pause` delays the replacement of idle channels that are lost in a row, and
/// `unanswered_pause` that of requests that are not answered. Requests for visitors are never
/// delayed.
///
/// The owner reports what happens, and calls `poll` until it returns nothing, after each report and
/// at `deadline`. Time never goes backwards. No call visits every visitor or channel, and the
/// memory is bounded by `pool_limits`. If memory runs out in a call, nothing changes.
class channel_pool {
 public:
  /// Makes an empty pool. `limits.size` is reduced to `limits.max_idle` if it is larger.
  explicit channel_pool(pool_limits limits = {}) { set_limits(limits); }

  /// Changes the limits. Visitors that already wait get the new `visitor_timeout`, and none of them
  /// is refused because of a lower limit.
  void set_limits(pool_limits limits) {
    limits_ = limits;
    // A pool that may not hold its own size would request and reject channels endlessly.
    limits_.size = std::min(limits_.size, limits_.max_idle);
    const std::size_t room = limits_.size > 0 ? limits_.max_idle - limits_.size : 0;
    growth_.limit(std::min(limits_.max_growth, room));
    losses_.limit(limits_.size);
    unanswered_.limit(limits_.size);
  }

  /// Records that a visitor was accepted. It is refused at the next `poll` if too many wait.
  void visitor_arrived(visitor_id visitor, time_point now) {
    if (ended_because_) return refused_.push_back({visitor, *ended_because_});
    if (waiting_.size() + starting_.size() >= limits_.max_waiting_visitors) {
      return refused_.push_back({visitor, errc::limit_reached});
    }
    waiting_.insert(next_ticket_, visitor, {next_ticket_, now, 0});
    ++next_ticket_;
    if (idle_.empty()) growth_.missed();
  }

  /// Records that a visitor no longer wants a channel; the pool forgets it. Returns the channel
  /// that is being started for it, which the owner must close. Has no effect on a visitor that the
  /// pool does not know. Needs no memory.
  std::optional<channel_id> visitor_left(visitor_id visitor) {
    if (waiting_.erase(visitor)) return std::nullopt;
    if (const auto found = starting_.find(visitor); found != starting_.end()) {
      const channel_id out = found->second.channel;
      starting_.erase(found);
      return out;
    }
    std::erase_if(refused_, [visitor](const refuse& each) { return each.visitor == visitor; });
    return std::nullopt;
  }

  /// Records that a data channel of the service's client has arrived, requested or not.
  void channel_arrived(channel_id channel) {
    idle_.insert(next_ticket_, channel, {});
    ++next_ticket_;
    requests_.answered();
    unanswered_.answered();
  }

  /// Records that the peer closed a data channel; has no effect unless the channel is idle.
  void channel_lost(channel_id channel) {
    const std::size_t lost = idle_.erase(channel) ? 1 : 0;
    losses_.lost(lost - growth_.absorb(lost));
  }

  /// Refuses the newest visitor without a channel because of `cause` and returns it; nothing if
  /// none waits.
  std::optional<visitor_id> refuse_newest(std::error_code cause) {
    if (waiting_.empty()) return std::nullopt;
    refused_.push_back({waiting_.back().key, cause});
    waiting_.pop_back();
    return refused_.back().visitor;
  }

  /// Records that the traffic of an assigned visitor has started; the pool forgets the visitor.
  void started(visitor_id visitor) { starting_.erase(visitor); }

  /// Records that the channel of an assigned visitor was dead because of `cause`. The visitor waits
  /// again, at its old position and with its old deadline, unless this was its last attempt.
  void start_failed(visitor_id visitor, std::error_code cause) {
    const auto found = starting_.find(visitor);
    if (found == starting_.end()) return;
    const waiting_visitor state = found->second.visitor;
    if (state.attempts < max_start_attempts) {
      waiting_.insert(state.ticket, visitor, state);
    } else {
      refused_.push_back({visitor, cause});
    }
    starting_.erase(found);
  }

  /// Records that the session has ended because of `reason`. From now on `poll` closes each channel
  /// and each visitor, also those that arrive later, and requests nothing. Needs no memory.
  void stop(std::error_code reason) {
    ended_because_ = reason;
    requests_.clear();
  }

  /// Returns the next action for the owner, or nothing.
  std::optional<pool_action> poll(time_point now) {
    if (ended_because_) return give_up(*ended_because_);
    losses_.update(now, limits_.size);
    growth_.update(now, idle_.size());
    if (!refused_.empty()) return take_refused();
    if (!waiting_.empty() && !idle_.empty()) return match();
    if (!waiting_.empty() && first_deadline() <= now) {
      return expire{waiting_.pop_front().key};
    }
    if (idle_.size() > limits_.max_idle) return reject{idle_.pop_back().key};
    std::size_t late = requests_.forget_late(now, limits_.request_timeout);
    late -= growth_.absorb(late);
    unanswered_.update(now, late, limits_.request_timeout, limits_.size);
    if (requests_.outstanding() + idle_.size() < wanted()) {
      requests_.sent(now);
      return request_channel{};
    }
    if (requests_.outstanding() == 0 && idle_.size() > limits_.size + growth_.extra()) {
      return reject{idle_.pop_back().key};
    }
    return std::nullopt;
  }

  /// Returns when `poll` must be called even if nothing is reported.
  [[nodiscard]] std::optional<time_point> deadline() const {
    if (ended_because_) return std::nullopt;
    std::optional<time_point> out;
    const auto include = [&out](std::optional<time_point> other) {
      if (other) out = std::min(out.value_or(*other), *other);
    };
    if (!waiting_.empty()) include(first_deadline());
    include(requests_.deadline(limits_.request_timeout));
    include(losses_.deadline());
    include(unanswered_.deadline());
    include(growth_.deadline());
    return out;
  }

  /// Returns the number of visitors that wait for a channel.
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }
  /// Returns the number of visitors whose channel is being started.
  [[nodiscard]] std::size_t starting() const { return starting_.size(); }
  /// Returns the number of channels that wait for a visitor.
  [[nodiscard]] std::size_t idle() const { return idle_.size(); }
  /// Returns the number of channels that were requested and have not arrived.
  [[nodiscard]] std::size_t outstanding() const { return requests_.outstanding(); }
  /// Returns these numbers.
  [[nodiscard]] channel_counts counts() const {
    return {waiting(), starting(), idle(), outstanding()};
  }

 private:
  struct waiting_visitor {
    std::uint64_t ticket;
    time_point arrived;
    unsigned attempts;
  };
  struct starting_visitor {
    waiting_visitor visitor;
    channel_id channel;
  };

  /// Returns how many channels must be idle or requested.
  [[nodiscard]] std::size_t wanted() const {
    const std::size_t held_back = std::min(losses_.held() + unanswered_.held(), limits_.size);
    return limits_.size - held_back + growth_.extra() + waiting_.size();
  }

  /// Returns the deadline of the visitor that has waited longest; at least one waits.
  [[nodiscard]] time_point first_deadline() const {
    return waiting_.front().value.arrived + limits_.visitor_timeout;
  }

  assign match() {
    const auto& [visitor, state] = waiting_.front();
    const starting_visitor pair{state, idle_.front().key};
    const auto chosen = starting_.emplace(visitor, pair).first;
    ++chosen->second.visitor.attempts;
    waiting_.pop_front();
    idle_.pop_front();
    return {chosen->first, pair.channel};
  }

  refuse take_refused() {
    const refuse out = refused_.front();
    refused_.pop_front();
    return out;
  }

  /// Returns the next action that closes something after the end of the session. Needs no memory.
  std::optional<pool_action> give_up(std::error_code reason) {
    if (!idle_.empty()) return reject{idle_.pop_front().key};
    if (const auto first = starting_.begin(); first != starting_.end()) {
      const abandon out{first->first, first->second.channel, reason};
      starting_.erase(first);
      return out;
    }
    if (!refused_.empty()) return take_refused();
    if (!waiting_.empty()) return refuse{waiting_.pop_front().key, reason};
    return std::nullopt;
  }

  pool_limits limits_;
  // Tickets are in the order of arrival, so the first visitor also has the first deadline.
  std::uint64_t next_ticket_ = 0;
  keyed_queue<visitor_id, waiting_visitor> waiting_;
  std::map<visitor_id, starting_visitor> starting_;
  keyed_queue<channel_id, std::monostate> idle_;
  channel_requests requests_;
  std::deque<refuse> refused_;
  loss_pause losses_;
  unanswered_pause unanswered_;
  pool_growth growth_;
  /// Why the session has ended; empty before.
  std::optional<std::error_code> ended_because_;
};

}  // namespace rathole::protocol
