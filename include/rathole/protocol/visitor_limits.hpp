#pragma once

#include <rathole/core/connection_rate.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/ip_endpoint.hpp>
#include <rathole/core/result.hpp>
#include <rathole/core/time.hpp>
#include <rathole/protocol/source_network.hpp>
#include <rathole/protocol/source_rates.hpp>

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

namespace rathole::protocol {

/// Limits the visitors of one service: how many there are, of all sources and of each, and how often one of a
/// source may come; see `source_network`. Pure bookkeeping, which holds an entry for each source that has a
/// visitor, and a `source_rates`. It counts the visitors that it has admitted, also while a limit is absent.
class visitor_limits {
 public:
  /// The limits; each is optional.
  struct settings {
    /// The most visitors at the same time.
    std::optional<std::size_t> total = {};
    /// The most visitors of one source at the same time.
    std::optional<std::size_t> per_source = {};
    /// How often one of a source may come.
    std::optional<connection_rate> rate = {};

    /// Compares all members.
    [[nodiscard]] bool operator==(const settings&) const = default;
  };

  /// Makes an object without limits. `seed` must be unknown to others; it protects the tables from chosen
  /// collisions.
  explicit visitor_limits(std::uint64_t seed) : seed_(seed), sources_(0, ip_endpoint_hash{seed}) {}

  /// Changes the limits. The visitors that are there stay. If the rate changes, every source starts over.
  /// Throws `std::bad_alloc`, and changes nothing then.
  void set(const settings& next) {
    if (next.rate != limits_.rate) {
      std::optional<source_rates> rates;
      if (next.rate) rates.emplace(*next.rate, seed_);
      rates_ = std::move(rates);
    }
    limits_ = next;
  }

  /// Counts a visitor of `source`, a `source_network`, that has come at `now`. The caller must call `left` once
  /// it has gone. Fails, without counting it, with `errc::too_many_of_address`, `errc::too_many_connections`
  /// or `errc::too_many_new_connections`. Throws `std::bad_alloc`.
  result<void> admit(const ip_endpoint& source, time_point now) {
    const auto known = sources_.find(source);
    const std::size_t mine = known == sources_.end() ? 0 : known->second;
    if (limits_.per_source && mine >= *limits_.per_source) {
      return failure(errc::too_many_of_address);
    }
    if (limits_.total && size_ >= *limits_.total) return failure(errc::too_many_connections);
    if (rates_ && !rates_->take(source, now)) return failure(errc::too_many_new_connections);
    ++(known == sources_.end() ? sources_[source] : known->second);
    ++size_;
    return {};
  }

  /// Stops counting a visitor of `source` that was admitted. Needs no memory.
  void left(const ip_endpoint& source) {
    const auto known = sources_.find(source);
    assert(known != sources_.end());
    --size_;
    if (--known->second == 0) sources_.erase(known);
  }

  /// Returns the number of visitors that are counted.
  [[nodiscard]] std::size_t size() const { return size_; }
  /// Returns the number of their sources.
  [[nodiscard]] std::size_t sources() const { return sources_.size(); }

 private:
  std::uint64_t seed_;
  settings limits_;
  std::optional<source_rates> rates_;
  std::unordered_map<ip_endpoint, std::size_t, ip_endpoint_hash> sources_;
  std::size_t size_ = 0;
};

/// Keeps a visitor counted in a `visitor_limits` for as long as it lives, or nothing.
class visitor_lease {
 public:
  /// Makes a lease of nothing.
  visitor_lease() = default;
  /// Makes the lease of a visitor of `source`, which `counted` has admitted.
  visitor_lease(std::shared_ptr<visitor_limits> counted, const ip_endpoint& source)
      : counted_(std::move(counted)), source_(source) {}
  /// Takes over what `other` holds.
  visitor_lease(visitor_lease&& other) noexcept = default;
  /// Exchanges the two leases.
  visitor_lease& operator=(visitor_lease&& other) noexcept {
    std::swap(counted_, other.counted_);
    std::swap(source_, other.source_);
    return *this;
  }
  /// Ends the lease.
  ~visitor_lease() { end(); }

  /// Stops counting the visitor; has no effect the second time.
  void end() {
    if (const auto counted = std::exchange(counted_, nullptr)) counted->left(source_);
  }

 private:
  std::shared_ptr<visitor_limits> counted_;
  ip_endpoint source_;
};

}  // namespace rathole::protocol
