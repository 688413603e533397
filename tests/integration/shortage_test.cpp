// Descriptors run out on one side: idle data channels are closed for visitors, visitors that cannot
// be served are refused, and service recovers once the load is gone.

#include "../support/eventually.hpp"
#include "../support/our_program.hpp"
#include "../support/services.hpp"
#include "../support/tunnel.hpp"
#include "../support/visitors.hpp"

#include <doctest/doctest.h>

#include <poll.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

namespace rathole::test {
namespace {

/// The descriptor limit of a program; a few services with default pools would need more.
constexpr int few_descriptors = 256;

/// Returns a script that runs the program with few descriptors.
std::string limited_program(temp_dir& folder) {
  const std::string path =
      folder.write("limited", "#!/bin/sh\nulimit -n " + std::to_string(few_descriptors) +
                                  "\nexec '" + our_program() + "' \"$@\"\n");
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  return path;
}

/// A tunnel of which one side has few descriptors.
struct limited_tunnel {
  explicit limited_tunnel(bool server_is_limited)
      : both({server_is_limited ? "limited server" : "limited client",
              server_is_limited ? limited_program(folder) : our_program(),
              server_is_limited ? our_program() : limited_program(folder)}) {}

  temp_dir folder;
  service local{echo};
  tunnel both;
};

/// Returns how many of the connections the peer has ended.
std::size_t ended(const std::vector<tcp_socket>& visitors) {
  std::size_t count = 0;
  for (const tcp_socket& each : visitors) {
    pollfd look{each.fd(), POLLRDHUP, 0};
    if (::poll(&look, 1, 0) > 0) ++count;
  }
  return count;
}

using steady = std::chrono::steady_clock;

TEST_CASE("shortage: 25 services share 256 descriptors, and each is served") {
  for (const bool server : {true, false}) {
    CAPTURE(server);
    limited_tunnel t(server);
    std::vector<std::uint16_t> ports;
    for (int i = 0; i < 25; ++i) {
      ports.push_back(t.both.add("service-" + std::to_string(i), t.local.port()));
    }
    t.both.start_server_first();
    INFO(t.both.logs());
    for (const std::uint16_t port : ports) {
      CAPTURE(port);
      CHECK(eventually([&] { return round_trip(port); }));
    }
    // All services have active visitors at the same time.
    std::vector<tcp_socket> visitors;
    for (const std::uint16_t port : ports) {
      visitors.push_back(tcp_socket::connect(port));
      visitors.back().send_all("hello");
    }
    for (tcp_socket& each : visitors) CHECK(each.receive(5) == "hello");
  }
}

TEST_CASE("shortage: service recovers once the visitors that took all descriptors are gone") {
  for (const bool server : {true, false}) {
    CAPTURE(server);
    limited_tunnel t(server);
    const std::uint16_t crowded = t.both.add("crowded", t.local.port());
    const std::uint16_t other = t.both.add("other", t.local.port());
    t.both.start_server_first();
    INFO(t.both.logs());
    REQUIRE(eventually([&] { return round_trip(crowded) && round_trip(other); }));
    tcp_socket early = tcp_socket::connect(crowded);
    early.send_all("hello");
    REQUIRE(early.receive(5) == "hello");

    std::vector<tcp_socket> visitors;
    for (int i = 0; i < 300; ++i) {
      visitors.push_back(tcp_socket::connect(crowded));
      visitors.back().try_send_all("hello");
    }
    early.send_all("again");
    CHECK(early.receive(5) == "again");
    // A server without descriptors refuses visitors; if the client has none, visitors wait.
    if (server) CHECK(eventually([&] { return ended(visitors) > 100; }, std::chrono::seconds{5}));
    early.send_all("still");
    CHECK(early.receive(5) == "still");

    visitors.clear();
    for (const std::uint16_t port : {crowded, other}) {
      const auto gone = steady::now();
      CHECK(eventually([&] { return round_trip(port); }));
      const std::chrono::duration<double> lasted = steady::now() - gone;
      MESSAGE((server ? "limited server: " : "limited client: ")
              << "served again after " << lasted.count() << " s");
      CHECK(lasted.count() < 5);
    }
    early.send_all("there");
    CHECK(early.receive(5) == "there");
  }
}

}  // namespace
}  // namespace rathole::test
