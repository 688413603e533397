// The order in which the UDP services of successive clients begin to listen.

#include "support/sim_world.hpp"

#include <rathole/server/udp_turns.hpp>

#include <stop_token>

using namespace rathole;
using server_side::udp_turns;

namespace {

/// A successor that waits for its turn.
io::awaitable<void> come(udp_turns::turn& next, bool& has_come) {
  co_await next.come();
  has_come = true;
}

}  // namespace

TEST_CASE("UDP turns: a successor waits until the sockets of the ending services are closed") {
  test::sim_bench bench;
  udp_turns all;
  std::stop_source ending[3];
  udp_turns::turn first(all, bench.world.get_executor());
  udp_turns::turn second(all, bench.world.get_executor());
  udp_turns::turn third(all, bench.world.get_executor());
  const auto settle = [&] { bench.world.run_for(std::chrono::seconds(1)); };
  bool has_come[3] = {};
  first.enter(ending[0].get_token());
  bench.tasks.spawn(come(first, has_come[0]));
  second.enter(ending[1].get_token());
  bench.tasks.spawn(come(second, has_come[1]));
  settle();
  // Both listen, on different addresses.
  CHECK(has_come[0]);
  CHECK(has_come[1]);
  ending[0].request_stop();
  ending[1].request_stop();
  third.enter(ending[2].get_token());
  bench.tasks.spawn(come(third, has_come[2]));
  settle();
  CHECK_FALSE(has_come[2]);
  second.leave();
  settle();
  CHECK_FALSE(has_come[2]);
  SUBCASE("which end in order") { first.leave(); }
  SUBCASE("and which have ended before") {
    first.leave();
    first.leave();
  }
  settle();
  CHECK(has_come[2]);
}
