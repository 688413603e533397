#include <rathole/core/access_list.hpp>
#include <rathole/core/ip_network_set.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <vector>

namespace rathole::test {
namespace {

std::vector<ip_network> networks(std::initializer_list<const char*> texts) {
  std::vector<ip_network> out;
  for (const char* text : texts) out.push_back(parse_ip_network(text).value());
  return out;
}

bool accepts(const access_list& list, const std::string& host) {
  return list.accepts(address{host, 4711});
}

TEST_CASE("ip_network_set: covers and overlaps as each network by itself does") {
  const auto all =
      networks({"10.0.0.0/8", "10.1.0.0/16", "10.0.0.0/16", "10.1.2.3", "0.0.0.0/0", "192.0.2.0/24",
                "192.0.2.0/25", "192.0.2.128/25", "255.255.255.255", "::/0", "::", "2001:db8::/32",
                "2001:db8::1", "a00::/8", "ff::/16", "unix:"});
  const std::size_t subsets = std::size_t{1} << all.size();
  // Each subset would be many; those with a stride that is coprime to their number are as good.
  for (std::size_t chosen = 0; chosen < subsets; chosen += 37) {
    std::vector<ip_network> some;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if ((chosen >> i & 1) != 0) some.push_back(all[i]);
    }
    const ip_network_set set(some);
    for (const ip_network& of : all) {
      const bool covers =
          std::ranges::any_of(some, [&of](const ip_network& each) { return each.covers(of); });
      const bool overlaps = covers || std::ranges::any_of(some, [&of](const ip_network& each) {
                              return of.covers(each);
                            });
      if (set.covers(of) != covers || set.overlaps(of) != overlaps) FAIL_CHECK(chosen);
    }
  }
}

TEST_CASE("access_list: without networks everybody is accepted") {
  const access_list all;
  CHECK(all.empty());
  for (const char* host : {"192.0.2.1", "2001:db8::1", "fe80::1%eth0", "a name", ""}) {
    CHECK(accepts(all, host));
  }
}

TEST_CASE("access_list: deny refuses, allow refuses all others, deny comes first") {
  struct row {
    access_list list;
    std::vector<std::string> accepted;
    std::vector<std::string> refused;
  };
  const row rows[] = {
      {{.deny = networks({"192.0.2.0/24", "2001:db8::/32"})},
       {"192.0.3.1", "2001:db9::1", "a name"},
       {"192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "2001:db8::1%eth0"}},
      {{.allow = networks({"192.0.2.0/24", "::1"})},
       {"192.0.2.255", "::ffff:192.0.2.255", "::1"},
       {"192.0.3.1", "::2", "a name", ""}},
      {{.allow = networks({"10.0.0.0/8"}), .deny = networks({"10.1.0.0/16", "0.0.0.0/0"})},
       {},
       {"10.0.0.1", "10.1.0.1", "192.0.2.1", "::1"}},
      {{.allow = networks({"10.1.2.3", "10.0.0.0/8"}), .deny = networks({"10.1.0.0/16"})},
       {"10.0.0.1", "10.2.0.1"},
       {"10.1.2.3", "10.1.0.1", "11.0.0.1"}},
  };
  for (const row& each : rows) {
    CHECK_FALSE(each.list.empty());
    for (const std::string& host : each.accepted) CHECK_MESSAGE(accepts(each.list, host), host);
    for (const std::string& host : each.refused)
      CHECK_FALSE_MESSAGE(accepts(each.list, host), host);
  }
}

TEST_CASE("access_list: the peers of Unix-domain sockets are named by unix:") {
  CHECK(accepts({.allow = networks({"unix:"})}, "unix:"));
  CHECK_FALSE(accepts({.allow = networks({"unix:"})}, "192.0.2.1"));
  CHECK_FALSE(accepts({.allow = networks({"0.0.0.0/0", "::/0"})}, "unix:"));
  CHECK_FALSE(accepts({.deny = networks({"unix:"})}, "unix:"));
  CHECK(accepts({.deny = networks({"0.0.0.0/0", "::/0"})}, "unix:"));
}

TEST_CASE("ip_network: a network covers those whose addresses it has") {
  const auto covers = [](const char* one, const char* other) {
    return parse_ip_network(one)->covers(*parse_ip_network(other));
  };
  CHECK(covers("10.0.0.0/8", "10.1.0.0/16"));
  CHECK(covers("10.0.0.0/8", "10.0.0.0/8"));
  CHECK(covers("0.0.0.0/0", "192.0.2.7"));
  CHECK_FALSE(covers("10.1.0.0/16", "10.0.0.0/8"));
  CHECK_FALSE(covers("10.0.0.0/8", "11.0.0.0/16"));
  CHECK_FALSE(covers("0.0.0.0/0", "::/0"));
  CHECK(covers("unix:", "unix:"));
  CHECK_FALSE(covers("unix:", "0.0.0.0/0"));
  CHECK_FALSE(covers("0.0.0.0/0", "unix:"));
  CHECK_FALSE(covers("::/0", "192.0.2.7"));
}

}  // namespace
}  // namespace rathole::test
