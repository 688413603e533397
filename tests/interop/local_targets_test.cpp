#include "../support/local_targets_scenarios.hpp"
#include "both_ways.hpp"

#include <doctest/doctest.h>

namespace rathole::test {
namespace {

TEST_CASE("interop: visitors of upstream's server reach the local address that works") {
  one_way(scenario::visitors_reach_what_works, side::client);
}

}  // namespace
}  // namespace rathole::test
