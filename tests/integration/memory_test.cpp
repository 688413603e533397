#include "../support/eventually.hpp"
#include "../support/our_program.hpp"
#include "../support/proc.hpp"
#include "../support/services.hpp"
#include "../support/transport_tables.hpp"
#include "../support/tunnel.hpp"
#include "../support/visitors.hpp"

#include <doctest/doctest.h>

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace rathole::test {
namespace {

constexpr const char* nk = "Noise_NK_25519_ChaChaPoly_BLAKE2s";

/// Returns every transport, with each TLS engine.
std::vector<transport_tables> every_transport(authority& issuer) {
  std::vector<transport_tables> all = {tcp(), noise(nk), websocket()};
  for (const std::string& engine : tls_engines()) {
    const std::string server = pem_keys(issuer.issue()) + engine_key(engine);
    const std::string client = trust_in(issuer) + engine_key(engine);
    all.push_back(tls("tls by " + engine, server, client));
    all.push_back(websocket_over_tls("websocket over tls by " + engine, server, client));
  }
  return all;
}

pairing ours(const transport_tables& by) {
  return {by.name + ": our server, our client", our_program(), our_program(), by.server, by.client};
}

/// Returns a field of /proc/<pid>/status, in KiB.
rlim_t status_of(const process& program, std::string_view field) {
  std::ifstream status("/proc/" + std::to_string(program.pid()) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field)) return std::stoul(line.substr(field.size() + 1));
  }
  throw std::runtime_error("no such field: " + std::string(field));
}

/// Returns a limit that leaves a program `more` KiB of memory beyond what it has; or no limit.
void limit_memory(const process& program, rlim_t more) {
  const rlim_t most = (status_of(program, "VmSize") + more) * 1024;
  const rlimit limit{most, RLIM_INFINITY};
  if (prlimit(program.pid(), RLIMIT_AS, &limit, nullptr) != 0) throw_errno("prlimit");
}
void lift_memory_limit(const process& program) {
  const rlimit limit{RLIM_INFINITY, RLIM_INFINITY};
  if (prlimit(program.pid(), RLIMIT_AS, &limit, nullptr) != 0) throw_errno("prlimit");
}

/// Sends one letter without end, which no visitor sends.
void flood(tcp_socket& socket) {
  const std::string much(64 * 1024, 'F');
  for (;;) socket.send_all(much);
}

