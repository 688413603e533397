#pragma once

#include "check.hpp"

#include <rathole/core/access_list.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/ip_endpoint.hpp>
#include <rathole/core/ip_network.hpp>

#include <arpa/inet.h>

#include <string>
#include <string_view>

namespace rathole::fuzz {

/// Checks that a network that parses prints as text that parses to the same, and has its own address; and
/// that an address is a network of its own.
inline void check_ip_network(std::string_view text) {
  const auto network = parse_ip_network(text);
  const auto endpoint = to_ip_endpoint({std::string(text), 0});
  if (endpoint && !text.contains('%')) check(network && network->base == *endpoint);
  if (!network) return;
  check(network->is_unix == (text == unix_prefix));
  if (network->is_unix) return check(parse_ip_network(to_string(*network)) == network);
  check(network->prefix <= address_bits(network->base));
  check(network->contains(network->base));
  check(network_of(network->base, network->prefix) == *network);
  check(parse_ip_network(to_string(*network)) == network);
  const address base = to_address(network->base);
  check(to_ip_endpoint(base) == network->base);
  // The system writes the address alike, except for those that hold one of IPv4.
  char shown[INET6_ADDRSTRLEN];
  const int family = network->base.is_v6 ? AF_INET6 : AF_INET;
  check(inet_ntop(family, network->base.ip.data(), shown, sizeof shown) != nullptr);
  if (!std::string_view(shown).contains('.') || !network->base.is_v6) check(base.host == shown);
}

/// Checks what two networks and a list of them say about an address against the bits of the address.
inline void check_access(const ip_network& one, const ip_network& other, const ip_endpoint& of) {
  const auto has_it = [&of](const ip_network& each) {
    return !each.is_unix && each.base.is_v6 == of.is_v6 &&
           network_of(of, each.prefix).base == each.base;
  };
  check(one.contains(of) == has_it(one) && other.contains(of) == has_it(other));
  // Two networks are apart, or one of them is a part of the other.
  if (one.covers(other) && other.contains(of)) check(one.contains(of));
  if (one.contains(of) && other.contains(of)) check(one.covers(other) || other.covers(one));
  if (one.covers(other) && other.covers(one)) check(one == other);
  check((access_list{.deny = {one}}).accepts(of) == !has_it(one));
  check((access_list{.allow = {one}}).accepts(of) == has_it(one));
  check((access_list{.allow = {one}, .deny = {other}}).accepts(of) ==
        (has_it(one) && !has_it(other)));
  check((access_list{.allow = {one, other}}).accepts(to_address(of)) ==
        (has_it(one) || has_it(other)));
}

}  // namespace rathole::fuzz
