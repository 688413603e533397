#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/ip_literal.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole {

/// The addresses that somebody listens at. One address is a list of one.
class address_list {
 public:
  using const_iterator = std::vector<address>::const_iterator;

  address_list() = default;
  address_list(address only) : addresses_{std::move(only)} {}
  address_list(std::string host, std::uint16_t port)
      : address_list(address{std::move(host), port}) {}
  explicit address_list(std::vector<address> all) : addresses_(std::move(all)) {}

  void push_back(address next) { addresses_.push_back(std::move(next)); }

  [[nodiscard]] const_iterator begin() const { return addresses_.begin(); }
  [[nodiscard]] const_iterator end() const { return addresses_.end(); }
  [[nodiscard]] std::size_t size() const { return addresses_.size(); }
  [[nodiscard]] bool empty() const { return addresses_.empty(); }
  /// The list is not empty.
  [[nodiscard]] const address& front() const { return addresses_.front(); }
  [[nodiscard]] const address& operator[](std::size_t at) const { return addresses_[at]; }

  [[nodiscard]] bool operator==(const address_list&) const = default;

 private:
  std::vector<address> addresses_;
};

/// The addresses in the order in which they are bound: the wildcard `::` behind all others, since
/// it takes its port for IPv4 too where nobody has it yet.
inline std::vector<address> in_bind_order(const address_list& all) {
  const auto is_wildcard = [](const address& each) {
    return parse_ipv6(each.host) == ipv6_octets{};
  };
  std::vector<address> out;
  std::ranges::remove_copy_if(all, std::back_inserter(out), is_wildcard);
  std::ranges::copy_if(all, std::back_inserter(out), is_wildcard);
  return out;
}

/// Returns whether `where`, the wildcard `::` that is in `all`, is to be left out where binding it
/// failed by `why`: the host has no IPv6, and `all` names `0.0.0.0` with the same port, which gets all
/// that is left. Falling back to IPv4 for both would have the two take the port from each other.
inline bool is_left_out(const address_list& all, const address& where, const std::error_code& why) {
  if (why != std::errc::address_family_not_supported && why != std::errc::address_not_available) {
    return false;
  }
  return where.port != 0 && parse_ipv6(where.host) == ipv6_octets{} &&
         std::ranges::find(all, address{"0.0.0.0", where.port}) != all.end();
}

}  // namespace rathole
