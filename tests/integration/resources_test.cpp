#include "../support/eventually.hpp"
#include "../support/our_program.hpp"
#include "../support/proc.hpp"
#include "../support/services.hpp"
#include "../support/tunnel.hpp"
#include "../support/visitors.hpp"

#include <doctest/doctest.h>

#include <sys/resource.h>

#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace rathole::test {
namespace {

/// Returns a limit that leaves a program `more` descriptors beyond those it has.
void limit_descriptors(const process& program, std::size_t more) {
  const rlim_t most = open_descriptors(program) + more;
  const rlimit limit{most, most};
  if (prlimit(program.pid(), RLIMIT_NOFILE, &limit, nullptr) != 0) throw_errno("prlimit");
}

struct echo_tunnel {
  service local{echo};
  tunnel both{{"our server, our client", our_program(), our_program()}};
  std::uint16_t port = both.add("echo", local.port());

  bool serves() const {
    return eventually([&] { return round_trip(port); });
  }
};

TEST_CASE("resources: closed connections leak no descriptors") {
  echo_tunnel t;
  t.both.start();
  INFO(t.both.logs());
  REQUIRE(t.serves());
  visitor_crowd crowd(100, 600'000, 14);
  REQUIRE(crowd.visit(t.port, test_timeout) == "");
  // What remains is the pool of idle channels and, per process, a bounded number of pipes.
  constexpr std::size_t stock = 2 * 32;
  const auto settled = [&](const process& program) {
    return eventually([&] { return open_descriptors(program) < 40 + stock; });
  };
  REQUIRE(settled(*t.both.server));
  REQUIRE(settled(*t.both.client));
  const std::size_t server_before = open_descriptors(*t.both.server);
  const std::size_t client_before = open_descriptors(*t.both.client);
  for (int round = 0; round < 3; ++round) REQUIRE(crowd.visit(t.port, test_timeout) == "");
  CHECK(eventually([&] { return open_descriptors(*t.both.server) <= server_before + stock; }));
  CHECK(eventually([&] { return open_descriptors(*t.both.client) <= client_before + stock; }));
}

TEST_CASE("resources: a server or client that ran out of descriptors recovers") {
  for (const bool server : {true, false}) {
    CAPTURE(server);
    echo_tunnel t;
    t.both.server_tables = "[server.pool]\nvisitor_timeout = 2";
    t.both.start();
    INFO(t.both.logs());
    REQUIRE(t.serves());
    tcp_socket early = tcp_socket::connect(t.port);
    early.send_all("hello");
    REQUIRE(early.receive(5) == "hello");
    limit_descriptors(server ? *t.both.server : *t.both.client, 12);
    std::vector<tcp_socket> visitors;
    for (int i = 0; i < 60; ++i) {
      visitors.push_back(tcp_socket::connect(t.port));
      visitors.back().try_send_all("hello");
    }
    early.send_all("again");
    CHECK(early.receive(5) == "again");
    visitors.clear();
    CHECK(t.serves());
  }
}

/// Returns a program's memory in KiB.
long resident(const process& program) {
  std::ifstream status("/proc/" + std::to_string(program.pid()) + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS:")) return std::stol(line.substr(6));
  throw std::runtime_error("no VmRSS");
}

TEST_CASE("resources: data that a visitor does not read is not buffered in memory") {
  echo_tunnel t;
  t.both.start();
  INFO(t.both.logs());
  REQUIRE(t.serves());
  const long before = resident(*t.both.server) + resident(*t.both.client);
  const std::string much = random_bytes(16 << 20, 15);
  std::vector<tcp_socket> stalled;
  for (int i = 0; i < 8; ++i) {
    stalled.push_back(tcp_socket::connect(t.port));
    stalled.back().send_until_blocked(much, std::chrono::milliseconds{200});
  }
  CHECK(round_trip(t.port));
  CHECK(resident(*t.both.server) + resident(*t.both.client) - before < 20'000);
}

TEST_CASE("resources: an idle connection holds no pipe") {
  echo_tunnel t;
  t.both.start();
  INFO(t.both.logs());
  REQUIRE(t.serves());
  const std::size_t server_before = open_descriptors(*t.both.server);
  const std::size_t client_before = open_descriptors(*t.both.client);
  std::vector<tcp_socket> idle;
  for (int i = 0; i < 50; ++i) {
    idle.push_back(tcp_socket::connect(t.port));
    idle.back().send_all("hello");
    REQUIRE(idle.back().receive(5) == "hello");
  }
  // Each side has two sockets per connection, and the pool may be filling up.
  CHECK(open_descriptors(*t.both.server) <= server_before + 2 * idle.size() + 16);
  CHECK(open_descriptors(*t.both.client) <= client_before + 2 * idle.size() + 16);
}

}  // namespace
}  // namespace rathole::test
