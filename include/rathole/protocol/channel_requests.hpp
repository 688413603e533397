#pragma once

#include <rathole/core/time.hpp>

#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>

namespace rathole::protocol {

/// The default time until a requested data channel is requested again (upstream: without limit).
/// It is shorter than a visitor waits, so that one lost request loses no visitor.
inline constexpr duration default_request_timeout = std::chrono::seconds(5);
/// The largest number of data channels that are tried for one visitor, or in a row for one slot of a
/// UDP service.
inline constexpr unsigned max_start_attempts = 3;

/// Asks the owner of a session's machine to request one more data channel from the client.
struct request_channel {
  /// Compares all members.
  bool operator==(const request_channel&) const = default;
};

/// Counts what the data channels of one session are there for.
struct channel_counts {
  /// The visitors, or the slots of a UDP service, that wait for a channel.
  std::size_t waiting = 0;
  /// The visitors or slots whose channel is being started.
  std::size_t starting = 0;
  /// The channels that wait for a visitor.
  std::size_t idle = 0;
  /// The channels that were requested and have not arrived.
  std::size_t outstanding = 0;
  /// Adds the counts of another client.
  channel_counts& operator+=(const channel_counts& other) {
    waiting += other.waiting;
    starting += other.starting;
    idle += other.idle;
    outstanding += other.outstanding;
    return *this;
  }
  /// Compares all members.
  bool operator==(const channel_counts&) const = default;
};

/// Remembers the requests for data channels that a client has not answered, in the order in which
/// they were sent. It is the part that the machines of TCP and UDP services share. The machine
/// bounds the number of requests. Time never goes backwards.
class channel_requests {
 public:
  /// Records that a request was sent at `now`. If memory runs out, nothing changes.
  void sent(time_point now) { sent_.push_back(now); }

  /// Records that a data channel has arrived, which answers the oldest request if there is one.
  void answered() {
    if (!sent_.empty()) sent_.pop_front();
  }

  /// Forgets the requests that have been unanswered for `timeout`; returns how many.
  std::size_t forget_late(time_point now, duration timeout) {
    const std::size_t before = sent_.size();
    while (!sent_.empty() && sent_.front() + timeout <= now) sent_.pop_front();
    return before - sent_.size();
  }

  /// Forgets all requests, because the session has ended.
  void clear() { sent_.clear(); }

  /// Returns the number of requests without an answer.
  [[nodiscard]] std::size_t outstanding() const { return sent_.size(); }

  /// Returns when the oldest request has been unanswered for `timeout`; nothing if there is none.
  [[nodiscard]] std::optional<time_point> deadline(duration timeout) const {
    if (sent_.empty()) return std::nullopt;
    return sent_.front() + timeout;
  }

 private:
  std::deque<time_point> sent_;
};

}  // namespace rathole::protocol
