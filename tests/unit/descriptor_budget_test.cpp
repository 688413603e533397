#include <rathole/protocol/descriptor_budget.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <limits>
#include <utility>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;
using protocol::descriptor_budget;
using protocol::descriptor_lease;
using protocol::descriptor_use;

constexpr time_point start{1h};

descriptor_use use(std::size_t services, std::size_t fixed) {
  descriptor_use out;
  out.services = services;
  out.fixed = fixed;
  return out;
}

TEST_CASE("descriptor budget: idle channels share a quarter of what listeners leave") {
  struct example {
    const char* what;
    std::size_t limit;
    std::size_t services;
    std::size_t fixed;
    std::size_t share;
  };
  // The reserve is 64, or a quarter of the limit if that is less.
  for (const example& each :
       {example{"25 services, few descriptors", 256, 25, 51, 1},
        example{"one service", 256, 1, 3, 47}, example{"hardly any descriptors", 40, 1, 3, 6},
        example{"more listeners than descriptors", 64, 25, 51, 0},
        example{"the usual limit", 524'288, 100, 201, 1310}}) {
    CAPTURE(each.what);
    descriptor_budget budget(each.limit);
    budget.use = use(each.services, each.fixed);
    CHECK(budget.update(start));
    CHECK(budget.idle_share() == each.share);
    CHECK_FALSE(budget.update(start));
  }
}

TEST_CASE(
    "descriptor budget: worker threads have a quarter of the reserve, and further ones take more") {
  struct example {
    const char* what;
    std::size_t limit;
    std::size_t threads;
    std::size_t left;
  };
  for (const example& each :
       {example{"no threads", 400, 0, 400}, example{"few", 400, 16, 400},
        example{"one more", 400, 20, 396}, example{"hardly any descriptors", 64, 12, 56},
        example{"more than there are", 40, 400, 0}, example{"no descriptors", 0, 4, 0}}) {
    CAPTURE(each.what);
    CHECK(protocol::limit_beside_threads(each.limit, each.threads) == each.left);
  }
}

TEST_CASE("descriptor budget: listeners and control channels leave a quarter to connections") {
  struct example {
    const char* what;
    std::size_t limit;
    std::size_t most;
  };
  // The reserve is 64, or a quarter of the limit if that is less; three quarters of the rest.
  for (const example& each :
       {example{"300 ports were too many", 400, 252}, example{"few descriptors", 256, 144},
        example{"hardly any descriptors", 40, 21}, example{"no descriptors", 0, 0},
        example{"the usual limit", 524'288, 393'168}}) {
    CAPTURE(each.what);
    CHECK(protocol::max_fixed_descriptors(each.limit) == each.most);
    descriptor_budget budget(each.limit);
    CHECK(budget.admits_fixed(each.most));
    CHECK_FALSE(budget.admits_fixed(each.most + 1));
    if (each.most == 0) continue;
    // Multiplexed connections count, too.
    budget.use.multiplexed = 2;
    budget.use.fixed = each.most - 3;
    auto last = budget.claim_fixed(1);
    REQUIRE(last);
    CHECK(last->amount() == 1);
    CHECK(budget.fixed_left() == 0);
    CHECK(budget.use.fixed == each.most - 2);
    CHECK_FALSE(budget.claim_fixed(1));
    CHECK(budget.use.fixed == each.most - 2);
    // Connections neither take from it nor give to it, and find room.
    CHECK(budget.admits_visitor());
    CHECK(budget.admits_dial(0));
    budget.use.forwards = each.limit;
    CHECK_FALSE(budget.admits_fixed(1));
    last.reset();
    CHECK(budget.admits_fixed(1));
    // What the system refused is over in a second, and closes no listener.
    budget.refused(start);
    CHECK(budget.admits_fixed(1));
    budget.set_limit(each.limit - 4);
    CHECK_FALSE(budget.admits_fixed(1));
  }
  CHECK(descriptor_budget().admits_fixed(1'000'000));
}

TEST_CASE("descriptor budget: a client keeps a connection for each of its services") {
  struct example {
    const char* what;
    std::size_t limit;
    std::size_t amount;
    std::size_t most;
  };
  for (const example& each :
       {example{"TCP services", 400, 1, 112}, example{"UDP services", 400, 3, 67},
        example{"few descriptors", 256, 1, 64}, example{"hardly any descriptors", 8, 1, 2},
        example{"no descriptors", 2, 1, 0}}) {
    CAPTURE(each.what);
    descriptor_budget budget(each.limit);
    for (std::size_t i = 0; i < each.most; ++i) {
      CHECK(budget.admits_service(each.amount));
      budget.use.fixed += each.amount;
      ++budget.use.services;
    }
    CHECK_FALSE(budget.admits_service(each.amount));
    // Each service can dial, and has its share when the others wait.
    for (std::size_t i = 0; i < each.most; ++i) {
      CHECK(budget.admits_dial(0));
      ++budget.use.idle;
    }
    budget.refused(start);
    if (each.most == 0) continue;
    --budget.use.services;
    budget.use.fixed -= each.amount;
    CHECK(budget.admits_service(each.amount));
  }
}

TEST_CASE("descriptor budget: a visitor needs a second descriptor for its channel") {
  descriptor_budget budget(100);
  budget.use = use(1, 5);
  // 100 - 25 in reserve - 5: 70, that is 35 visitors.
  for (int i = 0; i < 35; ++i) {
    CHECK(budget.admits_visitor());
    ++(i % 2 == 0 ? budget.use.waiting : budget.use.forwards);
    budget.update(start);
  }
  CHECK_FALSE(budget.admits_visitor());
  CHECK(budget.excess_visitors() == 0);
  --budget.use.forwards;
  CHECK(budget.admits_visitor());
}

TEST_CASE("descriptor budget: a connection of the program itself uses one descriptor") {
  descriptor_budget budget(100);
  budget.use = use(1, 5);
  // 100 - 25 in reserve - 5: 70, and a new visitor needs two.
  budget.use.one_sided = 68;
  CHECK(budget.use.total() == 73);
  CHECK(budget.admits_visitor());
  CHECK(budget.admits_dial(0));
  ++budget.use.one_sided;
  CHECK_FALSE(budget.admits_visitor());
  CHECK(budget.update(start));
  CHECK(budget.idle_share() == 0);
}

TEST_CASE("descriptor budget: multiplexed streams use no descriptor, their connections one") {
  descriptor_budget budget(100);
  budget.use = use(1, 5);
  budget.use.multiplexed = 3;
  CHECK(budget.use.total() == 8);
  // 100 - 25 in reserve - 8: 67, and a visitor of a stream needs one.
  budget.use.one_sided = 66;
  CHECK_FALSE(budget.admits_visitor());
  CHECK(budget.admits_visitor_of_stream());
  ++budget.use.one_sided;
  CHECK_FALSE(budget.admits_visitor_of_stream());
}

TEST_CASE("descriptor budget: idle channels do not keep visitors out, and are closed for them") {
  descriptor_budget budget(100);
  budget.use = use(1, 5);
  budget.update(start);
  CHECK(budget.idle_share() == 17);
  budget.use.idle = 17;
  budget.use.forwards = 22;
  CHECK_FALSE(budget.update(start));
  budget.use.forwards = 23;
  CHECK(budget.update(start));
  CHECK(budget.idle_share() == 0);
  CHECK(budget.admits_visitor());
  // Idle channels return once visitors use half.
  budget.use.idle = 0;
  budget.use.forwards = 18;
  CHECK_FALSE(budget.update(start));
  budget.use.forwards = 17;
  CHECK(budget.update(start));
  CHECK(budget.idle_share() == 17);
}

TEST_CASE("descriptor budget: visitors of UDP services share a quarter of the rest") {
  struct example {
    const char* what;
    std::size_t limit;
    std::size_t udp_services;
    std::size_t share;
  };
  // 4 are fixed, and the reserve is 64, or a quarter of the limit if that is less.
  for (const example& each :
       {example{"one service", 512, 1, 111}, example{"four services", 512, 4, 27},
        example{"no service yet", 512, 0, 111}, example{"hardly any descriptors", 8, 3, 1},
        example{"the usual limit", 524'288, 10, 13'105}}) {
    CAPTURE(each.what);
    descriptor_budget budget(each.limit);
    budget.use.fixed = 4;
    budget.use.udp_services = each.udp_services;
    CHECK(budget.udp_share() == each.share);
    // A shortage caused by others does not make it forget visitors.
    budget.refused(start);
    CHECK(budget.udp_share() == each.share);
  }
}

TEST_CASE("descriptor budget: a client counts its visitors of UDP services") {
  descriptor_budget budget(100);
  budget.use = use(1, 5);
  // 100 - 25 in reserve - 5: 70.
  budget.use.udp_visitors = 68;
  CHECK(budget.use.total() == 73);
  CHECK(budget.admits_dial(0));
  budget.use.udp_visitors = 69;
  CHECK_FALSE(budget.admits_dial(0));
}

TEST_CASE("descriptor budget: handshakes leave half to visitors") {
  descriptor_budget budget(100);
  budget.use = use(1, 5);
  CHECK(budget.max_handshakes() == 35);
  budget.use.handshakes = 35;
  CHECK(budget.admits_visitor());
  // A connection in its handshake may be the channel that a visitor waits for.
  budget.use.waiting = 34;
  CHECK(budget.admits_visitor());
  budget.use.waiting = 35;
  CHECK_FALSE(budget.admits_visitor());
}

TEST_CASE("descriptor budget: a refusal by the system limits it for a second") {
  descriptor_budget budget(1000);
  budget.use = use(1, 5);
  budget.use.idle = 8;
  budget.use.waiting = 40;
  budget.use.forwards = 10;
  budget.update(start);
  CHECK(budget.idle_share() > 0);
  budget.refused(start);
  // 73 are in use; without the slack and the listeners there are 64 for visitors.
  CHECK(budget.update(start));
  CHECK(budget.idle_share() == 0);
  CHECK_FALSE(budget.admits_visitor());
  CHECK(budget.excess_visitors() == 18);
  budget.use.waiting -= 18;
  CHECK(budget.excess_visitors() == 0);
  budget.update(start + 1s - 1ns);
  CHECK_FALSE(budget.admits_visitor());
  CHECK(budget.update(start + 1s));
  CHECK(budget.idle_share() > 0);
  CHECK(budget.admits_visitor());
}

TEST_CASE("descriptor budget: setting the same limit again does not end a shortage") {
  for (const std::size_t limit :
       {std::size_t{1000}, descriptor_budget::unlimited, std::numeric_limits<std::size_t>::max()}) {
    CAPTURE(limit);
    descriptor_budget budget(limit);
    budget.use = use(1, 5);
    budget.use.idle = 8;
    budget.update(start);
    budget.refused(start);
    budget.set_limit(limit);
    CHECK(budget.update(start));
    CHECK(budget.idle_share() == 0);
  }
}

TEST_CASE("descriptor budget: a new limit applies at once") {
  descriptor_budget budget(1000);
  budget.use = use(1, 5);
  budget.use.forwards = 40;
  budget.update(start);
  CHECK(budget.admits_visitor());
  budget.set_limit(100);
  CHECK_FALSE(budget.admits_visitor());
  budget.set_limit(std::numeric_limits<std::size_t>::max());
  CHECK(budget.admits_visitor());
}

TEST_CASE("descriptor budget: a client also counts the local connection, and each service") {
  descriptor_budget budget(100);
  budget.use = use(25, 25);
  // 100 - 25 in reserve - 25: 50, that is one channel for each service, and its local connection.
  for (int i = 0; i < 25; ++i) {
    CHECK(budget.admits_dial(0));
    // A second one only while fewer than a quarter are in use.
    CHECK(budget.admits_dial(1) == (i < 12));
    ++budget.use.idle;
  }
  CHECK_FALSE(budget.admits_dial(0));
  // A channel that starts to carry a connection needs the same as before.
  --budget.use.idle;
  ++budget.use.forwards;
  CHECK_FALSE(budget.admits_dial(0));
  --budget.use.forwards;
  CHECK(budget.admits_dial(0));
}

TEST_CASE("descriptor budget: a lease counts until it is destroyed") {
  std::size_t counter = 0;
  {
    descriptor_lease one(counter);
    descriptor_lease three(counter, 3);
    CHECK(counter == 4);
    descriptor_lease moved(std::move(three));
    CHECK(counter == 4);
    one = std::move(moved);
    CHECK(counter == 4);
    one.end();
    CHECK(counter == 1);
    one.end();
    CHECK(counter == 1);
  }
  CHECK(counter == 0);
}

}  // namespace
}  // namespace rathole::test
