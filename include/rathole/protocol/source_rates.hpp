#pragma once

#include <rathole/core/connection_rate.hpp>
#include <rathole/core/ip_endpoint.hpp>
#include <rathole/core/time.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace rathole::protocol {

/// The largest number of sources whose rates a `source_rates` knows.
inline constexpr std::size_t max_rated_sources = 4096;
/// How many sources with the same place in the table a `source_rates` knows.
inline constexpr std::size_t rated_sources_per_set = 8;

/// Limits how often each source may do something, with a token bucket for each; pure bookkeeping.
///
/// The table has a fixed size and allocates nothing after its construction. A source whose bucket is full
/// again needs no place. If all places for a new source are taken, it gets that of the source whose bucket is
/// full soonest, which thereby gets its tokens back. So whoever has very many addresses may go beyond the rate
/// of each, but cannot use up the tokens of others.
class source_rates {
 public:
  /// Makes a table in which all buckets are full. `seed` must be unknown to others; it protects the table from
  /// sources that are chosen to have the same place. Throws `std::bad_alloc`.
  source_rates(connection_rate allowed, std::uint64_t seed)
      : interval_(duration(std::chrono::seconds(1)) / std::max<std::size_t>(allowed.per_second, 1)),
        most_(interval_ * std::max<std::size_t>(allowed.burst, 1)),
        hash_{seed},
        table_(max_rated_sources) {}

  /// Takes a token of `source` at `now`; returns false if none is left. The time never goes backwards.
  [[nodiscard]] bool take(const ip_endpoint& source, time_point now) {
    constexpr std::size_t sets = max_rated_sources / rated_sources_per_set;
    const auto places = std::span(table_).subspan(hash_(source) % sets * rated_sources_per_set,
                                                  rated_sources_per_set);
    auto at = std::ranges::find(places, source, &bucket::source);
    if (at == places.end()) {
      at = std::ranges::min_element(places, {}, &bucket::full_at);
      *at = bucket{source};
    }
    const time_point full = std::max(at->full_at, now) + interval_;
    if (full - now > most_) return false;
    at->full_at = full;
    return true;
  }

 private:
  struct bucket {
    ip_endpoint source = {};
    /// When it will be full again.
    time_point full_at = time_point::min();
  };

  duration interval_;
  duration most_;
  ip_endpoint_hash hash_;
  /// Sets of places; a source may be at any place of one set.
  std::vector<bucket> table_;
};

}  // namespace rathole::protocol
