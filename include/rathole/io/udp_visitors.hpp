#pragma once

#include <rathole/core/random.hpp>
#include <rathole/core/time.hpp>
#include <rathole/core/udp_endpoint.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/protocol/udp_sessions.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

namespace rathole::io {

/// The UDP visitors of a service in the world where it lives: `protocol::udp_sessions`, with a timer
/// that forgets who was idle for too long and a seed that nobody else knows.
template <Runtime R, class Value>
class udp_visitors {
 public:
  /// `forget` is called with the value of each visitor that is forgotten, for whatever reason but
  /// `erase`. The world outlives this.
  udp_visitors(R& world, std::size_t limit, duration idle_timeout,
               std::move_only_function<void(Value&)> forget)
      : world_(world),
        seed_(draw(world)),
        sessions_(limit, idle_timeout, seed_),
        timer_(world),
        forget_(std::move(forget)) {}

  /// The value of a visitor who has traffic now, or null; valid until he is forgotten.
  Value* touch(const udp_endpoint& visitor, time_point now) {
    return sessions_.touch(visitor, now);
  }

  /// Remembers a visitor that is not known; whoever was silent for the longest makes room if `full()`.
  Value& add(const udp_endpoint& visitor, Value value, time_point now) {
    if (full()) forget_oldest();
    Value& added = sessions_.add(visitor, std::move(value), now);
    arm();
    return added;
  }

  [[nodiscard]] bool full() const { return sessions_.full(); }
  [[nodiscard]] std::size_t size() const { return sessions_.size(); }

  /// Forgets a visitor, if he is known.
  void erase(const udp_endpoint& visitor) { sessions_.erase(visitor); }

  /// New bounds, which hold at once.
  void set_limits(std::size_t limit, duration idle_timeout) {
    sessions_.set_limits(limit, idle_timeout);
    while (sessions_.size() > sessions_.limit()) forget_oldest();
    expire();
  }

  /// Forgets all of them.
  void clear() {
    timer_.disarm();
    armed_ = false;
    while (!sessions_.empty()) forget_oldest();
  }

  /// A number that spreads a visitor evenly over whatever there are `count` of.
  [[nodiscard]] std::size_t spread(const udp_endpoint& visitor, std::size_t count) const {
    return udp_endpoint_hash{seed_}(visitor) % count;
  }

 private:
  static std::uint64_t draw(R& world) {
    auto rng = world.rng();
    return random_bits(rng);
  }

  void forget_oldest() {
    Value gone = sessions_.pop_oldest();
    forget_(gone);
  }

  void expire() {
    const time_point now = world_.now();
    while (auto gone = sessions_.expire(now)) forget_(*gone);
    armed_ = false;
    arm();
  }

  /// A timer that rings too early costs less than setting it anew for every datagram.
  void arm() {
    const auto deadline = sessions_.deadline();
    if (armed_ || !deadline) return;
    armed_ = true;
    timer_.arm(*deadline, [this] { expire(); });
  }

  R& world_;
  const std::uint64_t seed_;
  protocol::udp_sessions<Value> sessions_;
  typename R::timer timer_;
  std::move_only_function<void(Value&)> forget_;
  bool armed_ = false;
};

}  // namespace rathole::io
