// The bandwidth of a service, with real programs over each transport.

#include "../support/eventually.hpp"
#include "../support/our_program.hpp"
#include "../support/services.hpp"
#include "../support/transport_tables.hpp"
#include "../support/tunnel.hpp"
#include "../support/visitors.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

namespace rathole::test {
namespace {

using clock = std::chrono::steady_clock;

pairing ours(const transport_tables& by) {
  return {by.name, our_program(), our_program(), by.server, by.client};
}

double seconds_since(clock::time_point begin) {
  return std::chrono::duration<double>(clock::now() - begin).count();
}

TEST_CASE("bandwidth: connections share it, and all bytes arrive, over each transport") {
  authority issuer;
  const transport_tables over_tls =
      tls("tls", pkcs12_keys(issuer.pack(issuer.issue())), trust_in(issuer));
  transport_tables multiplexed = tcp();
  multiplexed.name = "multiplexed";
  multiplexed.client = "[client.transport]\ntype = \"tcp\"\nmultiplex = true\n";
  for (const transport_tables& by :
       {tcp(), noise("Noise_NK_25519_ChaChaPoly_BLAKE2s"), over_tls, websocket(), multiplexed}) {
    CAPTURE(by.name);
    service local(echo);
    tunnel t(ours(by));
    t.server_service_keys = "bandwidth_limit = { out = \"4 MiB/s\" }\n";
    const std::uint16_t port = t.add("echo", local.port());
    t.start_server_first();
    INFO(t.logs());
    REQUIRE(eventually([&] { return answered(port); }));
    constexpr std::size_t each = std::size_t{2} << 20;
    std::vector<std::thread> visitors;
    std::vector<int> done(2);
    std::vector<double> lasted(2);
    const auto begin = clock::now();
    for (std::size_t i = 0; i < 2; ++i) {
      visitors.emplace_back([&, i] {
        const std::string payload = random_bytes(each, i);
        tcp_socket visitor = tcp_socket::connect(port);
        std::thread sending([&] { visitor.send_all(payload); });
        done[i] = visitor.receive(each) == payload;
        lasted[i] = seconds_since(begin);
        sending.join();
      });
    }
    for (std::thread& visitor : visitors) visitor.join();
    const double all = seconds_since(begin);
    CHECK(done[0] == 1);
    CHECK(done[1] == 1);
    // 4 MiB at 4 MiB/s, of which a burst may come at once. A loaded machine is only slower.
    CHECK(all > 0.95);
    MESSAGE(by.name << ": 4 MiB at 4 MiB/s in " << all
                    << " s; the first of two visitors had its half after "
                    << std::min(lasted[0], lasted[1]) << " s");
  }
}

TEST_CASE("bandwidth: an answer that waits arrives as a whole after both sides have ended") {
  // All bytes are on the way before the first of them have their turn.
  const std::string answer = random_bytes(60'000, 1);
  service local([&](tcp_socket& socket) {
    socket.receive_all();
    socket.send_all(answer);
  });
  tunnel t(ours(tcp()));
  t.server_service_keys = "bandwidth_limit = { out = \"50 KiB/s\" }\n";
  const std::uint16_t port = t.add("answer", local.port());
  t.start_server_first();
  INFO(t.logs());
  REQUIRE(eventually([&] { return !refused(port); }));
  std::vector<std::thread> visitors;
  std::vector<int> whole(3);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    visitors.emplace_back([&, i] {
      tcp_socket visitor = tcp_socket::connect(port);
      visitor.shutdown_write();
      whole[i] = visitor.receive_all() == answer;
    });
  }
  for (std::thread& visitor : visitors) visitor.join();
  for (const int each : whole) CHECK(each == 1);
}

}  // namespace
}  // namespace rathole::test