/// Visits the echo service behind `port` repeatedly until `over`. The response must equal the
/// request, or a prefix of it if the connection broke. Counts the visits that were answered.
void visit_echo(std::uint16_t port, unsigned number, const std::atomic<bool>& over,
                std::atomic<int>& foreign, std::atomic<int>& complete) {
  std::string sent(30'000, '\0');
  for (std::size_t i = 0; i < sent.size(); ++i) {
    sent[i] = static_cast<char>('a' + (number + i * 7 + i / 253) % 26);
  }
  while (!over) {
    std::string received;
    try {
      auto visitor = tcp_socket::try_connect(port, std::chrono::seconds{2});
      if (!visitor) continue;
      visitor->send_all(sent);
      char some[16384];
      while (received.size() < sent.size()) {
        const std::size_t count = visitor->receive_some(some, sizeof some);
        if (count == 0) break;
        received.append(some, count);
      }
    } catch (const std::system_error&) {
      // It was reset or not served in time, for lack of memory.
    }
    if (!sent.starts_with(received)) ++foreign;
    if (received == sent) ++complete;
  }
}

void runs_out(const transport_tables& by, bool at_server, rlim_t room) {
  CAPTURE(by.name);
  CAPTURE(at_server);
  CAPTURE(room);
  service local(echo);
  service source(flood);
  tunnel t(ours(by));
  t.server_keys = "workers = 2";
  t.client_keys += "\nworkers = 2";
  const std::uint16_t port = t.add("echo", local.port());
  const std::uint16_t flood_port = t.add("flood", source.port());
  t.start_server_first();
  INFO(t.logs());
  REQUIRE(eventually([&] { return answered(port) && !refused(flood_port); }));
  limit_memory(at_server ? *t.server : *t.client, room);

  std::atomic<bool> over = false;
  std::atomic<int> foreign = 0;
  std::atomic<int> complete = 0;
  {
    std::vector<std::jthread> visitors;
    for (unsigned i = 0; i < 4; ++i) {
      visitors.emplace_back([&, i] { visit_echo(port, i, over, foreign, complete); });
    }
    std::vector<tcp_socket> slow;
    for (int i = 0; i < 150; ++i) {
      try {
        auto reader = tcp_socket::try_connect(flood_port, std::chrono::seconds{2});
        if (reader) slow.push_back(std::move(*reader));
      } catch (const std::system_error&) {
      }
    }
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{2};
    while (std::chrono::steady_clock::now() < end) {
      for (tcp_socket& each : slow) {
        char some[700];
        (void)!::recv(each.fd(), some, sizeof some, MSG_DONTWAIT);
      }
      std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
    slow.clear();
    over = true;
  }
  CHECK(foreign == 0);
  CHECK_FALSE(t.server->wait_exit(std::chrono::milliseconds{0}));
  CHECK_FALSE(t.client->wait_exit(std::chrono::milliseconds{0}));
  // Within the limit there may be no room for another handshake: idle channels and what the
  // allocator keeps may fill it.
  lift_memory_limit(at_server ? *t.server : *t.client);
  CHECK(eventually([&] { return answered(port); }));
}

TEST_CASE(
    "memory: a connection that runs out of memory fails alone, and no byte reaches another "
    "visitor") {
  if (!memory_counts) {
    MESSAGE("SKIPPED: a sanitizer's allocator ends a program whose memory runs out");
    return;
  }
  authority issuer;
  for (const transport_tables& by : every_transport(issuer)) {
    for (const bool at_server : {true, false}) {
      runs_out(by, at_server, at_server ? 1024 : 6 * 1024);
    }
  }
}

/// Returns the byte counts in the log lines about ended connections, as text.
std::vector<std::string> counts_in(const std::string& output) {
  std::vector<std::string> out;
  for (const std::string& line : lines(output)) {
    const auto at = line.find(" ended: ");
    // Connections that only probed the port carry nothing.
    if (at != line.npos && line.find(" 0 ", at) == line.npos) out.push_back(line.substr(at));
  }
  return out;
}

TEST_CASE("memory: both sides count the bytes of a finished connection") {
  authority issuer;
  for (const transport_tables& by : every_transport(issuer)) {
    CAPTURE(by.name);
    constexpr std::size_t asked = 200'000;
    constexpr std::size_t answer = 150'001;
    constexpr std::size_t visits = 20;
    const std::string question = random_bytes(asked, 71);
    const std::string reply = random_bytes(answer, 72);
    service local([&](tcp_socket& socket) {
      if (socket.receive(asked) == question) socket.send_all(reply);
      socket.receive_all();
    });
    tunnel t(ours(by));
    t.environment = {"RATHOLE_LOG=debug"};
    const std::uint16_t port = t.add("count", local.port());
    t.start_server_first();
    INFO(t.logs());
    REQUIRE(eventually([&] { return !refused(port); }));
    for (std::size_t i = 0; i < visits; ++i) {
      // Bytes sent at once mostly arrive before the relay has begun.
      tcp_socket visitor = tcp_socket::connect(port);
      visitor.send_all(question);
      REQUIRE(visitor.receive(answer) == reply);
    }
    for (const process* each : {&*t.server, &*t.client}) {
      CHECK(eventually([&] { return counts_in(each->output()).size() >= visits; }));
      const std::vector<std::string> all = counts_in(each->output());
      CHECK(all.size() >= visits);
      for (const std::string& line : all) {
        CAPTURE(line);
        CHECK(line.find(std::to_string(asked)) != line.npos);
        CHECK(line.find(std::to_string(answer)) != line.npos);
      }
    }
  }
}

}  // namespace
}  // namespace rathole::test
