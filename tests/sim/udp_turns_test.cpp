// The order in which the UDP services of successive clients begin to listen.

#include "support/sim_world.hpp"

#include <rathole/server/udp_turns.hpp>

#include <stop_token>

using namespace rathole;
using server_side::udp_turns;

namespace {

/// A successor that waits for its turn.
io::awaitable<void> wait_for(udp_turns::turn& turn, bool& is_next) {
  co_await turn.wait();
  is_next = true;
}

}  // namespace

TEST_CASE("UDP turns: a successor waits until the sockets of the ending services are closed") {
  test::sim_bench bench;
  udp_turns all;
  std::stop_source ending[3];
  udp_turns::turn first(all, bench.world.get_executor());
  udp_turns::turn second(all, bench.world.get_executor());
  udp_turns::turn third(all, bench.world.get_executor());
  const auto run = [&] { bench.world.run_for(std::chrono::seconds(1)); };
  bool is_next[3] = {};
  first.enter(ending[0].get_token());
  bench.tasks.spawn(wait_for(first, is_next[0]));
  second.enter(ending[1].get_token());
  bench.tasks.spawn(wait_for(second, is_next[1]));
  run();
  // Both listen, on different addresses.
  CHECK(is_next[0]);
  CHECK(is_next[1]);
  ending[0].request_stop();
  ending[1].request_stop();
  third.enter(ending[2].get_token());
  bench.tasks.spawn(wait_for(third, is_next[2]));
  run();
  CHECK_FALSE(is_next[2]);
  second.leave();
  run();
  CHECK_FALSE(is_next[2]);
  SUBCASE("which end in order") { first.leave(); }
  SUBCASE("and which have ended before") {
    first.leave();
    first.leave();
  }
  run();
  CHECK(is_next[2]);
}
