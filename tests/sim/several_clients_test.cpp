// Several clients for one service: the newest replaces the others, a second one is refused, or they share
// the visitors.

#include "support/sim_udp_tunnel.hpp"

#include <rathole/io/stream/shared_stream.hpp>
#include <rathole/server/tcp_service.hpp>

#include <array>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace rathole;
using namespace std::chrono_literals;
using config::conflict_policy, config::client_affinity;
using test::program, test::sim_tunnel;

namespace {

constexpr std::array<std::string_view, 4> hosts{"a", "b", "c", "d"};

/// Reads what a visitor sends to the end, and answers with the name of a host.
template <std::size_t I>
io::awaitable<void> tell(sim::stream stream) {
  const auto question = co_await test::read_all(stream);
  if (!question) co_return;
  co_await stream.write(test::bytes(hosts[I]));
  stream.close();
}

/// A server whose service several clients on the hosts "a" to "d" want to serve.
struct shared_tunnel : sim_tunnel {
  shared_tunnel(std::uint64_t seed, conflict_policy policy) : sim_tunnel(seed) {
    web().on_conflict = policy;
    start_service("a", tell<0>);
    start_service("b", tell<1>);
    start_service("c", tell<2>);
    start_service("d", tell<3>);
    start_server();
    const auto is_ready = [this] { return server->events.count<server_side::ready>() == 1; };
    REQUIRE(run_until(is_ready) == sim::outcome::done);
  }

  [[nodiscard]] config::server_service& web() { return server_settings.services[0]; }

  void start(std::size_t i, bool multiplexes = false) {
    config::client settings = client_settings;
    settings.transport.multiplex = multiplexes;
    clients[i] = test::run_client(world, hosts[i], settings);
  }

  /// Starts the first `count` clients, half of them multiplexed, and runs until all serve.
  void start_many(std::size_t count) {
    const std::size_t before = established();
    for (std::size_t i = 0; i < count; ++i) start(i, i % 2 == 1);
    REQUIRE(run_until([&] { return established() == before + count; }) == sim::outcome::done);
    world.run_for(1s);
  }

  [[nodiscard]] std::size_t established() const {
    return server->events.count<server_side::control_channel_established>();
  }
  [[nodiscard]] std::size_t refused_visitors() const {
    return server->events.count<server_side::visitor_refused>();
  }

  /// Returns what a visitor from `host` gets.
  io::task<std::string> visit_from(std::string host) {
    auto runtime = world.make_runtime(host);
    const address at{"server", 5202};
    const io::socket_options options;
    auto stream = co_await runtime.connect(at, options, world.now() + 10s, std::stop_token());
    if (!stream) co_return failure(stream.error());
    const auto sent = co_await stream->write(test::bytes("who?"));
    if (sent) co_await stream->shutdown_send();
    auto answer = co_await test::read_all(*stream);
    stream->close();
    co_return answer;
  }

  std::string ask(const std::string& host = "visitor") { return bench.must(visit_from(host)); }

  /// Returns how many of `count` visitors, which come one after another, each client got.
  std::map<std::string, int> shares(int count) {
    std::map<std::string, int> out;
    for (int i = 0; i < count; ++i) ++out[ask()];
    return out;
  }

  void apply_settings() {
    server->update(server_settings);
    REQUIRE(run_until([&] { return server->updated().has_value(); }) == sim::outcome::done);
    REQUIRE(*server->updated() == std::error_code());
  }

  void finish() {
    server->stop();
    for (auto& each : clients) {
      if (each) each->stop();
    }
    const auto have_ended = [&] {
      const auto has = [](const auto& each) { return !each || each->ended(); };
      return server->ended() && std::ranges::all_of(clients, has);
    };
    REQUIRE(run_until(have_ended) == sim::outcome::done);
    world.run_for(1s);
    CHECK(world.net().in_use().streams == 0);
    CHECK(world.net().in_use().timers == 0);
  }

