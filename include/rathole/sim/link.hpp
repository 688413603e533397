#pragma once

#include <rathole/sim/faults.hpp>
#include <rathole/sim/scheduler.hpp>
#include <rathole/sim/seeded_rng.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <vector>

namespace rathole::sim {

/// A user of a link, which is notified when the link fails.
class link_user {
 public:
  /// Called when the connection is lost: both ends see a reset, without any packet.
  virtual void lose() = 0;
  /// Called when nothing more will arrive. `stays_so()` returns later whether this is still true.
  virtual void fall_silent(std::function<bool()> stays_so) = 0;

 protected:
  /// Ends the use; the owner of the link never destroys its users.
  ~link_user() = default;
};

/// Simulates both directions between two hosts, or between a host and itself.
class link {
 public:
  /// Makes a link with the conditions `start`; `seed` determines its random choices.
  link(scheduler& when, std::uint64_t seed, const link_conditions& start)
      : conditions(start), scheduler_(&when), rng_(seed) {}
  link(const link&) = delete;
  link& operator=(const link&) = delete;

  /// The conditions, which may be changed at any time.
  link_conditions conditions;

  /// Delivers `packet` after the link's delay, but not before `*latest`, and stores the time of
  /// arrival in `*latest`.
  void send(time_point* latest, scheduler::callback packet) {
    *latest = std::max(*latest, scheduler_->now() + delay());
    scheduler_->call_at(*latest, [this, packet = std::move(packet)]() mutable {
      if (partitioned_) {
        held_.push_back(std::move(packet));
      } else {
        packet();
      }
    });
  }

  /// Delivers a datagram after the link's delay, or loses it. A partition loses all datagrams that
  /// are under way.
  void send_datagram(scheduler::callback packet) {
    if (rng_.between(1, 1000) <= conditions.datagram_loss) return;
    auto arrive = [this, epoch = epoch_, packet = std::move(packet)]() mutable {
      if (!partitioned_ && epoch == epoch_) packet();
    };
    scheduler_->call_at(scheduler_->now() + delay(), std::move(arrive));
  }

  /// Returns how many of `available` bytes a read returns.
  std::size_t read_size(std::size_t available) {
    if (conditions.max_read == std::numeric_limits<std::size_t>::max()) return available;
    return std::min<std::size_t>(available, rng_.between(1, conditions.max_read));
  }

  /// Stops the delivery of all packets without notifying the programs.
  void partition() {
    if (partitioned_) return;
    partitioned_ = true;
    for_each_user([this](link_user& user) {
      user.fall_silent([this, epoch = epoch_] { return partitioned_ && epoch == epoch_; });
    });
  }

  /// Returns whether the link is partitioned.
  [[nodiscard]] bool is_partitioned() const { return partitioned_; }

  /// Ends the partition. Packets that were sent during it arrive now, as by TCP's retransmission.
  void heal() {
    partitioned_ = false;
    ++epoch_;
    for (auto& packet : std::exchange(held_, {})) packet();
  }

  /// Resets every connection over this link.
  void lose_connections() {
    for_each_user([](link_user& user) { user.lose(); });
  }

  /// Adds `user` to those that are notified of failures; returns a number for `leave`.
  std::uint64_t join(link_user& user) {
    users_.emplace(++joined_, &user);
    return joined_;
  }
  /// Removes the user with that number.
  void leave(std::uint64_t number) { users_.erase(number); }

  /// Drops the packets that a partition holds.
  void drop() { const auto dropped = std::exchange(held_, {}); }

 private:
  duration delay() {
    const auto shortest = static_cast<std::uint64_t>(conditions.min_delay.count());
    const auto longest = static_cast<std::uint64_t>(conditions.max_delay.count());
    return duration(static_cast<duration::rep>(rng_.between(shortest, longest)));
  }

  template <class Action>
  void for_each_user(Action action) {
    for (auto& [number, user] : users_) action(*user);
  }

  scheduler* scheduler_;
  seeded_rng rng_;
  bool partitioned_ = false;
  std::uint64_t epoch_ = 0;
  std::vector<scheduler::callback> held_;
  std::map<std::uint64_t, link_user*> users_;
  std::uint64_t joined_ = 0;
};

}  // namespace rathole::sim
