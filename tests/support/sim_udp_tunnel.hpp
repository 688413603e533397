#pragma once

#include "support/sim_tunnel.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::test {

/// A UDP socket of `host` that records what it receives.
struct udp_peer {
  udp_peer(sim_bench& bench, std::string_view host, std::uint16_t port = 0)
      : socket(bench.must(bench.world.make_runtime(host).bind_udp({"0.0.0.0", port}, {}))) {
    socket.watch([this] {
      for (const io::datagram& each : socket.receive()) {
        from.insert(each.peer.port);
        got.emplace_back(each.payload.begin(), each.payload.end());
        if (answers) socket.send(std::span(&each, 1));
      }
    });
  }

  void send(const ip_endpoint& to, std::string_view text) {
    io::datagram one;
    one.peer = to;
    one.payload = bytes(text);
    socket.send(std::span(&one, 1));
  }

  sim::datagram_socket socket;
  bool answers = false;
  std::deque<std::string> got;
  /// The ports from which it received something.
  std::set<std::uint16_t> from;
};

/// A tunnel for the UDP service "web", which is an echo service.
struct udp_tunnel : sim_tunnel {
  explicit udp_tunnel(std::uint64_t seed) : sim_tunnel(seed) {
    server_settings.services[0].kind = config::service_kind::udp;
    server_settings.services[0].pool.size = 2;
    client_settings.services[0].kind = config::service_kind::udp;
    service.emplace(bench, "client", std::uint16_t{8080});
    service->answers = true;
  }

  [[nodiscard]] ip_endpoint entry() { return world.net().at("server").endpoint(5202); }

  /// Returns whether `visitor` receives `text` back.
  bool echoed(udp_peer& visitor, std::string_view text,
              duration timeout = std::chrono::seconds(2)) {
    visitor.got.clear();
    visitor.send(entry(), text);
    const auto is_back = [&] { return std::ranges::find(visitor.got, text) != visitor.got.end(); };
    return run_until(is_back, timeout) == sim::outcome::done;
  }

  /// As `echoed`, but sends again every half second.
  bool echoed_again(udp_peer& visitor, duration timeout) {
    for (const time_point end = world.now() + timeout; world.now() < end;) {
      if (echoed(visitor, "again", std::chrono::milliseconds(500))) return true;
    }
    return false;
  }

  void finish() {
    service.reset();
    visitors.clear();
    stop_all();
    CHECK(world.net().in_use().datagram_sockets == 0);
  }

  udp_peer& visitor() {
    visitors.push_back(std::make_unique<udp_peer>(bench, "visitor"));
    return *visitors.back();
  }

  std::optional<udp_peer> service;
  std::vector<std::unique_ptr<udp_peer>> visitors;
};

}  // namespace rathole::test