  std::array<std::unique_ptr<program>, hosts.size()> clients;
};

}  // namespace

TEST_CASE("several clients: a second one is refused as long as the first serves") {
  for (const bool multiplexes : {false, true}) {
    const auto seed = test::scenario_seed(1);
    REPLAYABLE(seed);
    shared_tunnel tunnel(seed, conflict_policy::reject);
    tunnel.start(0, multiplexes);
    REQUIRE(tunnel.run_until([&] { return tunnel.established() == 1; }) == sim::outcome::done);
    tunnel.start(1, multiplexes);
    tunnel.world.run_for(1min);
    CHECK(tunnel.ask() == "a");
    CHECK(tunnel.established() == 1);
    CHECK(tunnel.server->events.count<server_side::client_refused>() > 3);
    CHECK(tunnel.server->events.count<server_side::control_channel_replaced>() == 0);
    CHECK(tunnel.clients[1]->events.last_error<client_side::control_channel_failed>() ==
          errc::service_in_use);
    // It is no longer refused once the first has gone.
    tunnel.clients[0]->stop();
    REQUIRE(tunnel.run_until([&] { return tunnel.established() == 2; }, 15s) == sim::outcome::done);
    tunnel.world.run_for(1s);
    CHECK(tunnel.ask() == "b");
    tunnel.finish();
  }
}

TEST_CASE("several clients: a client that vanished does not lock out its successor") {
  for (const bool multiplexes : {false, true}) {
    const auto seed = test::scenario_seed(2);
    REPLAYABLE(seed);
    shared_tunnel tunnel(seed, conflict_policy::reject);
    tunnel.start(0, multiplexes);
    REQUIRE(tunnel.run_until([&] { return tunnel.established() == 1; }) == sim::outcome::done);
    tunnel.world.run_for(5s);
    tunnel.world.net().partition("a", "server");
    tunnel.start(1, multiplexes);
    // The server's heartbeat is not acknowledged; then the client's longest pause.
    const duration bound = tunnel.server_settings.heartbeat_interval +
                           tunnel.server_settings.transport.tcp.user_timeout + 15s;
    REQUIRE(tunnel.run_until([&] { return tunnel.established() == 2; }, bound) ==
            sim::outcome::done);
    tunnel.world.run_for(1s);
    CHECK(tunnel.ask() == "b");
    tunnel.finish();
  }
}

TEST_CASE("several clients: two that come at once are not both accepted") {
  const auto seed = test::scenario_seed(3);
  REPLAYABLE(seed);
  shared_tunnel tunnel(seed, conflict_policy::reject);
  for (std::size_t i = 0; i < hosts.size(); ++i) tunnel.start(i);
  tunnel.world.run_for(1min);
  CHECK(tunnel.established() == 1);
  tunnel.finish();
}

TEST_CASE("several clients: they share the visitors evenly, in both modes") {
  const auto seed = test::scenario_seed(4);
  REPLAYABLE(seed);
  shared_tunnel tunnel(seed, conflict_policy::balance);
  tunnel.start_many(4);
  CHECK(tunnel.server->events.count<server_side::service_listening>() == 1);
  CHECK(tunnel.shares(100) ==
        std::map<std::string, int>{{"a", 25}, {"b", 25}, {"c", 25}, {"d", 25}});
  // Visitors that stay count: the others go elsewhere.
  std::vector<test::pending<sim::stream>> staying;
  for (int i = 0; i < 8; ++i) tunnel.bench.must(tunnel.arrive());
  tunnel.world.run_for(1s);
  CHECK(tunnel.refused_visitors() == 0);
  tunnel.finish();
}

