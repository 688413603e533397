#include "../support/unix_sockets_scenarios.hpp"
#include "both_ways.hpp"

#include <doctest/doctest.h>

namespace rathole::test {
namespace {

TEST_CASE("interop: visitors come by Unix-domain sockets of our server to upstream's client") {
  one_way(scenario::visitors_at_unix_sockets, side::server);
}

TEST_CASE("interop: our client forwards visitors of upstream's server to a Unix-domain socket") {
  one_way(scenario::services_at_unix_sockets, side::client);
}

}  // namespace
}  // namespace rathole::test
