#pragma once

#include <rathole/core/time.hpp>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

namespace rathole::protocol {

/// How long a client is skipped after it has failed to serve a visitor. Each further failure in a row
/// doubles it, up to `max_client_pause`.
inline constexpr duration client_pause = std::chrono::seconds(1);
/// The longest time for which a client is skipped.
inline constexpr duration max_client_pause = std::chrono::seconds(30);

/// How many connections in a row a client ends before any byte for the visitor until it is skipped. One on which
/// there were bytes ends the row.
inline constexpr unsigned max_early_ends = 3;
/// How long one client at most is on trial: it gets a visitor although it has not served any since it came or
/// failed. If it fails, no other one is on trial before this time is over.
inline constexpr duration client_trial = std::chrono::seconds(5);

/// The number of a client of a service; assigned by the owner and never reused.
using client_id = std::uint64_t;

/// Decides which of the clients of a service serves a visitor. It does no input or output and reads no
/// clock; times never go backwards.
///
/// A visitor gets the client with the fewest visitors, and of several the one that was not chosen for the
/// longest time; a visitor with a source gets the client that rendezvous hashing (Thaler, Ravishankar: "Using
/// Name-Based Mappings to Increase Hit Rates", 1998) assigns to the source, so that a client that goes moves
/// only its own visitors.
///
/// | state of a client | event                                       | next                                      |
/// |-------------------|---------------------------------------------|-------------------------------------------|
/// | new               | `served`                                    | proven                                    |
/// | new, proven       | `failed`, `ended_early` the third in a row  | skipped, for `client_pause`               |
/// | skipped           | the pause is over                           | failed                                    |
/// | failed            | `failed`, `ended_early`                     | skipped, for twice the last pause         |
/// | failed, skipped   | `answered`, or `served` if early ends were not the cause | proven                       |
///
/// While there is a proven client, only one client at a time that is not gets a visitor, on trial. So clients that
/// serve nobody delay few, however many they are. A visitor that a client has not served gets a proven one, if
/// there is one. A skipped client is chosen nevertheless if there is no other one that the visitor has not tried.
/// The memory is that of the clients, whose number the owner bounds; no call but `add` needs any.
class client_balancer {
 public:
  /// What is known about a client.
  struct client_state {
    /// How many visitors wait for the client or are served by it.
    std::size_t visitors = 0;
    /// Whether visitors avoid it, because it has failed.
    bool is_skipped = false;
  };

  /// Adds the client `id`. `identity` is a random-looking number that stays the same when the client returns
  /// under another `id`; clients with one identity are told apart by the order in which they came. Throws
  /// `std::bad_alloc`; nothing has changed then.
  void add(client_id id, std::uint64_t identity) {
    assert(!find(id));
    const auto is_taken = [&] {
      return std::ranges::find(clients_, identity, &client::identity) != clients_.end();
    };
    while (is_taken()) identity = mix(identity + 1);
    clients_.push_back({.id = id, .identity = identity});
  }

  /// Removes a client; has no effect if it is unknown.
  void remove(client_id id) {
    if (on_trial_ == id) is_trial_held_ = false;
    std::erase_if(clients_, [id](const client& each) { return each.id == id; });
  }

  /// Returns the client for a visitor that has tried the clients in `tried`, and counts the visitor there until
  /// `released`; nothing if it has tried all. `source` is a random-looking number for the visitor's source, if
  /// that decides.
  std::optional<client_id> choose(time_point now, std::span<const client_id> tried,
                                  std::optional<std::uint64_t> source) {
    client* best = nullptr;
    for (client& each : clients_) {
      if (std::ranges::find(tried, each.id) != tried.end()) continue;
      if (!best || is_better(each, *best, now, !tried.empty(), source)) best = &each;
    }
    if (!best) return std::nullopt;
    if (!best->is_proven && !has_trial(now)) {
      on_trial_ = best->id;
      trial_end_ = now + client_trial;
      is_trial_held_ = true;
    }
    ++best->visitors;
    best->chosen_at = ++choices_;
    return best->id;
  }

  /// Records that a visitor for which the client was chosen has gone, or that another one was chosen.
  void released(client_id id) {
    client* const found = find(id);
    if (!found) return;
    assert(found->visitors > 0);
    --found->visitors;
    // The visitor may have gone by itself.
    if (on_trial_ == id) is_trial_held_ = false;
  }

  /// Records that the client has begun to serve a visitor.
  void served(client_id id) {
    client* const found = find(id);
    if (found && found->early_ends < max_early_ends) prove(*found);
  }

  /// Records that a visitor got bytes from the client.
  void answered(client_id id) {
    client* const found = find(id);
    if (!found) return;
    found->early_ends = 0;
    prove(*found);
  }

  /// Records that the client ended the connection of a visitor that it had begun to serve before any byte for
  /// the visitor, as it does if nothing listens at its local address.
  void ended_early(client_id id, time_point now) {
    client* const found = find(id);
    if (!found) return;
    found->early_ends = std::min(found->early_ends + 1, max_early_ends);
    if (found->early_ends == max_early_ends) failed(id, now);
  }

