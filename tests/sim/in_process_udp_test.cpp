// UDP services that the client's program itself serves, through a whole tunnel in virtual time.

#include "support/sim_udp_tunnel.hpp"

#include <rathole/client/datagram_receiver.hpp>
#include <rathole/config/validate.hpp>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

using namespace rathole;
using namespace std::chrono_literals;
using test::bytes, test::pattern, test::udp_peer, test::udp_tunnel;

namespace {

/// What a datagram of a visitor was, and who sent it.
using arrival = std::pair<ip_endpoint, std::string>;

/// A service in the program that records what it receives, and replies with the same if asked to.
struct recording_receiver final : client_side::datagram_receiver {
  std::size_t receive(std::span<const protocol::udp_frame> frames,
                      const std::shared_ptr<client_side::datagram_sender>& replies) override {
    std::size_t taken = 0;
    sender = replies;
    if (before) std::exchange(before, nullptr)();
    for (const protocol::udp_frame& each : frames) {
      if (got.size() == room) break;
      got.emplace_back(each.visitor, std::string(each.payload.begin(), each.payload.end()));
      ++taken;
      if (answers) replies->send(each.visitor, each.payload);
    }
    return taken;
  }

  void close(std::error_code) override {}

  /// Sends `text` to a visitor; returns whether the service took it.
  bool send(const ip_endpoint& visitor, std::string_view text) {
    const auto service = sender.lock();
    return service && service->send(visitor, bytes(text));
  }

  bool answers = false;
  std::size_t room = std::numeric_limits<std::size_t>::max();
  /// Called at the next datagram.
  std::function<void()> before;
  std::vector<arrival> got;
  std::weak_ptr<client_side::datagram_sender> sender;
};

/// A tunnel whose service "web" the client's program serves.
struct in_process_tunnel : udp_tunnel {
  explicit in_process_tunnel(std::uint64_t seed) : udp_tunnel(seed) {
    client_settings.services[0].in_process = true;
    client_settings.services[0].local_addr = {};
    service->answers = false;
  }

  void start() {
    start_server();
    start_client();
    client->receive_datagrams("web", receiver);
    REQUIRE(run_until([this] {
              return client->events.count<client_side::control_channel_established>() == 1 &&
                     server->events.count<server_side::service_listening>() == 1;
            }) == sim::outcome::done);
  }

  /// Sends `text` and returns what the program receives then, and from whom.
  arrival sent_by(udp_peer& visitor, std::string_view text) {
    const std::size_t before = receiver->got.size();
    visitor.send(entry(), text);
    REQUIRE(run_until([&] { return receiver->got.size() > before; }, 10s) == sim::outcome::done);
    return receiver->got.back();
  }

  /// Returns whether `visitor` receives `text` within a second.
  bool received(const udp_peer& visitor, std::string_view text) {
    const auto has = [&] { return std::ranges::find(visitor.got, text) != visitor.got.end(); };
    return run_until(has, 1s) == sim::outcome::done;
  }

  /// Returns how many sockets there are besides those of the visitors, the local service and the
  /// server's listener.
  [[nodiscard]] std::size_t sockets_of_client() {
    return world.net().in_use().datagram_sockets - visitors.size() - 2;
  }

  /// Stops everything, and returns the counters of what was lost.
  protocol::udp_counters finish() {
    udp_tunnel::finish();
    return client->events.datagrams();
  }

  std::shared_ptr<recording_receiver> receiver = std::make_shared<recording_receiver>();
};

}  // namespace

