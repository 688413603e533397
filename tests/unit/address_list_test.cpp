#include <rathole/core/address_list.hpp>

#include <doctest/doctest.h>

#include <string>
#include <system_error>
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

TEST_CASE("address list: the IPv6 wildcard is bound after all others") {
  using names = std::vector<std::string>;
  CHECK(bound({}).empty());
  CHECK(bound({{"::", 1}, {"0.0.0.0", 1}}) == names{"0.0.0.0:1", "[::]:1"});
  CHECK(bound({{"0::0", 1}, {"::1", 2}, {"::", 3}, {"a.example", 4}, {"0.0.0.0", 5}}) ==
        names{"[::1]:2", "a.example:4", "0.0.0.0:5", "[0::0]:1", "[::]:3"});
}

TEST_CASE("address list: on a host without IPv6 [::] is skipped if 0.0.0.0 is listed too") {
  const address_list both(std::vector<address>{{"0.0.0.0", 1}, {"::", 1}, {"::", 2}, {"::1", 1}});
  for (const auto why :
       {std::errc::address_family_not_supported, std::errc::address_not_available}) {
    const auto error = std::make_error_code(why);
    CHECK(is_left_out(both, {"::", 1}, error));
    CHECK(is_left_out(both, {"0::0", 1}, error));
    CHECK_FALSE(is_left_out(both, {"::", 2}, error));
    CHECK_FALSE(is_left_out(both, {"::1", 1}, error));
    CHECK_FALSE(is_left_out(both, {"0.0.0.0", 1}, error));
    CHECK_FALSE(is_left_out(address_list("::", 0), {"::", 0}, error));
  }
  CHECK_FALSE(is_left_out(both, {"::", 1}, std::make_error_code(std::errc::address_in_use)));
  CHECK(is_left_out(both, {"::", 1}, address{"0.0.0.0", 1}));
  CHECK_FALSE(is_left_out(both, {"::", 1}, address{"::", 1}));
  CHECK_FALSE(is_left_out(both, {"0.0.0.0", 1}, address{"0.0.0.0", 1}));
  CHECK_FALSE(is_left_out(address_list("::", 1), {"::", 1}, address{"0.0.0.0", 1}));
}

}  // namespace rathole::test
