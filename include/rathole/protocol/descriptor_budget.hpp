#pragma once

#include <rathole/core/time.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <limits>
#include <optional>
#include <utility>

namespace rathole::protocol {

/// The number of descriptors that are reserved for what a `descriptor_use` does not count: standard
/// streams, epoll sets, files, pipes of bulk connections, and the next accept of a listener. The
/// reserve is at most a quarter of the limit.
inline constexpr std::size_t descriptor_reserve = 64;

/// The time for which the budget stays limited to what was in use when the system refused a
/// descriptor.
inline constexpr duration shortage_memory = std::chrono::seconds(1);

/// The number of descriptors that are kept free below what was in use when the system refused one.
inline constexpr std::size_t shortage_slack = 4;

/// Of the descriptors that the reserve leaves, the listeners and control channels of a server have at
/// most this many quarters, so that connections always have the rest.
inline constexpr std::size_t fixed_quarters = 3;

/// The number of descriptors that a client keeps for each of its services besides its control channel:
/// those of a data channel and of the local connection behind it.
inline constexpr std::size_t connection_descriptors = 2;

/// Returns how many descriptors are reserved, of the `limit` that the process may have, for what a
/// `descriptor_use` does not count.
[[nodiscard]] constexpr std::size_t reserved_descriptors(std::size_t limit) {
  return std::min(descriptor_reserve, limit / 4);
}

/// Returns how many of `limit` descriptors are left beside worker threads that have `threads`. A quarter of
/// the reserve is for them; what they need beyond it is not available to others.
[[nodiscard]] constexpr std::size_t limit_beside_threads(std::size_t limit, std::size_t threads) {
  const std::size_t covered = reserved_descriptors(limit) / 4;
  return limit - std::min(limit, threads - std::min(threads, covered));
}

/// Returns how many descriptors the listeners and control channels of a server may use together, of the
/// `limit` that the process may have.
[[nodiscard]] constexpr std::size_t max_fixed_descriptors(std::size_t limit) {
  return (limit - reserved_descriptors(limit)) / 4 * fixed_quarters;
}

/// Counts what one client or server uses descriptors for.
struct descriptor_use {
  /// The services that share the idle data channels; they use no descriptors themselves.
  std::size_t services = 0;
  /// Listeners and control channels; for a UDP service also its data channels and, in a server, its
  /// sockets.
  std::size_t fixed = 0;
  /// In a server: unauthenticated connections; each may become a data channel.
  std::size_t handshakes = 0;
  /// In a server: idle data channels. In a client: data channels that are being dialled or wait for
  /// a visitor.
  std::size_t idle = 0;
  /// In a server: visitors that wait for a data channel.
  std::size_t waiting = 0;
  /// Forwarded connections; each uses two descriptors.
  std::size_t forwards = 0;
  /// Connections of which one side has no socket, because it is the program itself or a multiplexed
  /// stream, and visitors that wait for such a stream; each uses one descriptor.
  std::size_t one_sided = 0;
  /// Connections that carry multiplexed streams of authenticated peers.
  std::size_t multiplexed = 0;
  /// In a client: the UDP services, whose visitors share descriptors; they use none themselves.
  std::size_t udp_services = 0;
  /// In a client: visitors of UDP services; each has a socket.
  std::size_t udp_visitors = 0;

  /// Returns the number of descriptors of all these.
  [[nodiscard]] constexpr std::size_t total() const {
    return fixed + multiplexed + handshakes + idle + waiting + 2 * forwards + one_sided +
           udp_visitors;
  }

  /// Compares all members.
  [[nodiscard]] bool operator==(const descriptor_use&) const = default;
};

/// Adds an amount to a counter of a `descriptor_use` while the lease exists. The counter must
/// outlive the lease, and is used by one thread only.
class descriptor_lease {
 public:
  /// Adds `amount` to `counter`.
  explicit descriptor_lease(std::size_t& counter, std::size_t amount = 1)
      : counter_(&counter), amount_(amount) {
    counter += amount;
  }
  /// Takes over the amount of `from`, which then counts nothing.
  descriptor_lease(descriptor_lease&& from) noexcept
      : counter_(std::exchange(from.counter_, nullptr)), amount_(from.amount_) {}
  /// Exchanges the amounts of the two leases.
  descriptor_lease& operator=(descriptor_lease&& from) noexcept {
    std::swap(counter_, from.counter_);
    std::swap(amount_, from.amount_);
    return *this;
  }
  /// Subtracts the amount again.
  ~descriptor_lease() { end(); }