TEST_CASE("in-process udp: datagrams of every size reach the program, and replies return") {
  const auto seed = test::scenario_seed(1);
  REPLAYABLE(seed);
  in_process_tunnel tunnel(seed);
  tunnel.receiver->answers = true;
  tunnel.start();
  udp_peer& visitor = tunnel.visitor();
  for (const std::size_t size : {0UL, 1UL, 1200UL, 2048UL, 2049UL, 9000UL, 65'507UL}) {
    CAPTURE(size);
    CHECK(tunnel.echoed(visitor, pattern(size)));
    CHECK(tunnel.receiver->got.back().second == pattern(size));
  }
  CHECK(tunnel.service->got.empty());
  CHECK(tunnel.sockets_of_client() == 0);
  CHECK(tunnel.finish().lost() == 0);
}

TEST_CASE("in-process udp: each visitor gets its own replies, whenever they are sent") {
  const auto seed = test::scenario_seed(2);
  REPLAYABLE(seed);
  in_process_tunnel tunnel(seed);
  tunnel.server_settings.services[0].pool.size = 4;
  tunnel.start();
  std::vector<ip_endpoint> all;
  for (int i = 0; i < 50; ++i) {
    const arrival one = tunnel.sent_by(tunnel.visitor(), "I am " + std::to_string(i));
    CHECK(one.second == "I am " + std::to_string(i));
    CHECK(std::ranges::find(all, one.first) == all.end());
    all.push_back(one.first);
  }
  CHECK(tunnel.sockets_of_client() == 0);
  tunnel.world.run_for(10s);
  for (std::size_t i = all.size(); i-- > 0;) {
    CHECK(tunnel.receiver->send(all[i], "You are " + std::to_string(i)));
    CHECK(tunnel.receiver->send(all[i], "and again"));
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    udp_peer& visitor = *tunnel.visitors[i];
    CHECK(tunnel.received(visitor, "You are " + std::to_string(i)));
    CHECK(tunnel.received(visitor, "and again"));
    CHECK(visitor.got.size() == 2);
  }
  CHECK(tunnel.finish().lost() == 0);
}

TEST_CASE("in-process udp: idle visitors are forgotten, and replies to them are lost and counted") {
  const auto seed = test::scenario_seed(3);
  REPLAYABLE(seed);
  in_process_tunnel tunnel(seed);
  tunnel.client_settings.services[0].udp.idle_timeout = 10s;
  tunnel.start();
  udp_peer& visitor = tunnel.visitor();
  const ip_endpoint id = tunnel.sent_by(visitor, "first").first;
  // Traffic in either direction keeps a visitor.
  tunnel.world.run_for(8s);
  CHECK(tunnel.receiver->send(id, "still there?"));
  tunnel.world.run_for(8s);
  CHECK(tunnel.sent_by(visitor, "yes").first == id);
  tunnel.world.run_for(8s);
  CHECK(tunnel.receiver->send(id, "good"));
  tunnel.world.run_for(11s);
  CHECK_FALSE(tunnel.receiver->send(id, "gone"));
  ip_endpoint never = id;
  never.port ^= 1;
  CHECK_FALSE(tunnel.receiver->send(never, "who are you?"));
  CHECK(tunnel.sent_by(visitor, "back").first == id);
  CHECK(tunnel.receiver->send(id, "welcome"));
  CHECK(tunnel.received(visitor, "welcome"));
  const auto lost = tunnel.finish();
  CHECK(lost.unknown_visitor == 2);
  CHECK(lost.lost() == 2);
  CHECK(lost.evicted == 0);
  CHECK_FALSE(tunnel.receiver->send(id, "after the end"));
}

TEST_CASE("in-process udp: the longest idle visitor is dropped for a new one") {
  const auto seed = test::scenario_seed(4);
  REPLAYABLE(seed);
  in_process_tunnel tunnel(seed);
  tunnel.client_settings.services[0].udp.max_visitors = 3;
  tunnel.start();
  std::vector<ip_endpoint> all;
  for (int i = 0; i < 5; ++i) all.push_back(tunnel.sent_by(tunnel.visitor(), "one of five").first);
  for (std::size_t i = 0; i < all.size(); ++i) {
    CAPTURE(i);
    CHECK(tunnel.receiver->send(all[i], "hello") == (i >= 2));
  }
  SUBCASE("and so are those that a reload no longer allows") {
    tunnel.client_settings.services[0].udp.max_visitors = 1;
    tunnel.client->update(tunnel.client_settings);
    tunnel.world.run_for(1ms);
    for (std::size_t i = 0; i < all.size(); ++i) {
      CAPTURE(i);
      CHECK(tunnel.receiver->send(all[i], "hello again") == (i == 4));
    }
    CHECK(tunnel.client->events.count<client_side::control_channel_starting>() == 1);
  }
  const auto lost = tunnel.finish();
  CHECK(lost.evicted == 2);
  CHECK(lost.refused == 0);
  CHECK(lost.queue_full == 0);
}

TEST_CASE("in-process udp: visitors need no descriptors, so a shortage does not bound them") {
  const auto seed = test::scenario_seed(5);
  REPLAYABLE(seed);
  in_process_tunnel tunnel(seed);
  tunnel.world.net().limit_descriptors("client", 80);
  tunnel.start();
  tunnel.world.run_for(1s);
  std::vector<ip_endpoint> all;
  for (int i = 0; i < 100; ++i) all.push_back(tunnel.sent_by(tunnel.visitor(), "hello").first);
  for (const ip_endpoint& each : all) CHECK(tunnel.receiver->send(each, "hello"));
  CHECK(tunnel.finish().lost() == 0);
}

TEST_CASE("in-process udp: replies that find queue_size bytes waiting are lost and counted") {
  const auto seed = test::scenario_seed(6);
  REPLAYABLE(seed);
  in_process_tunnel tunnel(seed);
  tunnel.client_settings.services[0].udp.queue_size = 70'000;
  tunnel.start();
  udp_peer& visitor = tunnel.visitor();
  const ip_endpoint id = tunnel.sent_by(visitor, "more, please").first;
  const std::string large = pattern(1'000);
  std::size_t taken = 0;
  for (int i = 0; i < 100; ++i) taken += tunnel.receiver->send(id, large) ? 1 : 0;
  CHECK(taken >= 65);
  CHECK(taken <= 70);
  CHECK(tunnel.run_until([&] { return visitor.got.size() == taken; }, 10s) == sim::outcome::done);
  const auto lost = tunnel.finish();
  CHECK(lost.queue_full == 100 - taken);
  CHECK(lost.lost() == lost.queue_full);
}

TEST_CASE("in-process udp: datagrams that the program does not take are lost and counted") {
  const auto seed = test::scenario_seed(7);
  REPLAYABLE(seed);
  in_process_tunnel tunnel(seed);
  tunnel.receiver->room = 2;
  tunnel.start();
  udp_peer& visitor = tunnel.visitor();
  const auto send = [&](int count) {
    for (int i = 0; i < count; ++i) visitor.send(tunnel.entry(), "hello");
    tunnel.world.run_for(1s);
  };
  SUBCASE("because it has no room") {
    send(5);
    CHECK(tunnel.receiver->got.size() == 2);
    CHECK(tunnel.finish().refused == 3);
  }
  SUBCASE("because it has no receiver") {
    tunnel.client->receive_datagrams("web", nullptr);
    send(5);
    CHECK(tunnel.receiver->got.empty());
    CHECK(tunnel.receiver->sender.expired());
    // The next receiver gets the next datagrams.
    tunnel.client->receive_datagrams("web", tunnel.receiver);
    send(1);
    CHECK(tunnel.receiver->got.size() == 1);
    CHECK(tunnel.finish().refused == 5);
  }
  SUBCASE("because it removes itself while it receives") {
    tunnel.receiver->before = [&] {
      tunnel.client->receive_datagrams("web", nullptr);
      tunnel.receiver.reset();
    };
    auto* const before = tunnel.receiver.get();
    const std::weak_ptr<recording_receiver> watched = tunnel.receiver;
    REQUIRE(before->got.empty());
    send(1);
    CHECK(watched.expired());
    send(4);
    CHECK(tunnel.finish().refused == 4);
  }
}

TEST_CASE("in-process udp: visitors are kept when the data channels are lost") {
  const auto seed = test::scenario_seed(8);
  REPLAYABLE(seed);
  in_process_tunnel tunnel(seed);
  tunnel.start();
  udp_peer& visitor = tunnel.visitor();
  const ip_endpoint id = tunnel.sent_by(visitor, "before").first;
  const auto service = tunnel.receiver->sender.lock();
  tunnel.world.net().lose_connections("server", "client");
  tunnel.world.run_for(1ms);
  CHECK_FALSE(tunnel.receiver->send(id, "without a channel"));
  tunnel.world.run_for(5s);
  // The client knows the visitor, but the server's new session does not yet.
  CHECK(tunnel.receiver->send(id, "too early"));
  CHECK_FALSE(tunnel.received(visitor, "too early"));
  CHECK(tunnel.sent_by(visitor, "after").first == id);
  CHECK(tunnel.receiver->sender.lock() == service);
  CHECK(tunnel.receiver->send(id, "on another channel"));
  CHECK(tunnel.received(visitor, "on another channel"));
  CHECK(tunnel.finish().queue_full == 1);
  CHECK(tunnel.server->events.datagrams().unknown_visitor == 1);
}

TEST_CASE("in-process udp: the service is restarted when it moves into the program or out of it") {
  const auto seed = test::scenario_seed(9);
  REPLAYABLE(seed);
  in_process_tunnel tunnel(seed);
  tunnel.receiver->answers = true;
  tunnel.service->answers = true;
  const config::client inside = tunnel.client_settings;
  config::client outside = inside;
  outside.services[0].in_process = false;
  outside.services[0].local_addr = {"127.0.0.1", 8080};
  tunnel.start();
  udp_peer& visitor = tunnel.visitor();
  const auto starts = [&] {
    return tunnel.client->events.count<client_side::control_channel_starting>();
  };
  REQUIRE(tunnel.echoed(visitor, "inside"));
  CHECK(tunnel.sockets_of_client() == 0);

  tunnel.client->update(outside);
  tunnel.world.run_for(1s);
  CHECK(starts() == 2);
  CHECK(tunnel.receiver->sender.expired());
  const std::size_t received = tunnel.receiver->got.size();
  REQUIRE(tunnel.echoed_again(visitor, 5s));
  CHECK(tunnel.receiver->got.size() == received);
  CHECK_FALSE(tunnel.service->got.empty());
  CHECK(tunnel.sockets_of_client() == 1);

  tunnel.client->update(inside);
  tunnel.world.run_for(1s);
  CHECK(starts() == 3);
  CHECK(tunnel.sockets_of_client() == 0);
  const std::size_t outside_count = tunnel.service->got.size();
  REQUIRE(tunnel.echoed_again(visitor, 5s));
  CHECK(tunnel.service->got.size() == outside_count);

  // A change of anything else but the token leaves the control channel.
  config::client other = inside;
  other.services[0].udp.idle_timeout = 30s;
  tunnel.client->update(other);
  tunnel.world.run_for(1s);
  CHECK(starts() == 3);
  CHECK(tunnel.echoed(visitor, "the same"));
  tunnel.finish();
}

TEST_CASE("in-process udp: the client may be stopped from within the receiver") {
  const auto seed = test::scenario_seed(10);
  REPLAYABLE(seed);
  in_process_tunnel tunnel(seed);
  tunnel.receiver->answers = true;
  tunnel.start();
  tunnel.receiver->before = [&] { tunnel.client->stop_now(); };
  udp_peer& visitor = tunnel.visitor();
  for (int i = 0; i < 5; ++i) visitor.send(tunnel.entry(), "stop");
  REQUIRE(tunnel.run_until([&] { return tunnel.client->ended().has_value(); }, 5s) ==
          sim::outcome::done);
  CHECK(*tunnel.client->ended() == std::error_code());
  CHECK(tunnel.receiver->sender.expired());
  tunnel.finish();
}

TEST_CASE("in-process udp: such a service needs no local_addr, and others do") {
  config::client settings;
  settings.remote_addr = {"server", 2333};
  settings.services = {{.name = "ask", .kind = config::service_kind::udp, .in_process = true}};
  CHECK(config::settings_problems(settings).empty());
  settings.services[0].in_process = false;
  REQUIRE(config::settings_problems(settings).size() == 1);
  CHECK(config::settings_problems(settings)[0].key == "client.services.ask.local_addr");
}
