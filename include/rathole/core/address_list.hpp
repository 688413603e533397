#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/ip_literal.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole {

/// The addresses that a listener binds, in the order of the configuration. A single address
/// converts to a list of one.
class address_list {
 public:
  /// An iterator over the addresses.
  using const_iterator = std::vector<address>::const_iterator;

  /// Makes an empty list.
  address_list() = default;
  /// Makes a list of one address.
  address_list(address only) : addresses_{std::move(only)} {}
  /// Makes a list of one address from `host:port`; see `address`.
  template <std::convertible_to<std::string_view> Text>
  address_list(const Text& text) : address_list(address(text)) {}
  /// Makes a list of one address from its host and port.
  address_list(std::string host, std::uint16_t port)
      : address_list(address{std::move(host), port}) {}
  /// Takes `all` as the list.
  explicit address_list(std::vector<address> all) : addresses_(std::move(all)) {}

  /// Appends `next`.
  void push_back(address next) { addresses_.push_back(std::move(next)); }

  /// Returns the iterator to the first address.
  [[nodiscard]] const_iterator begin() const { return addresses_.begin(); }
  /// Returns the iterator past the last address.
  [[nodiscard]] const_iterator end() const { return addresses_.end(); }
  /// Returns the number of addresses.
  [[nodiscard]] std::size_t size() const { return addresses_.size(); }
  /// Returns whether the list holds no address.
  [[nodiscard]] bool empty() const { return addresses_.empty(); }
  /// Returns the first address. The list must not be empty.
  [[nodiscard]] const address& front() const { return addresses_.front(); }
  /// Returns the address at the index `at`, which must be less than `size()`.
  [[nodiscard]] const address& operator[](std::size_t at) const { return addresses_[at]; }

  /// Compares all members.
  [[nodiscard]] bool operator==(const address_list&) const = default;

 private:
  std::vector<address> addresses_;
};

/// Returns the addresses in the order in which they must be bound. The wildcard `::` comes last,
/// because it also takes its port for IPv4 unless another socket already has it.
inline std::vector<address> in_bind_order(const address_list& all) {
  const auto is_wildcard = [](const address& each) {
    return parse_ipv6(each.host) == ipv6_bytes{};
  };
  std::vector<address> out;
  std::ranges::remove_copy_if(all, std::back_inserter(out), is_wildcard);
  std::ranges::copy_if(all, std::back_inserter(out), is_wildcard);
  return out;
}

/// Returns whether an address in `all` has the port of `other`, or is the same Unix-domain socket. Port 0 names no
/// particular port.
inline bool has_port_of(const address_list& all, const address& other) {
  if (other.is_unix()) return std::ranges::find(all, other.host, &address::host) != all.end();
  return other.port != 0 && std::ranges::find(all, other.port, &address::port) != all.end();
}

/// Returns whether a host without IPv6 does without `where`, an address of `all`: it is the wildcard
/// `::`, and `all` names `0.0.0.0` with the same port. Replacing `::` by `0.0.0.0`, as for a list
/// without it, would bind the same port twice.
inline bool has_ipv4_twin(const address_list& all, const address& where) {
  return where.port != 0 && parse_ipv6(where.host) == ipv6_bytes{} &&
         std::ranges::find(all, address{"0.0.0.0", where.port}) != all.end();
}

/// Returns whether a server does without `where`, an address of `all` that could not be bound
/// because of `why`; see `has_ipv4_twin`.
inline bool is_left_out(const address_list& all, const address& where, const std::error_code& why) {
  if (why != std::errc::address_family_not_supported && why != std::errc::address_not_available) {
    return false;
  }
  return has_ipv4_twin(all, where);
}

/// Returns whether a server does without `where`, an address of `all` for which it has bound `local`;
/// see `has_ipv4_twin`. It must then close what it has bound before other work runs.
inline bool is_left_out(const address_list& all, const address& where, const address& local) {
  return local.host == "0.0.0.0" && has_ipv4_twin(all, where);
}

}  // namespace rathole