  /// Returns what it counts.
  [[nodiscard]] std::size_t amount() const { return counter_ ? amount_ : 0; }

  /// Subtracts the amount now; has no effect if it was subtracted or moved before.
  void end() {
    if (counter_) *std::exchange(counter_, nullptr) -= amount_;
  }

 private:
  std::size_t* counter_;
  std::size_t amount_;
};

/// Divides the descriptors of a process among the needs of one client or server; pure bookkeeping.
/// Idle data channels yield to visitors, and visitors that could not get a data channel are not
/// admitted, so that there are always descriptors left to end a shortage.
///
/// * The listeners and control channels of a server have at most three quarters of what the reserve
///   leaves. Those that would exceed that are not opened; see `claim_fixed`.
/// * A client opens a control channel only if each of its services then can have a connection; see
///   `admits_service`.
/// * The server admits a visitor if there is a descriptor for it and one for its data channel.
/// * The idle data channels of all services may use at most a quarter of the descriptors that
///   listeners and control channels leave, with the same share for each service. While less than an
///   eighth is free, the share is 0; it returns once visitors use no more than half.
/// * A client dials only if there are descriptors for the data channel and for the local
///   connection behind it.
/// * The visitors of all UDP services of a client may use at most a quarter, too, with the same
///   share for each service; a new visitor beyond it replaces another one of its service.
///
/// If the system refuses a descriptor nevertheless, something else in the process holds more than
/// the reserve. For `shortage_memory`, the budget is then what was in use at that moment.
class descriptor_budget {
 public:
  /// A limit that never takes effect.
  static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max() / 4;

  /// Makes a budget of `limit` descriptors.
  explicit descriptor_budget(std::size_t limit = unlimited) { set_limit(limit); }

  /// Sets the number of descriptors that the process may have (RLIMIT_NOFILE).
  void set_limit(std::size_t limit) {
    const std::size_t counted = std::min(limit, unlimited);
    if (counted != std::exchange(limit_, counted)) elsewhere_.reset();
  }

  /// The descriptors in use. The owner keeps this up to date and calls `update` after a change.
  descriptor_use use;

  /// Records that the system refused a descriptor.
  void refused(time_point now) {
    const std::size_t counted = use.total();
    elsewhere_ = (limit_ > counted ? limit_ - counted : 0) + shortage_slack;
    believed_until_ = now + shortage_memory;
    short_ = true;
  }

  /// Takes into account the time and what is in use. Returns whether `idle_share` has changed since
  /// the last call.
  bool update(time_point now) {
    if (elsewhere_ && now >= believed_until_) elsewhere_.reset();
    const std::size_t all = room();
    const std::size_t taken = busy(use.waiting);
    if (taken + use.idle + all / 8 > all) {
      short_ = true;
    } else if (!elsewhere_ && taken <= all / 2) {
      short_ = false;
    }
    return idle_share() != std::exchange(reported_share_, idle_share());
  }

  /// Returns how many more descriptors listeners and control channels of a server may use. A refusal by the
  /// system does not change that, because it limits the budget for a short time only.
  [[nodiscard]] std::size_t fixed_left() const {
    const std::size_t most = max_fixed_descriptors(limit_);
    return most - std::min(most, use.fixed + use.multiplexed);
  }

  /// Returns whether listeners and control channels of a server may use `more` descriptors; see `fixed_left`.
  [[nodiscard]] bool admits_fixed(std::size_t more) const { return more <= fixed_left(); }

