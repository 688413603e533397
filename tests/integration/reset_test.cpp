#include "../support/eventually.hpp"
#include "../support/our_program.hpp"
#include "../support/services.hpp"
#include "../support/transport_tables.hpp"
#include "../support/tunnel.hpp"
#include "../support/visitors.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::test {
namespace {

constexpr std::size_t forwards = 20;

/// Returns how a connection ended: `reset`, `in order`, or another outcome.
std::string end_of(tcp_socket& socket) {
  char chunk[16384];
  try {
    while (socket.receive_some(chunk, sizeof chunk) > 0) {
    }
    return "in order";
  } catch (const std::system_error& error) {
    return error.code() == std::errc::connection_reset ? "reset" : error.what();
  }
}

/// An echo service that records how its connections end.
class recording_service {
 public:
  std::uint16_t port() const { return service_.port(); }
  std::vector<std::string> ends() const {
    const std::lock_guard lock(mutex_);
    return ends_;
  }

 private:
  void serve(tcp_socket& socket) {
    char chunk[16];
    const std::size_t size = socket.receive_some(chunk, sizeof chunk);
    // A visitor that only probed the port.
    if (size == 0) return;
    socket.send_all({chunk, size});
    std::string end = end_of(socket);
    const std::lock_guard lock(mutex_);
    ends_.push_back(std::move(end));
  }

  mutable std::mutex mutex_;
  std::vector<std::string> ends_;
  service service_{[this](tcp_socket& socket) { serve(socket); }};
};

/// Sends `signals` to one side of a tunnel while connections are active on four threads, and checks
/// that neither visitors nor the service see an orderly end.
void leave(const transport_tables& by, bool server, const std::vector<int>& signals) {
  CAPTURE(by.name);
  CAPTURE(server);
  CAPTURE(signals.back());
  recording_service local;
  tunnel t({by.name, our_program(), our_program(), by.server, by.client});
  t.server_keys = "workers = 4\nshutdown_grace = 3600";
  t.client_keys += "\nworkers = 4\nshutdown_grace = 3600";
  const std::uint16_t port = t.add("kept", local.port());
  t.start_server_first();
  INFO(t.logs());
  REQUIRE(eventually([&] { return !refused(port); }));
  std::vector<tcp_socket> visitors;
  for (std::size_t i = 0; i < forwards; ++i) {
    visitors.push_back(tcp_socket::connect(port));
    visitors.back().send_all("hello");
    REQUIRE(visitors.back().receive(5) == "hello");
  }
  process& leaving = server ? *t.server : *t.client;
  for (const int number : signals) {
    leaving.signal(number);
    if (number == SIGTERM && !leaving.wait_for("gracefully")) FAIL_CHECK("no grace");
  }
  CHECK(leaving.wait_exit() == (signals.back() == SIGKILL ? 128 + SIGKILL : 0));
  std::size_t resets = 0;
  for (tcp_socket& each : visitors) resets += end_of(each) == "reset" ? 1 : 0;
  CHECK(resets == forwards);
  CHECK(eventually([&] { return local.ends().size() >= forwards; }));
  CHECK(std::ranges::count(local.ends(), "reset") == forwards);
}

std::vector<transport_tables> all_transports(authority& issuer) {
  std::vector<transport_tables> all = {tcp(), noise("Noise_NK_25519_ChaChaPoly_BLAKE2s"),
                                       websocket()};
  for (const std::string& engine : tls_engines())
    all.push_back(tls("tls by " + engine, pem_keys(issuer.issue()) + engine_key(engine),
                      trust_in(issuer) + engine_key(engine)));
  return all;
}

TEST_CASE("shutdown: a second signal resets every active connection") {
  authority issuer;
  for (const transport_tables& by : all_transports(issuer))
    for (const bool server : {true, false}) leave(by, server, {SIGTERM, SIGTERM});
}

TEST_CASE("shutdown: a killed program leaves resets, not orderly ends") {
  authority issuer;
  for (const transport_tables& by : all_transports(issuer))
    for (const bool server : {true, false}) leave(by, server, {SIGKILL});
}

TEST_CASE("early closes: visitors that reset their connections are not the client's fault") {
  for (const transport_tables& by : {tcp(), noise("Noise_NK_25519_ChaChaPoly_BLAKE2s")}) {
    CAPTURE(by.name);
    std::atomic<std::size_t> chunks_received = 0;
    // Takes a byte, never answers, and leaves when the visitor does.
    service silent([&chunks_received](tcp_socket& socket) {
      char chunk[16];
      while (socket.receive_some(chunk, sizeof chunk) > 0) ++chunks_received;
    });
    tunnel t({by.name, our_program(), our_program(), by.server, by.client});
    t.environment = {"RATHOLE_LOG=debug"};
    const std::uint16_t port = t.add("web", silent.port());
    t.start_server_first();
    INFO(t.logs());
    REQUIRE(t.server->wait_for("Control channel established"));
    REQUIRE(eventually([&] { return !refused(port); }));
    const std::size_t before = t.server->output().size();
    constexpr std::size_t visits = 6;
    for (std::size_t i = 1; i <= visits; ++i) {
      auto visitor = tcp_socket::connect(port);
      visitor.send_all("x");
      REQUIRE(eventually([&] { return chunks_received == i; }));
      visitor.reset();
    }
    CHECK(
        t.server->wait_for("1 bytes from the visitor, 0 to it: Connection reset", visits, before));
    CHECK(t.server->output().find("The client ends the connection of every visitor") ==
          std::string::npos);
  }
}

}  // namespace
}  // namespace rathole::test