TEST_CASE("several clients: there are no more than max_clients") {
  const auto seed = test::scenario_seed(5);
  REPLAYABLE(seed);
  shared_tunnel tunnel(seed, conflict_policy::balance);
  tunnel.web().max_clients = 2;
  tunnel.apply_settings();
  tunnel.start_many(2);
  tunnel.start(2);
  tunnel.world.run_for(30s);
  CHECK(tunnel.established() == 2);
  CHECK(tunnel.server->events.count<server_side::client_refused>() > 1);
  tunnel.web().max_clients = 3;
  tunnel.apply_settings();
  CHECK(tunnel.run_until([&] { return tunnel.established() == 3; }, 15s) == sim::outcome::done);
  tunnel.finish();
}

TEST_CASE("several clients: visitors leave a client that does not answer for another one") {
  const auto seed = test::scenario_seed(6);
  REPLAYABLE(seed);
  shared_tunnel tunnel(seed, conflict_policy::balance);
  // Nothing is ready, so each visitor needs an answer of its client.
  tunnel.web().pool.size = 0;
  tunnel.apply_settings();
  tunnel.start_many(3);
  tunnel.world.net().partition("b", "server");
  std::map<std::string, int> shares;
  int late = 0;
  for (int i = 0; i < 30; ++i) {
    const time_point begun = tunnel.world.now();
    ++shares[tunnel.ask()];
    const duration took = tunnel.world.now() - begun;
    if (took > 1s) ++late;
    CHECK(took < server_side::client_timeout + 1s);
  }
  CHECK(shares["a"] + shares["c"] == 30);
  // Only the first one waited: after that the client is skipped.
  CHECK(late <= 2);
  CHECK(tunnel.server->events.count<server_side::visitor_failed_over>() ==
        static_cast<std::size_t>(late));
  CHECK(tunnel.refused_visitors() == 0);
  tunnel.world.net().heal("b", "server");
  tunnel.world.run_for(2min);
  shares = tunnel.shares(30);
  CHECK(shares["b"] >= 9);
  tunnel.finish();
}

TEST_CASE(
    "several clients: thousands of visitors for clients that do not answer are refused in time") {
  const auto seed = test::scenario_seed(21);
  REPLAYABLE(seed);
  shared_tunnel tunnel(seed, conflict_policy::balance);
  tunnel.web().pool.size = 0;
  tunnel.web().pool.max_waiting_visitors = 4000;
  tunnel.apply_settings();
  tunnel.start_many(2);
  tunnel.world.net().partition("a", "server");
  tunnel.world.net().partition("b", "server");
  // All are overdue at the same moment, and each client gives its visitors to the other one.
  std::vector<test::pending<std::string>> waiting;
  for (int i = 0; i < 3000; ++i)
    waiting.push_back(tunnel.bench.begin(tunnel.visit_from("visitor")));
  tunnel.world.run_for(tunnel.web().pool.visitor_timeout + 2 * server_side::client_timeout);
  CHECK(tunnel.refused_visitors() == waiting.size());
  for (const auto& each : waiting) CHECK_FALSE(tunnel.bench.get(each));
  tunnel.world.net().heal("a", "server");
  tunnel.world.net().heal("b", "server");
  tunnel.finish();
}

TEST_CASE("several clients: one whose local service is down gets few visitors until it is back") {
  const auto seed = test::scenario_seed(20);
  REPLAYABLE(seed);
  shared_tunnel tunnel(seed, conflict_policy::balance);
  tunnel.start_many(3);
  tunnel.world.net().refuse_connections("b", true);
  int lost = 0;
  for (int i = 0; i < 200; ++i) {
    if (!tunnel.bench.get(tunnel.visit_from("visitor"))) ++lost;
    tunnel.world.run_for(100ms);
  }
  CHECK(lost >= 3);
  // Those until it is skipped, and one after each of the pauses of 1, 2, 4, 8 and 16 s.
  CHECK(lost <= static_cast<int>(protocol::max_early_ends) + 5);
  tunnel.world.net().refuse_connections("b", false);
  tunnel.world.run_for(30s);
  const auto shares = tunnel.shares(60);
  CHECK(shares.at("b") >= 15);
  tunnel.finish();
}

