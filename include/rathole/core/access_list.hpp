#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/ip_endpoint.hpp>
#include <rathole/core/ip_network.hpp>

#include <algorithm>
#include <optional>
#include <vector>

namespace rathole {

/// Decides by its address who may connect. An address in a network of `deny` is refused; if `allow` is not
/// empty, so is one that is in none of its networks. The order of the networks does not matter.
struct access_list {
  /// The networks whose addresses are accepted; all are if there is none.
  std::vector<ip_network> allow = {};
  /// The networks whose addresses are refused, also those that `allow` has.
  std::vector<ip_network> deny = {};

  /// Returns whether every address is accepted.
  [[nodiscard]] bool empty() const { return allow.empty() && deny.empty(); }

  /// Returns whether the address of `of` is accepted. Without a value it is in no network, so that only
  /// `allow` refuses it.
  [[nodiscard]] bool accepts(const std::optional<ip_endpoint>& of) const {
    const auto has_it = [&of](const ip_network& each) { return of && each.contains(*of); };
    if (std::ranges::any_of(deny, has_it)) return false;
    return allow.empty() || std::ranges::any_of(allow, has_it);
  }

  /// Returns whether the address of `of` is accepted. An IPv4 address in its form for IPv6 is one of IPv4; a
  /// name is in no network.
  [[nodiscard]] bool accepts(const address& of) const {
    if (empty()) return true;
    if (!of.is_unix()) return accepts(to_ip_endpoint(of));
    return !contains(deny, of) && (allow.empty() || contains(allow, of));
  }

  /// Compares all members.
  [[nodiscard]] bool operator==(const access_list&) const = default;
};

}  // namespace rathole
