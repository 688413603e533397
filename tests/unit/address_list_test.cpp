#include <rathole/core/address_list.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace rathole::test {
namespace {

std::vector<std::string> bound(std::vector<address> addresses) {
  std::vector<std::string> out;
  for (const address& each : in_bind_order(address_list(std::move(addresses)))) {
    out.push_back(to_string(each));
  }
  return out;
}

}  // namespace

TEST_CASE("address list: the IPv6 wildcard is bound behind all others") {
  using names = std::vector<std::string>;
  CHECK(bound({}).empty());
  CHECK(bound({{"::", 1}, {"0.0.0.0", 1}}) == names{"0.0.0.0:1", "[::]:1"});
  CHECK(bound({{"0::0", 1}, {"::1", 2}, {"::", 3}, {"a.example", 4}, {"0.0.0.0", 5}}) ==
        names{"[::1]:2", "a.example:4", "0.0.0.0:5", "[0::0]:1", "[::]:3"});
}

}  // namespace rathole::test