TEST_CASE("several clients: a visitor that waits for a client that goes gets another one") {
  const auto seed = test::scenario_seed(7);
  REPLAYABLE(seed);
  shared_tunnel tunnel(seed, conflict_policy::balance);
  tunnel.web().pool.size = 0;
  tunnel.apply_settings();
  tunnel.start_many(2);
  tunnel.world.net().partition("a", "server");
  tunnel.world.net().partition("b", "server");
  std::vector<test::pending<std::string>> waiting;
  for (int i = 0; i < 6; ++i) waiting.push_back(tunnel.bench.begin(tunnel.visit_from("visitor")));
  tunnel.world.run_for(500ms);
  tunnel.world.net().heal("b", "server");
  tunnel.world.net().lose_connections("a", "server");
  for (const auto& each : waiting) CHECK(tunnel.bench.get(each) == "b");
  CHECK(tunnel.refused_visitors() == 0);
  tunnel.world.net().heal("a", "server");
  tunnel.finish();
}

TEST_CASE("several clients: a visitor that no client serves is refused in time") {
  const auto seed = test::scenario_seed(8);
  REPLAYABLE(seed);
  shared_tunnel tunnel(seed, conflict_policy::balance);
  tunnel.web().pool.size = 0;
  tunnel.apply_settings();
  tunnel.start_many(3);
  for (const std::string_view each : {"a", "b", "c"}) tunnel.world.net().partition(each, "server");
  const time_point begun = tunnel.world.now();
  CHECK_FALSE(tunnel.bench.get(tunnel.visit_from("visitor")));
  const duration waited = tunnel.world.now() - begun;
  CHECK(waited >= tunnel.web().pool.visitor_timeout);
  CHECK(waited <= tunnel.web().pool.visitor_timeout + server_side::client_timeout + 1s);
  CHECK(tunnel.server->events.last_error<server_side::visitor_refused>() == errc::timed_out);
  for (const std::string_view each : {"a", "b", "c"}) tunnel.world.net().heal(each, "server");
  tunnel.finish();
}

TEST_CASE("several clients: the visitors of an address keep their client until it goes") {
  const auto seed = test::scenario_seed(9);
  REPLAYABLE(seed);
  shared_tunnel tunnel(seed, conflict_policy::balance);
  tunnel.web().affinity = client_affinity::source;
  tunnel.apply_settings();
  tunnel.start_many(4);
  std::map<std::string, std::string> before;
  std::map<std::string, int> shares;
  for (int i = 0; i < 40; ++i) {
    const std::string from = "visitor" + std::to_string(i);
    before[from] = tunnel.ask(from);
    ++shares[before[from]];
    CHECK(tunnel.ask(from) == before[from]);
  }
  CHECK(shares.size() == 4);
  tunnel.clients[2]->stop();
  tunnel.world.run_for(1s);
  for (const auto& [from, by] : before) {
    const std::string now = tunnel.ask(from);
    if (by == "c") {
      CHECK(now != "c");
    } else {
      CHECK(now == by);
    }
  }
  // It gets its visitors back.
  tunnel.start(2);
  tunnel.world.run_for(5s);
  for (const auto& [from, by] : before) CHECK(tunnel.ask(from) == by);
  tunnel.finish();
}