  /// Records that the client did not serve a visitor. Failures while it is skipped count as one. Returns whether
  /// it was not skipped before.
  bool failed(client_id id, time_point now) {
    client* const found = find(id);
    if (!found) return false;
    found->is_proven = false;
    if (on_trial_ == id) {
      is_trial_held_ = true;
      on_trial_.reset();
    }
    if (found->failures > 0 && now < found->skipped_until) return false;
    duration pause = client_pause;
    for (unsigned i = 0; i < found->failures && pause < max_client_pause; ++i) pause *= 2;
    found->skipped_until = now + std::min(pause, max_client_pause);
    found->failures = std::min(found->failures + 1, most_failures);
    return true;
  }

  /// Returns the state of a client, which must be known.
  [[nodiscard]] client_state state_of(client_id id, time_point now) const {
    const auto found = std::ranges::find(clients_, id, &client::id);
    assert(found != clients_.end());
    return {found->visitors, found->failures > 0 && now < found->skipped_until};
  }

  /// Returns the number of clients.
  [[nodiscard]] std::size_t size() const { return clients_.size(); }

 private:
  /// More failures than this do not prolong the pause.
  static constexpr unsigned most_failures = 16;

  struct client {
    client_id id;
    std::uint64_t identity;
    std::size_t visitors = 0;
    std::uint64_t chosen_at = 0;
    unsigned failures = 0;
    unsigned early_ends = 0;
    time_point skipped_until = time_point::min();
    /// Whether it has served a visitor since it came or failed.
    bool is_proven = false;
  };

  /// Records that `one` serves visitors.
  void prove(client& one) {
    one.is_proven = true;
    one.failures = 0;
    if (on_trial_ != one.id) return;
    is_trial_held_ = false;
    on_trial_.reset();
  }

  /// Returns whether no further client may be on trial.
  [[nodiscard]] bool has_trial(time_point now) const { return is_trial_held_ && now < trial_end_; }

  [[nodiscard]] client* find(client_id id) {
    const auto found = std::ranges::find(clients_, id, &client::id);
    return found == clients_.end() ? nullptr : &*found;
  }

  /// Returns `in` with its bits mixed: the finalizer of SplitMix64 (Steele, Lea, Flood: "Fast splittable
  /// pseudorandom number generators", 2014).
  static std::uint64_t mix(std::uint64_t in) {
    in = (in ^ in >> 30) * 0xbf58476d1ce4e5b9U;
    in = (in ^ in >> 27) * 0x94d049bb133111ebU;
    return in ^ in >> 31;
  }

  [[nodiscard]] bool is_available(const client& of, time_point now) const {
    if (of.failures > 0 && now < of.skipped_until) return false;
    return of.is_proven || !has_trial(now);
  }

  [[nodiscard]] bool is_better(const client& a, const client& b, time_point now, bool is_second_try,
                               std::optional<std::uint64_t> source) const {
    const bool is_usable = is_available(a, now);
    if (is_usable != is_available(b, now)) return is_usable;
    if (!is_usable && a.skipped_until != b.skipped_until) return a.skipped_until < b.skipped_until;
    if (is_second_try && a.is_proven != b.is_proven) return a.is_proven;
    if (source) return mix(a.identity ^ *source) > mix(b.identity ^ *source);
    return std::tie(a.visitors, a.chosen_at) < std::tie(b.visitors, b.chosen_at);
  }

  std::vector<client> clients_;
  std::uint64_t choices_ = 0;
  /// The client on trial whose result is not known.
  std::optional<client_id> on_trial_;
  /// When the last trial is over, if it is not before.
  time_point trial_end_ = time_point::min();
  /// Whether the last trial goes on, or keeps others away because it failed.
  bool is_trial_held_ = false;
};

/// Keeps a visitor counted at its client in a `client_balancer` for as long as it lives, or nothing.
class client_lease {
 public:
  /// Makes a lease of nothing.
  client_lease() = default;
  /// Makes the lease of a visitor for which `balancer` has chosen `client`.
  client_lease(std::shared_ptr<client_balancer> balancer, client_id client)
      : balancer_(std::move(balancer)), client_(client) {}
  /// Takes over what `other` holds.
  client_lease(client_lease&& other) noexcept = default;
  /// Exchanges the two leases.
  client_lease& operator=(client_lease&& other) noexcept {
    std::swap(balancer_, other.balancer_);
    std::swap(client_, other.client_);
    return *this;
  }
  /// Ends the lease.
  ~client_lease() { end(); }

  /// Records that the visitor got bytes from the client; see `client_balancer::answered`.
  void answered() {
    if (balancer_) balancer_->answered(client_);
  }
  /// Records that the client ended the connection too early; see `client_balancer::ended_early`.
  void ended_early(time_point now) {
    if (balancer_) balancer_->ended_early(client_, now);
  }

  /// Stops counting the visitor; has no effect the second time.
  void end() {
    if (const auto counted = std::exchange(balancer_, nullptr)) counted->released(client_);
  }

 private:
  std::shared_ptr<client_balancer> balancer_;
  client_id client_ = 0;
};

}  // namespace rathole::protocol
