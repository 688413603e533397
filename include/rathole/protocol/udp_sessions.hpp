#pragma once

#include <rathole/core/time.hpp>
#include <rathole/core/udp_endpoint.hpp>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <unordered_map>
#include <utility>

namespace rathole::protocol {

/// The UDP visitors of a service that are remembered, each with a `Value`; pure bookkeeping. They
/// stand in the order of their last traffic: the one that was silent for the longest makes room for
/// a new one, and each is forgotten after the idle time-out. No operation looks at every visitor,
/// and traffic of a known one allocates nothing. Time never goes backwards.
template <class Value>
class udp_sessions {
 public:
  /// At most `limit` visitors, at least 1. `seed` is what others cannot know, for the hash table.
  udp_sessions(std::size_t limit, duration idle_timeout, std::uint64_t seed)
      : limit_(std::max<std::size_t>(limit, 1)),
        idle_timeout_(idle_timeout),
        index_(0, udp_endpoint_hash{seed}) {}

  /// The value of a visitor who has traffic now, or null; valid until he is forgotten.
  Value* touch(const udp_endpoint& visitor, time_point now) {
    const auto found = index_.find(visitor);
    if (found == index_.end()) return nullptr;
    found->second->last = now;
    order_.splice(order_.end(), order_, found->second);
    return &found->second->value;
  }

  /// Remembers a visitor that is not known, who has traffic now. `full()` is false. Where memory runs
  /// out nothing changes.
  Value& add(const udp_endpoint& visitor, Value value, time_point now) {
    assert(!full() && !index_.contains(visitor));
    session_list added;
    added.push_back({visitor, now, std::move(value)});
    index_.emplace(visitor, added.begin());
    order_.splice(order_.end(), added);
    return order_.back().value;
  }

  /// Whether somebody must be forgotten before the next `add`.
  [[nodiscard]] bool full() const { return order_.size() >= limit_; }

  /// Forgets the visitor that was silent for the longest; there is one.
  Value pop_oldest() {
    assert(!order_.empty());
    session oldest = std::move(order_.front());
    index_.erase(oldest.visitor);
    order_.pop_front();
    return std::move(oldest.value);
  }

  /// Forgets one visitor whose time is over, if there is one.
  std::optional<Value> expire(time_point now) {
    const auto due = deadline();
    if (!due || now < *due) return std::nullopt;
    return pop_oldest();
  }

  /// When the next visitor's time is over.
  [[nodiscard]] std::optional<time_point> deadline() const {
    if (order_.empty()) return std::nullopt;
    return order_.front().last + idle_timeout_;
  }

  /// Forgets a visitor, if he is known.
  void erase(const udp_endpoint& visitor) {
    const auto found = index_.find(visitor);
    if (found == index_.end()) return;
    order_.erase(found->second);
    index_.erase(found);
  }

  /// New bounds, from now on; `pop_oldest` is the caller's while there are more than `limit`.
  void set_limits(std::size_t limit, duration idle_timeout) {
    limit_ = std::max<std::size_t>(limit, 1);
    idle_timeout_ = idle_timeout;
  }

  [[nodiscard]] std::size_t limit() const { return limit_; }
  [[nodiscard]] std::size_t size() const { return order_.size(); }
  [[nodiscard]] bool empty() const { return order_.empty(); }

  void clear() {
    index_.clear();
    order_.clear();
  }

 private:
  struct session {
    udp_endpoint visitor;
    time_point last;
    Value value;
  };
  using session_list = std::list<session>;

  std::size_t limit_;
  duration idle_timeout_;
  /// The one that was silent for the longest is the first.
  session_list order_;
  std::unordered_map<udp_endpoint, typename session_list::iterator, udp_endpoint_hash> index_;
};

}  // namespace rathole::protocol