TEST_CASE("several clients: a reload changes the policy, and no connection ends") {
  const auto seed = test::scenario_seed(10);
  REPLAYABLE(seed);
  shared_tunnel tunnel(seed, conflict_policy::replace);
  tunnel.start_many(1);
  auto first = tunnel.bench.must(tunnel.arrive());
  tunnel.world.run_for(1s);
  tunnel.web().on_conflict = conflict_policy::balance;
  tunnel.apply_settings();
  tunnel.start(1);
  tunnel.start(2, true);
  REQUIRE(tunnel.run_until([&] { return tunnel.established() == 3; }) == sim::outcome::done);
  tunnel.world.run_for(1s);
  std::vector<sim::stream> open;
  for (int i = 0; i < 5; ++i) open.push_back(tunnel.bench.must(tunnel.arrive()));
  tunnel.world.run_for(1s);
  CHECK(tunnel.shares(30).size() == 3);
  CHECK(tunnel.server->events.count<server_side::control_channel_replaced>() == 0);
  // The newest client stays; the others come back, and are refused.
  tunnel.web().on_conflict = conflict_policy::reject;
  tunnel.apply_settings();
  CHECK(tunnel.server->events.count<server_side::control_channel_replaced>() == 2);
  tunnel.world.run_for(20s);
  CHECK(tunnel.established() == 3);
  CHECK(tunnel.shares(5) == std::map<std::string, int>{{"c", 5}});
  CHECK(tunnel.server->events.count<server_side::service_listening>() == 1);
  open.push_back(std::move(first));
  std::set<std::string> answers;
  for (sim::stream& each : open) {
    tunnel.bench.must(each.write(test::bytes("still there?")));
    tunnel.bench.must(each.shutdown_send());
    answers.insert(tunnel.bench.must(test::read_all(each)));
    each.close();
  }
  CHECK(answers == std::set<std::string>{"a", "b", "c"});
  CHECK(tunnel.refused_visitors() == 0);
  tunnel.finish();
}

TEST_CASE("several clients: the program itself is a visitor of any of them") {
  const auto seed = test::scenario_seed(11);
  REPLAYABLE(seed);
  shared_tunnel tunnel(seed, conflict_policy::balance);
  tunnel.start_many(3);
  int connected = 0;
  std::vector<std::shared_ptr<io::shared_stream>> streams;
  for (int i = 0; i < 6; ++i) {
    tunnel.server->connect("web", {}, [&](server_side::connected_stream got) {
      if (!got) return;
      ++connected;
      streams.push_back(std::move(*got));
    });
  }
  REQUIRE(tunnel.run_until([&] { return connected == 6; }) == sim::outcome::done);
  // They count like other visitors, as the even shares of those that come now show.
  CHECK(tunnel.shares(30) == std::map<std::string, int>{{"a", 10}, {"b", 10}, {"c", 10}});
  streams.clear();
  tunnel.world.run_for(1s);
  tunnel.finish();
}

namespace {

/// Random deaths and returns of clients, while visitors come. The client "a" always works.
struct mortal_clients : shared_tunnel {
  explicit mortal_clients(std::uint64_t seed)
      : shared_tunnel(seed, conflict_policy::balance), rng(seed ^ 0x5eed) {
    server->events.also_notify([this](const sim::recorded& what) {
      if (what.name == "forward_started") forwarded.insert(to_string(*what.visitor));
    });
  }

  struct visitor {
    time_point begun{};
    time_point ended{};
    /// As the server knows it.
    std::string at;
    test::pending<std::string> answer;
  };

  io::task<std::string> visit(std::size_t number) {
    auto runtime = world.make_runtime("visitor" + std::to_string(number % 8));
    const address at{"server", 5202};
    const io::socket_options options;
    auto stream = co_await runtime.connect(at, options, world.now() + 10s, std::stop_token());
    if (!stream) co_return failure(stream.error());
    visitors[number].at = to_string(stream->local());
    const auto sent = co_await stream->write(test::bytes("who?"));
    if (sent) co_await stream->shutdown_send();
    auto answer = co_await test::read_all(*stream);
    stream->close();
    visitors[number].ended = world.now();
    co_return answer;
  }

  void bring_visitor() {
    const std::size_t number = visitors.size();
    visitors.emplace_back().begun = world.now();
    auto answer = bench.begin(visit(number));
    visitors[number].answer = std::move(answer);
    if (world.now() < visits_end) {
      world.call_at(world.now() + std::chrono::milliseconds(rng.between(20, 400)),
                    [this] { bring_visitor(); });
    }
  }

