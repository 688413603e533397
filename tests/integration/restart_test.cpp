#include "../support/serving_tunnel.hpp"

#include <doctest/doctest.h>

#include <csignal>

#include <chrono>
#include <string>
#include <thread>

namespace rathole::test {
namespace {

using std::chrono::seconds;
using clock = std::chrono::steady_clock;

/// Lets connections continue for an hour after a signal, on both sides.
const std::string grace = "shutdown_grace = 3600";

TEST_CASE("restart: an idle connection does not keep new visitors out") {
  for (const transport_tables& by :
       {tcp(), noise("Noise_NK_25519_ChaChaPoly_BLAKE2s"), websocket()}) {
    for (const bool server : {true, false}) {
      CAPTURE(by.name);
      CAPTURE(server);
      serving_tunnel t(by, grace);
      INFO(t.both.logs());
      tcp_socket active_visitor = t.visitor();
      tcp_socket idle_visitor = tcp_socket::connect(t.port);
      // Restarts it as a service manager does: a signal, the wait for the end, the start.
      const auto begin = clock::now();
      process& stopped = t.end(server);
      stopped.signal(SIGTERM);
      REQUIRE(stopped.wait_exit() == 0);
      server ? t.both.start_server() : t.both.start_client();
      CHECK(eventually([&] { return answered(t.port); }));
      // The idle time-out of one second, and a generous margin.
      CHECK(clock::now() - begin < seconds(15));
      CHECK(active_visitor.ends());
    }
  }
}

TEST_CASE("restart: a connection that transfers may finish, and does not block new visitors") {
  for (const bool server : {true, false}) {
    CAPTURE(server);
    serving_tunnel t(tcp(), grace);
    INFO(t.both.logs());
    tcp_socket visitor = t.visitor();
    const auto send_traffic = [&] {
      visitor.send_all("more");
      return visitor.receive(4) == "more";
    };
    process& stopped = t.end(server);
    stopped.signal(SIGTERM);
    REQUIRE(eventually([&] { return send_traffic() && refused(t.port); }));
    if (server) {
      CHECK(refused(t.both.port()));
    } else {
      // Another client serves new visitors while the first one ends.
      t.both.start_competitor({t.local.port()});
      CHECK(eventually([&] { return send_traffic() && answered(t.port); }));
    }
    // Its transfer takes longer than the idle time-out.
    const auto begin = clock::now();
    while (clock::now() - begin < seconds(3)) {
      REQUIRE(send_traffic());
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    CHECK(stopped.wait_exit(std::chrono::milliseconds{0}) == std::nullopt);
    visitor.shutdown_write();
    CHECK(visitor.receive_all() == "");
    CHECK(stopped.wait_exit() == 0);
  }
}

}  // namespace
}  // namespace rathole::test