  /// Counts `amount` descriptors of listeners or control channels while the lease exists, which the
  /// budget must outlive. Returns nothing if `admits_fixed` does not admit them.
  [[nodiscard]] std::optional<descriptor_lease> claim_fixed(std::size_t amount) {
    if (!admits_fixed(amount)) return std::nullopt;
    return descriptor_lease(use.fixed, amount);
  }

  /// Returns whether a client may open the control channel of one more service, which needs `amount`
  /// descriptors. A refusal by the system does not change that either.
  [[nodiscard]] bool admits_service(std::size_t amount) const {
    const std::size_t connections = connection_descriptors * (use.services + 1);
    return use.fixed + use.multiplexed + amount + connections <= limit_ - reserve();
  }

  /// Returns the largest number of idle data channels that each service may have.
  [[nodiscard]] std::size_t idle_share() const { return short_ ? 0 : even_share(); }

  /// Returns whether a visitor that was just accepted, and is not counted yet, may stay.
  [[nodiscard]] bool admits_visitor() const { return busy(use.waiting + 1) <= room(); }
  /// Returns the same for a visitor that will get a multiplexed stream, which needs no descriptor.
  [[nodiscard]] bool admits_visitor_of_stream() const { return busy(use.waiting) + 1 <= room(); }

  /// Returns how many of the waiting visitors must be closed so that the others can get data
  /// channels.
  [[nodiscard]] std::size_t excess_visitors() const {
    const std::size_t taken = busy(use.waiting);
    if (taken <= room()) return 0;
    return std::min(use.waiting, (taken - room() + 1) / 2);
  }

  /// Returns the largest number of connections that may be unauthenticated at the same time.
  [[nodiscard]] std::size_t max_handshakes() const { return std::max<std::size_t>(room() / 2, 1); }

  /// Returns whether a service of a client may dial one more data channel if `own` of its data
  /// channels are being dialled or wait. A service may use its share, at least one, and what other
  /// services leave of a quarter of the descriptors, as long as descriptors are left at all.
  [[nodiscard]] bool admits_dial(std::size_t own) const {
    const bool has_share = own >= std::max<std::size_t>(even_share(), 1);
    if (has_share && use.idle >= room() / 4) return false;
    return 2 * (use.forwards + use.idle + 1) + use.one_sided + use.udp_visitors <= room();
  }

  /// Returns how many visitors each UDP service of a client may have, at least one. A refusal by
  /// the system does not change that, because it limits the budget for a short time only.
  [[nodiscard]] std::size_t udp_share() const {
    const std::size_t quarter = left_of(reserve()) / 4;
    return std::max<std::size_t>(quarter / std::max<std::size_t>(use.udp_services, 1), 1);
  }

 private:
  /// Returns how many descriptors the reserve, the listeners and the control channels leave.
  [[nodiscard]] std::size_t room() const {
    return left_of(std::max(reserve(), elsewhere_.value_or(0)));
  }

  /// Returns how many descriptors are reserved for what is not counted.
  [[nodiscard]] std::size_t reserve() const { return reserved_descriptors(limit_); }

  /// Returns how many descriptors are left if `kept` are not available.
  [[nodiscard]] std::size_t left_of(std::size_t kept) const {
    const std::size_t taken = kept + use.fixed + use.multiplexed;
    return limit_ > taken ? limit_ - taken : 0;
  }

  /// Returns how many descriptors cannot be taken back if `waiting` visitors wait: each of them
  /// will get a data channel, which may be one of the connections in a handshake.
  [[nodiscard]] std::size_t busy(std::size_t waiting) const {
    return 2 * use.forwards + use.one_sided + use.udp_visitors + waiting +
           std::max(waiting, use.handshakes);
  }

  [[nodiscard]] std::size_t even_share() const {
    return room() / 4 / std::max<std::size_t>(use.services, 1);
  }

  std::size_t limit_ = unlimited;
  /// How many descriptors are held by others, as computed at the last refusal.
  std::optional<std::size_t> elsewhere_;
  time_point believed_until_{};
  bool short_ = false;
  std::size_t reported_share_ = unlimited;
};

}  // namespace rathole::protocol
