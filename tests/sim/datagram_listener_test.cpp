// The datagram listener of a client's program, in virtual time: whatever happens at any step, each
// operation completes once, and a datagram is received at most once.

#include "support/sim_listener.hpp"
#include "support/sim_udp_tunnel.hpp"

#include <rathole/embed/datagram_listener_core.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

using namespace rathole;
using namespace std::chrono_literals;
using test::operation_pointer, test::udp_peer, test::udp_tunnel;

namespace {

/// What happens to a program in the middle of its work.
enum class incident {
  receive_cancelled,
  listener_closed,
  service_restarted,
  client_drained,
  client_closed,
  client_shut_down,
  connections_lost,
};

constexpr std::array all_incidents{incident::receive_cancelled, incident::listener_closed,
                                   incident::service_restarted, incident::client_drained,
                                   incident::client_closed,     incident::client_shut_down,
                                   incident::connections_lost};

/// Returns whether later datagrams are received.
bool receives_later(incident what) {
  return what == incident::receive_cancelled || what == incident::service_restarted ||
         what == incident::connections_lost;
}

/// A tunnel whose UDP service a program serves: it sends every datagram back.
struct echoing_tunnel : udp_tunnel {
  echoing_tunnel(std::uint64_t seed, bool is_layered, unsigned at_once) : udp_tunnel(seed) {
    world.net().complete_at_once(at_once);
    sim::link_conditions slow;
    slow.max_delay = 3ms;
    world.net().set_conditions(slow);
    client_settings.services[0].in_process = true;
    client_settings.services[0].local_addr = {};
    if (is_layered) {
      server_settings.transport.kind = config::transport_kind::tls;
      client_settings.transport.kind = config::transport_kind::tls;
    }
    start_server();
    start_client();
    client->receive_datagrams("web", listening);
    REQUIRE(run_until([this] {
              return client->events.count<client_side::control_channel_established>() == 1 &&
                     server->events.count<server_side::service_listening>() == 1;
            }) == sim::outcome::done);
    world.run_for(100ms);
  }

  void receive() {
    const io::executor home = bench.client.get_executor();
    auto take = [this](const ip_endpoint& from, std::span<const std::uint8_t> payload) {
      const auto size = std::min(payload.size(), room.size());
      std::copy_n(payload.begin(), size, room.begin());
      sender = from;
      return size;
    };
    auto begin = [from = listening, take](auto done, const auto& cancel) mutable {
      from->receive_from(std::move(take), std::move(done), cancel);
    };
    receiving = operations.start(
        [&](auto handler) {
          embed::start_operation<std::size_t>(home, home, std::move(begin), std::move(handler));
        },
        [this](std::error_code ec, std::size_t size) {
          if (ec) {
            CHECK(size == 0);
            return;
          }
          got.emplace_back(room.begin(), room.begin() + static_cast<std::ptrdiff_t>(size));
          send(got.back());
          receive();
        });
  }

  void send(const std::string& text) {
    const io::executor home = bench.client.get_executor();
    const auto begin = [to = listening, visitor = sender, text](auto done, const auto&) {
      to->send_to(visitor, test::bytes(text), std::move(done));
    };
    operations.start(
        [&](auto handler) {
          embed::start_operation<std::size_t>(home, home, begin, std::move(handler));
        },
        [size = text.size()](std::error_code ec, std::size_t count) {
          CHECK(count == (ec ? 0 : size));
        });
  }

  /// Lets the visitor send `count` datagrams, one each millisecond.
  void begin_sending(int count) {
    for (int i = 0; i < count; ++i) {
      world.call_at(world.now() + i * 1ms,
                    [this, i] { peer.send(entry(), "datagram " + std::to_string(i)); });
    }
  }

