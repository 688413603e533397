// Simulated UDP sockets satisfy the DatagramSocket concept, and links lose and delay datagrams.

#include "support/sim_world.hpp"

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

using namespace rathole;
using namespace std::chrono_literals;
using test::bytes, test::sim_bench;

namespace {

sim::datagram_socket bound(sim_bench& bench, sim::runtime& on, std::uint16_t port = 0) {
  return bench.must(on.bind_udp({"0.0.0.0", port}, {}));
}

bool send(sim::datagram_socket& from, const ip_endpoint& to, std::string_view text) {
  io::datagram one;
  one.peer = to;
  one.payload = bytes(text);
  return from.send(std::span(&one, 1)) == 1;
}

/// Returns all datagrams that wait at `from`.
std::vector<std::string> take_all(sim::datagram_socket& from) {
  std::vector<std::string> out;
  for (;;) {
    const auto batch = from.receive();
    if (batch.empty()) return out;
    for (const io::datagram& each : batch) {
      out.emplace_back(each.payload.begin(), each.payload.end());
    }
  }
}

/// Two hosts with a socket each.
struct two_sockets : sim_bench {
  explicit two_sockets(std::uint64_t seed = 1) : sim_bench(seed) {}

  sim::datagram_socket near = bound(*this, client);
  sim::datagram_socket far = bound(*this, server, 53);
  ip_endpoint to_far = world.net().at("server").endpoint(53);
  ip_endpoint to_near = world.net().at("client").endpoint(near.local().port);

  /// Returns what arrives of `count` numbered datagrams that are sent at once.
  std::vector<std::string> arrivals(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) CHECK(send(near, to_far, std::to_string(i)));
    world.run_for(1min);
    return take_all(far);
  }
};

std::vector<std::string> numbers(std::size_t count) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(std::to_string(i));
  return out;
}

}  // namespace

TEST_CASE("sim datagrams: arrive with their source address, to which replies can be sent") {
  two_sockets bench;
  CHECK(bench.near.local().port >= 49152);
  CHECK(bench.far.local().port == 53);
  CHECK(send(bench.near, bench.to_far, "hello"));
  CHECK(send(bench.near, bench.to_far, ""));
  CHECK(bench.far.receive().empty());
  bench.world.run_for(1s);
  const auto got = bench.far.receive();
  REQUIRE(got.size() == 2);
  CHECK(got[0].peer == bench.to_near);
  CHECK(std::ranges::equal(got[0].payload, bytes("hello")));
  CHECK(got[1].payload.empty());
  CHECK(bench.far.send(got) == 2);
  bench.world.run_for(1s);
  CHECK(take_all(bench.near) == std::vector<std::string>{"hello", ""});
}

TEST_CASE("sim datagrams: without a receiver they are lost silently") {
  two_sockets bench;
  ip_endpoint unreachable = bench.to_far;
  unreachable.port = 54;
  CHECK(send(bench.near, unreachable, "no such port"));
  unreachable.ip[3] = 77;
  CHECK(send(bench.near, unreachable, "no such host"));
  unreachable = bench.to_far;
  unreachable.is_v6 = true;
  CHECK(send(bench.near, unreachable, "no such family"));
  CHECK(bench.arrivals(1) == numbers(1));
  bench.far.close();
  CHECK(bench.arrivals(1).empty());
}

TEST_CASE("sim datagrams: a connected socket receives from its peer only") {
  two_sockets bench;
  auto connected = bench.must(
      bench.client.connect_udp({"server", 53}, io::udp_connect_options(), time_point::max(), {}));
  auto stranger = bound(bench, bench.server);
  CHECK(send(connected, bench.to_near, "goes to its peer"));
  bench.world.run_for(1s);
  CHECK(take_all(bench.near).empty());
  const auto got = bench.far.receive();
  REQUIRE(got.size() == 1);
  const ip_endpoint back = got[0].peer;
  CHECK(send(stranger, back, "from a stranger"));
  CHECK(send(bench.far, back, "from the peer"));
  bench.world.run_for(1s);
  CHECK(take_all(connected) == std::vector<std::string>{"from the peer"});
  CHECK(bench
            .get(bench.client.connect_udp({"nowhere", 1}, io::udp_connect_options(),
                                          time_point::max(), {}))
            .error() == errc::host_not_found);
}

