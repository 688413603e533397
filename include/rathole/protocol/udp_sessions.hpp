#pragma once

#include <rathole/core/ip_endpoint.hpp>
#include <rathole/core/time.hpp>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <unordered_map>
#include <utility>

namespace rathole::protocol {

/// Remembers the UDP visitors of a service, each with a `Value`; pure bookkeeping. They are ordered
/// by their last traffic: the visitor that has been idle longest makes room for a new one, and each
/// is forgotten after the idle timeout. No operation visits every visitor, and traffic of a known
/// one allocates no memory. The time that is passed never goes backwards.
template <class Value>
class udp_sessions {
 public:
  /// Makes an empty table for at most `limit` visitors, at least 1. `seed` must be unknown to
  /// others; it protects the hash table from chosen collisions.
  udp_sessions(std::size_t limit, duration idle_timeout, std::uint64_t seed)
      : limit_(std::max<std::size_t>(limit, 1)),
        idle_timeout_(idle_timeout),
        index_(0, ip_endpoint_hash{seed}) {}

  /// Returns the value of a visitor that has traffic at `now`, or null if it is unknown. The
  /// pointer is valid until the visitor is forgotten.
  Value* touch(const ip_endpoint& visitor, time_point now) {
    const auto found = index_.find(visitor);
    if (found == index_.end()) return nullptr;
    found->second->last = now;
    order_.splice(order_.end(), order_, found->second);
    return &found->second->value;
  }

  /// Adds an unknown visitor that has traffic at `now`. The table must not be `full()`. The
  /// reference is valid until the visitor is forgotten. If memory runs out, nothing changes.
  Value& add(const ip_endpoint& visitor, Value value, time_point now) {
    assert(!full() && !index_.contains(visitor));
    session_list added;
    added.push_back({visitor, now, std::move(value)});
    index_.emplace(visitor, added.begin());
    order_.splice(order_.end(), added);
    return order_.back().value;
  }

  /// Returns whether a visitor must be forgotten before the next `add`.
  [[nodiscard]] bool full() const { return order_.size() >= limit_; }

  /// Forgets the visitor that has been idle longest, and returns its value. The table must not be
  /// empty.
  Value pop_oldest() {
    assert(!order_.empty());
    session oldest = std::move(order_.front());
    index_.erase(oldest.visitor);
    order_.pop_front();
    return std::move(oldest.value);
  }

  /// Forgets one visitor that has reached the idle timeout, and returns its value; nothing if there
  /// is none.
  std::optional<Value> expire(time_point now) {
    const auto due = deadline();
    if (!due || now < *due) return std::nullopt;
    return pop_oldest();
  }

  /// Returns when the next visitor reaches the idle timeout.
  [[nodiscard]] std::optional<time_point> deadline() const {
    if (order_.empty()) return std::nullopt;
    return order_.front().last + idle_timeout_;
  }

  /// Forgets a visitor, if it is known.
  void erase(const ip_endpoint& visitor) {
    const auto found = index_.find(visitor);
    if (found == index_.end()) return;
    order_.erase(found->second);
    index_.erase(found);
  }

  /// Changes the limits. While there are more than `limit` visitors, the caller must call
  /// `pop_oldest`.
  void set_limits(std::size_t limit, duration idle_timeout) {
    limit_ = std::max<std::size_t>(limit, 1);
    idle_timeout_ = idle_timeout;
  }

  /// Returns the largest number of visitors.
  [[nodiscard]] std::size_t limit() const { return limit_; }
  /// Returns the number of visitors.
  [[nodiscard]] std::size_t size() const { return order_.size(); }
  /// Returns whether there are no visitors.
  [[nodiscard]] bool empty() const { return order_.empty(); }

  /// Forgets all visitors.
  void clear() {
    index_.clear();
    order_.clear();
  }

 private:
  struct session {
    ip_endpoint visitor;
    time_point last;
    Value value;
  };
  using session_list = std::list<session>;

  std::size_t limit_;
  duration idle_timeout_;
  /// The visitors; the one that has been idle longest is the first.
  session_list order_;
  std::unordered_map<ip_endpoint, typename session_list::iterator, ip_endpoint_hash> index_;
};

}  // namespace rathole::protocol
