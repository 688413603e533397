#pragma once

#include "support/sim_tunnel.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string_view>
#include <system_error>

namespace rathole::test {

/// Updates the settings of the tunnel's server; returns the result.
inline std::error_code update(sim_tunnel& tunnel, const config::server& next) {
  tunnel.server->update(next);
  const auto done = [&tunnel] { return tunnel.server->updated().has_value(); };
  REQUIRE(tunnel.run_until(done) == sim::outcome::done);
  return *tunnel.server->updated();
}

/// A tunnel with a second service, "other", at server:5203.
struct reload_tunnel : sim_tunnel {
  explicit reload_tunnel(std::uint64_t seed) : sim_tunnel(seed) {
    server_settings.services.push_back(server_settings.services[0]);
    server_settings.services[1].name = "other";
    server_settings.services[1].bind_addr = {"0.0.0.0", 5203};
    client_settings.services.push_back(client_settings.services[0]);
    client_settings.services[1].name = "other";
  }

  void start() {
    start_service("client", test::echo);
    start_server();
    start_client();
    const auto ready = [this] {
      return server->events.count<server_side::service_listening>() == 2;
    };
    REQUIRE(run_until(ready) == sim::outcome::done);
    untouched.emplace(bench.must(arrive()));
    REQUIRE(echoes(*untouched));
  }

  std::error_code update_server() { return update(*this, server_settings); }
  void update_client() {
    client->update(client_settings);
    world.run_for(std::chrono::milliseconds(10));
  }

  io::task<sim::stream> dial(std::uint16_t port) {
    const address at{"server", port};
    const io::socket_options options;
    auto visitor = world.make_runtime("visitor");
    auto stream = co_await visitor.connect(at, options, world.now() + std::chrono::seconds(10),
                                           std::stop_token());
    co_return stream;
  }

  /// Returns whether `stream` gets an echo.
  bool echoes(sim::stream& stream) {
    const auto sent = bench.get(stream.write(bytes("ping")));
    if (!sent) return false;
    const auto answer = bench.get(read_once(stream));
    return answer && *answer == "ping";
  }

  /// Returns whether a visitor at `port` gets an echo; it retries for at most `timeout`.
  bool serves(std::uint16_t port, duration timeout = std::chrono::seconds(3)) {
    for (const time_point end = world.now() + timeout; world.now() < end;
         world.run_for(std::chrono::milliseconds(100))) {
      auto stream = bench.get(dial(port));
      if (stream && echoes(*stream)) return true;
    }
    return false;
  }

  /// Checks that "web" was not affected: its connection is active, and its control channel is the
  /// first one.
  void check_untouched(std::size_t channels) {
    CHECK(echoes(*untouched));
    CHECK(server->events.count<server_side::control_channel_established>() == channels);
    CHECK(serves(5202));
  }

  void finish() {
    untouched.reset();
    stop_all();
  }

  /// A visitor of "web".
  std::optional<sim::stream> untouched;
};

}  // namespace rathole::test