TEST_CASE(
    "sim datagrams: a socket that accepts any port of its peer receives from that address only") {
  two_sockets bench;
  const io::udp_connect_options follows(false, true);
  auto connected =
      bench.must(bench.client.connect_udp({"server", 53}, follows, time_point::max(), {}));
  auto elsewhere = bound(bench, bench.server);
  auto stranger = bound(bench, bench.client);
  CHECK(send(connected, bench.to_near, "goes to its peer"));
  bench.world.run_for(1s);
  const auto got = bench.far.receive();
  REQUIRE(got.size() == 1);
  const ip_endpoint back = got[0].peer;
  CHECK(send(stranger, back, "from a stranger"));
  CHECK(send(elsewhere, back, "from another port"));
  bench.world.run_for(1s);
  CHECK(take_all(connected) == std::vector<std::string>{"from another port"});
  CHECK(send(connected, bench.to_near, "goes there too"));
  bench.world.run_for(1s);
  CHECK(take_all(elsewhere) == std::vector<std::string>{"goes there too"});
  CHECK(take_all(bench.far).empty());
}

TEST_CASE("sim datagrams: a bound port is in use until it is closed") {
  sim_bench bench;
  auto first = bound(bench, bench.server, 53);
  CHECK(bench.get(bench.server.bind_udp({"::", 53}, {})).error() == std::errc::address_in_use);
  CHECK(bench.get(bench.server.bind_udp({"client", 54}, {})).error() ==
        std::errc::address_not_available);
  CHECK(bench.get(bench.server.bind_udp({"nowhere", 54}, {})).error() == errc::host_not_found);
  // TCP has separate ports.
  CHECK(bench.get(bench.server.listen(address{"0.0.0.0", 53})).has_value());
  std::stop_source stop;
  stop.request_stop();
  CHECK(bench.get(bench.server.bind_udp({"::", 54}, stop.get_token())).error() == errc::stopped);
  first.close();
  CHECK(bench.get(bench.server.bind_udp({"::", 53}, {})).has_value());
}

TEST_CASE("sim datagrams: a link loses the configured share") {
  const auto lost = [](unsigned of_a_thousand, std::uint64_t seed) {
    two_sockets bench(seed);
    sim::link_conditions rough;
    rough.datagram_loss = of_a_thousand;
    bench.world.net().set_conditions(rough);
    return bench.arrivals(1000);
  };
  CHECK(lost(0, 1).size() == 1000);
  CHECK(lost(1000, 1).empty());
  const auto half = lost(500, 1);
  CHECK(half.size() > 400);
  CHECK(half.size() < 600);
  CHECK(half == lost(500, 1));
  CHECK(half != lost(500, 2));
}

TEST_CASE("sim datagrams: they overtake each other as their delays determine") {
  two_sockets bench;
  CHECK(bench.arrivals(100) == numbers(100));
  sim::link_conditions rough;
  rough.max_delay = 100ms;
  bench.world.net().set_conditions(rough);
  auto arrived = bench.arrivals(100);
  CHECK(arrived != numbers(100));
  CHECK(std::ranges::is_permutation(arrived, numbers(100)));
}

TEST_CASE("sim datagrams: a partition loses datagrams in flight, and new ones") {
  two_sockets bench;
  sim::link_conditions slow;
  slow.min_delay = slow.max_delay = 1s;
  bench.world.net().set_conditions(slow);
  CHECK(send(bench.near, bench.to_far, "under way when it begins"));
  bench.world.run_for(500ms);
  bench.world.net().partition("client", "server");
  CHECK(send(bench.near, bench.to_far, "sent in the middle of it"));
  SUBCASE("short") { bench.world.run_for(10ms); }
  SUBCASE("long") { bench.world.run_for(1h); }
  bench.world.net().heal("client", "server");
  CHECK(send(bench.near, bench.to_far, "sent after it"));
  bench.world.run_for(1h);
  CHECK(take_all(bench.far) == std::vector<std::string>{"sent after it"});
}

