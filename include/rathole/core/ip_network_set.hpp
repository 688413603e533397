#pragma once

#include <rathole/core/ip_literal.hpp>
#include <rathole/core/ip_network.hpp>

#include <algorithm>
#include <iterator>
#include <tuple>
#include <vector>

namespace rathole {

/// Networks among which one that covers another, or that another covers, is found in a time that grows with the
/// logarithm of their number.
class ip_network_set {
 public:
  /// Makes a set of the networks of `all`.
  explicit ip_network_set(std::vector<ip_network> all) {
    std::ranges::sort(all, {}, key_of);
    // Two networks are apart, or one covers the other, which then follows it.
    for (const ip_network& each : all) {
      if (largest_.empty() || !largest_.back().covers(each)) largest_.push_back(each);
    }
  }

  /// Returns whether a network of the set covers `of`.
  [[nodiscard]] bool covers(const ip_network& of) const {
    const auto after = std::ranges::upper_bound(largest_, key_of(of), {}, key_of);
    return after != largest_.begin() && std::prev(after)->covers(of);
  }

  /// Returns whether the set and `of` have an address in common.
  [[nodiscard]] bool overlaps(const ip_network& of) const {
    if (covers(of)) return true;
    const auto next = std::ranges::lower_bound(largest_, key_of(of), {}, key_of);
    return next != largest_.end() && of.covers(*next);
  }

 private:
  /// The order of networks.
  using key = std::tuple<bool, bool, ipv6_bytes, unsigned>;

  static key key_of(const ip_network& of) {
    return {of.is_unix, of.base.is_v6, of.base.ip, of.prefix};
  }

  /// The networks that no other one covers, in the order of `key_of`.
  std::vector<ip_network> largest_;
};

}  // namespace rathole
