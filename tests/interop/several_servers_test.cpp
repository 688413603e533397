#include "../support/several_servers_scenarios.hpp"
#include "upstream.hpp"

#include <doctest/doctest.h>

namespace rathole::test {
namespace {

TEST_CASE("interop: our client fails over between servers of upstream") {
  server_fleet fleet(2, upstream_program());
  scenario::fails_over(fleet);
}

TEST_CASE("interop: our client holds its services on several servers of upstream") {
  server_fleet fleet(2, upstream_program());
  scenario::holds_on_all(fleet);
}

}  // namespace
}  // namespace rathole::test
