#pragma once

#include <rathole/core/ip_endpoint.hpp>
#include <rathole/core/random.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/protocol/udp_sessions.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <utility>

namespace rathole::io {

/// Remembers the UDP visitors of a service in a runtime: `protocol::udp_sessions` with a timer that
/// forgets idle visitors and with a secret random seed.
template <Runtime R, class Value>
class udp_visitors {
 public:
  /// Makes an empty table in the runtime `runtime`, which must outlive it. `forget` is called with
  /// the value of each visitor that is forgotten, except by `erase`.
  udp_visitors(R& runtime, std::size_t limit, duration idle_timeout,
               std::move_only_function<void(Value&)> forget)
      : runtime_(runtime),
        seed_(draw(runtime)),
        sessions_(limit, idle_timeout, seed_),
        timer_(runtime),
        forget_(std::move(forget)) {}

  /// Returns the value of a visitor that has traffic at `now`, or null if it is unknown. The
  /// pointer is valid until the visitor is forgotten.
  Value* touch(const ip_endpoint& visitor, time_point now) { return sessions_.touch(visitor, now); }

  /// Adds an unknown visitor; if the table is `full()`, the visitor that has been idle longest is
  /// forgotten. The reference is valid until the visitor is forgotten.
  Value& add(const ip_endpoint& visitor, Value value, time_point now) {
    if (full()) forget_oldest();
    Value& added = sessions_.add(visitor, std::move(value), now);
    arm();
    return added;
  }

  /// Returns whether adding a visitor makes another one be forgotten.
  [[nodiscard]] bool full() const { return sessions_.full() || sessions_.size() >= ceiling_; }
  /// Returns the number of visitors.
  [[nodiscard]] std::size_t size() const { return sessions_.size(); }

  /// Removes a visitor, if it is known, without calling `forget`.
  void erase(const ip_endpoint& visitor) { sessions_.erase(visitor); }

  /// Changes the limits, which apply at once.
  void set_limits(std::size_t limit, duration idle_timeout) {
    sessions_.set_limits(limit, idle_timeout);
    while (sessions_.size() > sessions_.limit()) forget_oldest();
    expire();
  }

  /// Sets a further limit, at least 1. If there are more visitors now, each new one replaces one.
  void set_ceiling(std::size_t ceiling) { ceiling_ = ceiling; }

  /// Forgets all visitors.
  void clear() {
    timer_.disarm();
    armed_ = false;
    while (!sessions_.empty()) forget_oldest();
  }

  /// Returns a number below `count` for a visitor, which distributes visitors evenly.
  [[nodiscard]] std::size_t hash_index(const ip_endpoint& visitor, std::size_t count) const {
    return ip_endpoint_hash{seed_}(visitor) % count;
  }

 private:
  static std::uint64_t draw(R& runtime) {
    auto rng = runtime.rng();
    return random_bits(rng);
  }

  void forget_oldest() {
    Value gone = sessions_.pop_oldest();
    forget_(gone);
  }

  void expire() {
    const time_point now = runtime_.now();
    while (auto gone = sessions_.expire(now)) forget_(*gone);
    armed_ = false;
    arm();
  }

  /// Arms the timer for the deadline, or leaves an earlier one: an early timer costs less than
  /// setting the timer for every datagram.
  void arm() {
    const auto deadline = sessions_.deadline();
    if (armed_ || !deadline) return;
    armed_ = true;
    timer_.arm(*deadline, [this] { expire(); });
  }

  R& runtime_;
  const std::uint64_t seed_;
  protocol::udp_sessions<Value> sessions_;
  typename R::timer timer_;
  std::move_only_function<void(Value&)> forget_;
  std::size_t ceiling_ = std::numeric_limits<std::size_t>::max();
  bool armed_ = false;
};

}  // namespace rathole::io
