#pragma once

#include <rathole/core/time.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <limits>
#include <optional>
#include <utility>

namespace rathole::protocol {

/// Descriptors that are left to what a `descriptor_use` does not count: standard streams, epoll
/// sets, files, pipes of bulky connections, and a listener's next accept. At most a quarter of the
/// limit.
inline constexpr std::size_t descriptor_reserve = 64;

/// How long a refusal of the system bounds the budget: what was in use then counts as all there is.
inline constexpr duration shortage_memory = std::chrono::seconds(1);

/// Descriptors that are kept free below what was in use when the system refused one.
inline constexpr std::size_t shortage_slack = 4;

/// What one client or server holds descriptors for.
struct descriptor_use {
  /// Services that share the idle data channels; no descriptors themselves.
  std::size_t services = 0;
  /// Listeners, control channels, data channels of UDP services.
  std::size_t fixed = 0;
  /// A server: connections that have not authenticated; each may become a data channel.
  std::size_t handshakes = 0;
  /// A server: idle data channels. A client: data channels that are dialled or wait for a visitor.
  std::size_t idle = 0;
  /// A server: visitors that wait for a data channel.
  std::size_t waiting = 0;
  /// Connections that are forwarded; each takes two descriptors.
  std::size_t forwards = 0;

  /// All descriptors counted here.
  [[nodiscard]] constexpr std::size_t total() const {
    return fixed + handshakes + idle + waiting + 2 * forwards;
  }

  [[nodiscard]] bool operator==(const descriptor_use&) const = default;
};

/// Counts `amount` things in a `descriptor_use` for as long as it lives. The counter outlives it,
/// and is used by one thread.
class descriptor_lease {
 public:
  explicit descriptor_lease(std::size_t& counter, std::size_t amount = 1)
      : counter_(&counter), amount_(amount) {
    counter += amount;
  }
  descriptor_lease(descriptor_lease&& from) noexcept
      : counter_(std::exchange(from.counter_, nullptr)), amount_(from.amount_) {}
  descriptor_lease& operator=(descriptor_lease&& from) noexcept {
    std::swap(counter_, from.counter_);
    std::swap(amount_, from.amount_);
    return *this;
  }
  ~descriptor_lease() { end(); }

  /// Counts no more.
  void end() {
    if (counter_) *std::exchange(counter_, nullptr) -= amount_;
  }

 private:
  std::size_t* counter_;
  std::size_t amount_;
};

/// Divides the descriptors of a process among what one client or server needs them for; pure
/// bookkeeping. Idle data channels yield to visitors, and visitors that cannot get a data channel
/// are not taken, so that descriptors never run out where they are needed to end a shortage.
///
/// * A visitor is taken if the server has a descriptor for it and one for its data channel.
/// * The idle data channels of all services have at most a quarter of the descriptors that are left
///   beside listeners and control channels, the same share for each service. While less than an
///   eighth is free, the share is 0; it comes back once visitors use no more than half.
/// * A client dials only if it has descriptors for the data channel and for the local connection
///   behind it.
///
/// If the system refuses a descriptor all the same, something else in the process holds more than
/// the reserve: for `shortage_memory` the budget is what was in use at that moment.
class descriptor_budget {
 public:
  static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max() / 4;

  explicit descriptor_budget(std::size_t limit = unlimited) { set_limit(limit); }

  /// The process may have `limit` descriptors from now on (RLIMIT_NOFILE).
  void set_limit(std::size_t limit) {
    const std::size_t counted = std::min(limit, unlimited);
    if (counted != std::exchange(limit_, counted)) elsewhere_.reset();
  }

  /// What is in use; the owner keeps it up to date, and calls `update` after a change.
  descriptor_use use;

  /// The system refused a descriptor.
  void refused(time_point now) {
    const std::size_t counted = use.total();
    elsewhere_ = (limit_ > counted ? limit_ - counted : 0) + shortage_slack;
    believed_until_ = now + shortage_memory;
    short_ = true;
  }

  /// Takes account of the time and of what is in use. Whether `idle_share` may be another one.
  bool update(time_point now) {
    if (elsewhere_ && now >= believed_until_) elsewhere_.reset();
    const std::size_t all = room();
    const std::size_t taken = busy(use.waiting);
    if (taken + use.idle + all / 8 > all) {
      short_ = true;
    } else if (!elsewhere_ && taken <= all / 2) {
      short_ = false;
    }
    return idle_share() != std::exchange(told_share_, idle_share());
  }

  /// The most idle data channels that each service may have.
  [[nodiscard]] std::size_t idle_share() const { return short_ ? 0 : even_share(); }

  /// Whether a visitor that was just accepted, and is not counted yet, may stay.
  [[nodiscard]] bool admits_visitor() const { return busy(use.waiting + 1) <= room(); }

  /// How many of the visitors that wait have to go, so that the others can get data channels.
  [[nodiscard]] std::size_t excess_visitors() const {
    const std::size_t taken = busy(use.waiting);
    if (taken <= room()) return 0;
    return std::min(use.waiting, (taken - room() + 1) / 2);
  }

  /// The most connections that may be unauthenticated at once.
  [[nodiscard]] std::size_t most_handshakes() const { return std::max<std::size_t>(room() / 2, 1); }

  /// Whether a service of a client that has `own` data channels dialling or waiting may dial one
  /// more. A service may have its share, at least one, and what others leave of a quarter, as long as
  /// there are descriptors at all.
  [[nodiscard]] bool admits_dial(std::size_t own) const {
    const bool has_share = own >= std::max<std::size_t>(even_share(), 1);
    if (has_share && use.idle >= room() / 4) return false;
    return 2 * (use.forwards + use.idle + 1) <= room();
  }

 private:
  /// What is left beside the reserve, listeners and control channels.
  [[nodiscard]] std::size_t room() const {
    const std::size_t kept =
        std::max(std::min(descriptor_reserve, limit_ / 4), elsewhere_.value_or(0));
    return limit_ > kept + use.fixed ? limit_ - kept - use.fixed : 0;
  }

  /// What cannot be taken back if `waiting` visitors wait: each will get a data channel, and what is
  /// in a handshake may be one of those.
  [[nodiscard]] std::size_t busy(std::size_t waiting) const {
    return 2 * use.forwards + waiting + std::max(waiting, use.handshakes);
  }

  [[nodiscard]] std::size_t even_share() const {
    return room() / 4 / std::max<std::size_t>(use.services, 1);
  }

  std::size_t limit_ = unlimited;
  /// Descriptors that others hold, as the last refusal showed.
  std::optional<std::size_t> elsewhere_;
  time_point believed_until_{};
  bool short_ = false;
  std::size_t told_share_ = unlimited;
};

}  // namespace rathole::protocol