  std::shared_ptr<embed::datagram_listener_core> listening =
      std::make_shared<embed::datagram_listener_core>(100'000);
  udp_peer& peer = visitor();
  test::operation_starter operations;
  operation_pointer receiving;
  std::array<char, 100> room{};
  ip_endpoint sender;
  std::vector<std::string> got;
};

constexpr int datagrams = 5;

/// Lets `what` happen after `steps` steps of a conversation; returns whether that was after its
/// end.
bool disturb(std::uint64_t seed, bool is_layered, unsigned at_once, incident what,
             std::uint64_t steps) {
  echoing_tunnel tunnel(seed, is_layered, at_once);
  auto& operations = tunnel.operations;
  tunnel.receive();
  tunnel.begin_sending(datagrams);
  const std::uint64_t end = tunnel.world.steps() + steps;
  tunnel.run_until([&] { return tunnel.world.steps() >= end; });
  const bool was_late = tunnel.peer.got.size() == datagrams;
  const auto received_before = tunnel.got.size();

  switch (what) {
    case incident::receive_cancelled: CHECK(operations.cancel(tunnel.receiving)); break;
    case incident::listener_closed:
      operations.call([&] {
        tunnel.listening->close(errc::stopped);
        tunnel.client->receive_datagrams("web", nullptr);
        auto without = tunnel.client_settings;
        without.services.clear();
        tunnel.client->update(without);
      });
      break;
    case incident::service_restarted:
      tunnel.server_settings.services[0].token = secret("another horse");
      tunnel.client_settings.services[0].token = secret("another horse");
      operations.call([&] {
        tunnel.server->update(tunnel.server_settings);
        tunnel.client->update(tunnel.client_settings);
      });
      break;
    case incident::client_drained: operations.call([&] { tunnel.client->drain(); }); break;
    case incident::client_closed: operations.call([&] { tunnel.client->stop(); }); break;
    case incident::client_shut_down: operations.call([&] { tunnel.client->stop_now(); }); break;
    case incident::connections_lost:
      operations.call([&] { tunnel.world.net().lose_connections("client", "server"); });
      break;
  }
  tunnel.world.run_for(0s);
  if (what == incident::receive_cancelled) {
    // It was cancelled, or had a datagram, after which the next call waits.
    if (tunnel.receiving->calls == 1) tunnel.receive();
  }
  tunnel.world.run_for(3s);

  // Nothing is received twice.
  std::vector<std::string> sorted = tunnel.got;
  std::ranges::sort(sorted);
  CHECK(std::ranges::adjacent_find(sorted) == sorted.end());
  if (what == incident::receive_cancelled) {
    CHECK(tunnel.got.size() == datagrams);
    CHECK(tunnel.peer.got.size() == datagrams);
  }
  if (what == incident::listener_closed) CHECK(tunnel.got.size() <= received_before + 1);
  CHECK(tunnel.peer.got.size() <= tunnel.got.size());
  CHECK(tunnel.listening->stats().received == tunnel.got.size());
  CHECK(tunnel.listening->stats().dropped == 0);
  if (receives_later(what)) {
    CHECK(tunnel.receiving->calls == 0);
    CHECK(tunnel.echoed_again(tunnel.peer, 30s));
  }
  tunnel.finish();
  operations.call([&] { tunnel.listening->close(errc::stopped); });
  tunnel.world.run_for(1ms);
  tunnel.receive();
  tunnel.world.run_for(1ms);
  for (const auto& each : operations.all) {
    CHECK(each->calls == 1);
    CHECK((!each->error || each->error == asio::error::operation_aborted ||
           each->error == errc::stopped));
  }
  tunnel.receiving = nullptr;
  for (const auto& each : operations.all) CHECK(each.use_count() == 1);
  return was_late;
}

}  // namespace

TEST_CASE("datagram listener: anything may happen at any step of a conversation") {
  const auto seed = test::scenario_seed(1);
  REPLAYABLE(seed);
  std::uint64_t points = 0;
  for (const bool is_layered : {false, true}) {
    for (const unsigned at_once : {0U, 1000U}) {
      for (const incident what : all_incidents) {
        bool was_late = false;
        // The incidents begin at different steps, so that together they meet every one.
        const std::uint64_t stride = test::scenario_stride(2);
        for (auto step = static_cast<std::uint64_t>(what) % stride; !was_late; step += stride) {
          ++points;
          REQUIRE(step < 2000);
          CAPTURE(step);
          CAPTURE(static_cast<int>(what));
          CAPTURE(is_layered);
          CAPTURE(at_once);
          was_late = disturb(seed, is_layered, at_once, what, step);
        }
      }
    }
  }
  CHECK(points > 500);
}

TEST_CASE("datagram listener: the context may be destroyed at any step of a conversation") {
  const auto seed = test::scenario_seed(2);
  REPLAYABLE(seed);
  bool was_late = false;
  for (std::uint64_t step = 0; !was_late; ++step) {
    CAPTURE(step);
    std::vector<operation_pointer> all;
    std::weak_ptr<embed::datagram_listener_core> core;
    {
      echoing_tunnel tunnel(seed, false, 0);
      tunnel.receive();
      tunnel.begin_sending(datagrams);
      const std::uint64_t end = tunnel.world.steps() + step;
      tunnel.run_until([&] { return tunnel.world.steps() >= end; });
      was_late = tunnel.peer.got.size() == datagrams;
      tunnel.listening->drop_handlers();
      core = tunnel.listening;
      all = tunnel.operations.all;
      tunnel.service.reset();
    }
    CHECK(core.expired());
    for (const auto& each : all) {
      CHECK(each->calls <= 1);
      CHECK(each.use_count() == 1);
    }
  }
}