  /// Makes a client other than the first fail for a while.
  void fail_one() {
    const auto i = static_cast<std::size_t>(rng.between(1, hosts.size() - 1));
    if (is_failing[i]) return;
    is_failing[i] = true;
    const std::string host(hosts[i]);
    faults.emplace_back(world.now(), time_point::max());
    const std::size_t fault = faults.size() - 1;
    const duration length = std::chrono::milliseconds(rng.between(10, 60'000));
    const auto over = [this, i, fault] {
      is_failing[i] = false;
      // Connections that broke because of it may end later.
      faults[fault].second = world.now() + 90s;
    };
    switch (rng.between(0, 3)) {
      case 0:
        clients[i]->stop_now();
        world.call_at(world.now() + length, [this, i, over] {
          retired.push_back(std::move(clients[i]));
          start(i, rng.between(0, 1) == 1);
          over();
        });
        break;
      case 1:
        world.net().lose_connections(host, "server");
        over();
        break;
      case 2:
        world.net().partition(host, "server");
        world.call_at(world.now() + length, [this, host, over] {
          world.net().heal(host, "server");
          over();
        });
        break;
      default:
        // It vanishes, and comes back as a new one.
        world.net().partition(host, "server");
        clients[i]->stop_now();
        world.call_at(world.now() + length, [this, i, host, over] {
          world.net().heal(host, "server");
          retired.push_back(std::move(clients[i]));
          start(i, rng.between(0, 1) == 1);
          over();
        });
        break;
    }
  }

  [[nodiscard]] bool was_disturbed(const visitor& of) const {
    const auto overlaps = [&](const auto& fault) {
      return fault.first <= of.ended && fault.second >= of.begun;
    };
    return std::ranges::any_of(faults, overlaps);
  }

  /// Lives, and checks that no visitor was lost that a client could have served. Returns how many visitors
  /// came, and how many were answered.
  std::pair<std::size_t, std::size_t> live() {
    web().pool.size = rng.between(0, 3);
    if (rng.between(0, 2) == 0) web().affinity = client_affinity::source;
    apply_settings();
    start_many(hosts.size());
    visits_end = world.now() + 2min;
    bring_visitor();
    while (world.now() < visits_end) {
      world.run_for(std::chrono::milliseconds(rng.between(1, 15'000)));
      fail_one();
    }
    const auto all_over = [&] {
      const auto is_over = [](const visitor& each) { return each.answer->has_value(); };
      return std::ranges::none_of(is_failing, [](bool is) { return is; }) &&
             std::ranges::all_of(visitors, is_over);
    };
    CHECK(run_until(all_over, 10min) == sim::outcome::done);
    // The server gave up nobody: a visitor is lost only with the client that was serving it.
    CHECK(refused_visitors() == 0);
    std::size_t answered = 0;
    for (const visitor& each : visitors) {
      const auto& answer = *each.answer;
      if (answer && answer->has_value() && (*answer)->size() == 1) {
        ++answered;
      } else {
        CHECK(forwarded.contains(each.at));
        CHECK(was_disturbed(each));
      }
    }
    // Once all are well, each serves its share again.
    web().affinity = client_affinity::none;
    apply_settings();
    world.run_for(2min);
    const auto found = shares(200);
    CHECK(found.size() == hosts.size());
    for (const auto& [host, share] : found) {
      CAPTURE(host);
      CHECK(share >= 45);
      CHECK(share <= 55);
    }
    finish();
    return {visitors.size(), answered};
  }

  sim::seeded_rng rng;
  time_point visits_end{};
  std::vector<visitor> visitors;
  std::set<std::string> forwarded;
  std::array<bool, hosts.size()> is_failing{};
  std::vector<std::pair<time_point, time_point>> faults;
  std::vector<std::unique_ptr<program>> retired;
};

}  // namespace

TEST_CASE("several clients: no visitor is lost while a client works, and all have their share") {
  std::size_t came = 0;
  std::size_t answered = 0;
  for (const std::uint64_t seed : test::scenario_seeds(20)) {
    REPLAYABLE(seed);
    mortal_clients crowd(seed);
    const auto [visitors, good] = crowd.live();
    came += visitors;
    answered += good;
    if (test::replays_one_seed()) {
      for (const auto& line : crowd.server->events.lines()) MESSAGE(line);
    }
  }
  MESSAGE("visitors " << came << ", answered " << answered);
  CHECK(answered * 100 >= came * 90);
}

namespace {

/// A UDP service that clients on the hosts "client" and "second" share.
struct shared_udp_tunnel : test::udp_tunnel {
  explicit shared_udp_tunnel(std::uint64_t seed) : udp_tunnel(seed) {
    server_settings.services[0].on_conflict = conflict_policy::balance;
    other.emplace(bench, "second", std::uint16_t{8080});
    other->answers = true;
  }

  void start(bool multiplexes) {
    start_both();
    config::client settings = client_settings;
    settings.transport.multiplex = multiplexes;
    second = test::run_client(world, "second", settings);
    REQUIRE(run_until([&] {
              return server->events.count<server_side::control_channel_established>() == 2;
            }) == sim::outcome::done);
    world.run_for(1s);
  }

  void finish_all() {
    if (second) second->stop();
    other.reset();
    world.run_for(1s);
    finish();
  }

  std::optional<test::udp_peer> other;
  std::unique_ptr<program> second;
};

}  // namespace

TEST_CASE("several clients: UDP visitors are shared, and stay with their client until it goes") {
  for (const bool multiplexes : {false, true}) {
    const auto seed = test::scenario_seed(20);
    REPLAYABLE(seed);
    shared_udp_tunnel tunnel(seed);
    tunnel.start(multiplexes);
    CHECK(tunnel.server->events.count<server_side::service_listening>() == 1);
    std::vector<test::udp_peer*> all;
    for (int i = 0; i < 20; ++i) all.push_back(&tunnel.visitor());
    for (int round = 0; round < 3; ++round) {
      for (auto* each : all) CHECK(tunnel.echoed(*each, "hello"));
    }
    // Each visitor has one socket at one of the clients.
    CHECK(tunnel.service->from.size() == 10);
    CHECK(tunnel.other->from.size() == 10);
    // If its client goes, a visitor gets the other one.
    tunnel.second->stop();
    tunnel.world.run_for(1s);
    for (auto* each : all) CHECK(tunnel.echoed(*each, "again"));
    CHECK(tunnel.service->from.size() == 20);
    CHECK(tunnel.server->events.count<server_side::service_listening>() == 1);
    tunnel.finish_all();
  }
}

TEST_CASE("several clients: a UDP service becomes one with several while it is served") {
  for (const bool multiplexes : {false, true}) {
    const auto seed = test::scenario_seed(21);
    REPLAYABLE(seed);
    shared_udp_tunnel tunnel(seed);
    tunnel.server_settings.services[0].on_conflict = conflict_policy::replace;
    tunnel.start_both();
    CHECK(tunnel.echoed_again(tunnel.visitor(), 5s));
    tunnel.server_settings.services[0].on_conflict = conflict_policy::balance;
    tunnel.server->update(tunnel.server_settings);
    tunnel.world.run_for(1s);
    config::client settings = tunnel.client_settings;
    settings.transport.multiplex = multiplexes;
    tunnel.second = test::run_client(tunnel.world, "second", settings);
    tunnel.world.run_for(10s);
    for (int i = 0; i < 8; ++i) CHECK(tunnel.echoed(tunnel.visitor(), "hello"));
    CHECK_FALSE(tunnel.service->from.empty());
    CHECK_FALSE(tunnel.other->from.empty());
    tunnel.finish_all();
  }
}
