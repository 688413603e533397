#include "../support/proxy_protocol_scenarios.hpp"
#include "both_ways.hpp"

#include <doctest/doctest.h>

namespace rathole::test {
namespace {

TEST_CASE("interop: nginx behind upstream's client learns the visitor's address from our server") {
  one_way(scenario::nginx_sees_visitors, side::server);
}

TEST_CASE("interop: datagrams through upstream's client have headers from our server") {
  one_way(scenario::datagrams_have_headers, side::server);
}

}  // namespace
}  // namespace rathole::test