TEST_CASE("sim datagrams: datagrams without room in the receive buffer are lost") {
  two_sockets bench;
  CHECK(bench.arrivals(sim::mailbox::room + 10) == numbers(sim::mailbox::room));
  CHECK(bench.arrivals(1) == numbers(1));
}

TEST_CASE("sim datagrams: the watcher is notified of all, one batch at a time") {
  two_sockets bench;
  std::vector<std::size_t> batches;
  bench.arrivals(0);
  for (std::size_t i = 0; i < 150; ++i) send(bench.near, bench.to_far, "x");
  bench.world.run_for(1s);
  bench.far.watch([&] { batches.push_back(bench.far.receive().size()); });
  CHECK(batches.empty());
  bench.world.run_for(1s);
  CHECK(batches == std::vector<std::size_t>{64, 64, 22});
  send(bench.near, bench.to_far, "x");
  bench.world.run_for(1s);
  CHECK(batches.back() == 1);

  int calls = 0;
  SUBCASE("until unwatch") {
    bench.far.watch([&] {
      ++calls;
      bench.far.unwatch();
    });
    for (int i = 0; i < 3; ++i) send(bench.near, bench.to_far, "x");
    bench.world.run_for(1s);
    CHECK(take_all(bench.far).size() == 3);
  }
  SUBCASE("until close") {
    bench.far.watch([&] {
      ++calls;
      bench.far.close();
    });
    for (int i = 0; i < 3; ++i) send(bench.near, bench.to_far, "x");
    bench.world.run_for(1s);
    CHECK_FALSE(bench.far.is_open());
    CHECK(take_all(bench.far).empty());
    CHECK_FALSE(send(bench.far, bench.to_near, "x"));
  }
  CHECK(calls == 1);
}

TEST_CASE("sim datagrams: a failing operation refuses one datagram") {
  two_sockets bench;
  auto& operations = bench.world.net().operations("client");
  operations.fail_at(operations.count() + 2, std::errc::no_buffer_space);
  CHECK(send(bench.near, bench.to_far, "first"));
  CHECK_FALSE(send(bench.near, bench.to_far, "second"));
  CHECK(send(bench.near, bench.to_far, "third"));
  bench.world.run_for(1s);
  CHECK(take_all(bench.far) == std::vector<std::string>{"first", "third"});
  operations.fail_at(operations.count() + 1, std::errc::no_buffer_space);
  CHECK(bench.get(bench.client.bind_udp({"::", 1}, {})).error() == std::errc::no_buffer_space);
}

TEST_CASE("sim datagrams: the resource counts include sockets") {
  two_sockets bench;
  const sim::resource_counts& in_use = bench.world.net().in_use();
  CHECK(in_use == sim::resource_counts{0, 0, 0, 2});
  {
    sim::datagram_socket moved = std::move(bench.near);
    CHECK_FALSE(bench.near.is_open());
    CHECK(in_use.datagram_sockets == 2);
    // It continues to work, and replies reach it.
    CHECK(send(moved, bench.to_far, "from elsewhere"));
    CHECK(send(bench.far, bench.to_near, "to elsewhere"));
    bench.world.run_for(1s);
    CHECK(take_all(moved) == std::vector<std::string>{"to elsewhere"});
    CHECK(take_all(bench.far) == std::vector<std::string>{"from elsewhere"});
    bench.far = std::move(moved);
    CHECK(in_use.datagram_sockets == 1);
  }
  CHECK(bench.far.is_open());
  bench.far.close();
  bench.far.close();
  CHECK(in_use == sim::resource_counts{});
}
