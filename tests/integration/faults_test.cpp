#include "../support/cut_proxy.hpp"
#include "../support/eventually.hpp"
#include "../support/our_program.hpp"
#include "../support/services.hpp"
#include "../support/tunnel.hpp"
#include "../support/visitors.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace rathole::test {
namespace {

using kind = cut_proxy::kind;
using clock = std::chrono::steady_clock;

/// A tunnel to an echo service whose client reaches the server through a proxy.
struct proxied_tunnel {
  service local{echo};
  tunnel both{{"our server, our client", our_program(), our_program()}};
  std::uint16_t port = both.add("echo", local.port());
  cut_proxy proxy{both.port()};

  proxied_tunnel() { both.remote_port = proxy.port(); }
  bool serves() const {
    return eventually([&] { return round_trip(port); });
  }
};

TEST_CASE("faults: dead idle data channels are replaced before a visitor needs them") {
  proxied_tunnel t;
  t.both.server_tables = "[server.pool]\nsize = 5";
  t.both.start();
  INFO(t.both.logs());
  REQUIRE(eventually([&] { return t.proxy.open(kind::data) == 5; }));
  // The client may have started before the server listened.
  const std::size_t attempts = t.proxy.seen(kind::control);
  for (int round = 1; round <= 3; ++round) {
    CAPTURE(round);
    const std::size_t before = t.proxy.seen(kind::data);
    t.proxy.cut(kind::data);
    CHECK(eventually(
        [&] { return t.proxy.seen(kind::data) >= before + 5 && t.proxy.open(kind::data) == 5; }));
  }
  CHECK(t.proxy.seen(kind::control) == attempts);
  CHECK(round_trip(t.port));
  CHECK(eventually([&] { return t.proxy.open(kind::data) == 5; }));
}

TEST_CASE("faults: no visitor is lost because idle data channels died") {
  proxied_tunnel t;
  t.both.server_tables = "[server.pool]\nsize = 2";
  t.both.start();
  INFO(t.both.logs());
  REQUIRE(t.serves());
  for (int round = 1; round <= 10; ++round) {
    CAPTURE(round);
    REQUIRE(eventually([&] { return t.proxy.open(kind::data) == 2; }));
    t.proxy.cut(kind::data);
    CHECK(round_trip(t.port, "after the cut", {}, test_timeout));
  }
}

TEST_CASE("faults: a lost control channel is re-created and active connections continue") {
  proxied_tunnel t;
  t.both.start();
  INFO(t.both.logs());
  REQUIRE(t.serves());
  tcp_socket visitor = tcp_socket::connect(t.port);
  visitor.send_all("before");
  REQUIRE(visitor.receive(6) == "before");
  t.proxy.cut(kind::control);
  CHECK(t.both.client->wait_for("Control channel established", 2));
  CHECK(t.serves());
  visitor.send_all("after");
  CHECK(visitor.receive(5) == "after");
}

TEST_CASE("faults: a visitor that gets no data channel is closed after the time-out") {
  proxied_tunnel t;
  t.both.server_tables = "[server.pool]\nvisitor_timeout = 1";
  t.proxy.hold_data(true);
  t.both.start();
  INFO(t.both.logs());
  REQUIRE(eventually([&] { return t.proxy.open(kind::data) == 8; }));
  REQUIRE(eventually([&] { return !refused(t.port); }));
  const auto start = clock::now();
  tcp_socket visitor = tcp_socket::connect(t.port);
  CHECK(visitor.ends());
  CHECK(clock::now() - start >= std::chrono::milliseconds{900});
  t.proxy.hold_data(false);
  CHECK(t.serves());
}

TEST_CASE("faults: too many waiting visitors cost only the newest") {
  proxied_tunnel t;
  t.both.server_tables =
      "[server.pool]\nsize = 1\nmax_size = 1\nvisitor_timeout = 3600\nmax_waiting_visitors = 3";
  t.proxy.hold_data(true);
  t.both.start();
  INFO(t.both.logs());
  REQUIRE(eventually([&] { return t.proxy.open(kind::data) == 1; }));
  std::vector<tcp_socket> waiting;
  REQUIRE(eventually([&] {
    auto first = tcp_socket::try_connect(t.port, test_timeout);
    if (first) waiting.push_back(std::move(*first));
    return !waiting.empty();
  }));
  for (int i = 0; i < 2; ++i) waiting.push_back(tcp_socket::connect(t.port));
  // The proxy sees one dial per visitor, so all three are waiting once it has seen them.
  REQUIRE(eventually([&] { return t.proxy.seen(kind::data) == 4; }));
  for (int i = 0; i < 5; ++i) {
    tcp_socket refused_visitor = tcp_socket::connect(t.port);
    CHECK(refused_visitor.ends());
  }
  t.proxy.hold_data(false);
  t.proxy.cut(kind::control);
  CHECK(t.serves());
}

TEST_CASE("faults: the server survives any input on its port") {
  service local(echo);
  tunnel t({"our server, our client", our_program(), our_program()});
  t.server_keys = "handshake_timeout = 1";
  const std::uint16_t port = t.add("echo", local.port());
  t.start();
  INFO(t.logs());
  REQUIRE(eventually([&] { return round_trip(port); }));
  tcp_socket running = tcp_socket::connect(port);
  running.send_all("before");
  REQUIRE(running.receive(6) == "before");

  using namespace std::string_literals;
  const std::string key(32, '\x5a');
  const std::vector<std::string> inputs = {
      "",
      "\0"s,
      "\0\0\0\0\x01"s,
      "\0\0\0\0\x01"s + key,
      "\0\0\0\0\x01"s + key + key,
      "\0\0\0\0\x02"s + key,
      "\x01\0\0\0\x01"s + key,
      "\x02\0\0\0\x01"s + key,
      "\xff\xff\xff\xff\xff"s + key,
      "GET / HTTP/1.1\r\nHost: \x1b[2J\x1b]0;owned\x07\r\n\r\n",
      std::string(300'000, '\0'),
      random_bytes(300'000, 11),
  };
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    for (const char* leave : {"stays", "ends", "resets"}) {
      CAPTURE(i);
      CAPTURE(leave);
      tcp_socket peer = tcp_socket::connect(t.port());
      try {
        peer.send_all(inputs[i]);
      } catch (const std::system_error&) {
        // The server may close the connection before it has read everything.
      }
      if (*leave == 'r') {
        peer.reset();
        continue;
      }
      if (*leave == 'e') peer.shutdown_write();
      std::string answer;
      try {
        answer = peer.receive_all();
      } catch (const std::system_error& error) {
        CHECK(error.code() == std::errc::connection_reset);
      }
      CHECK(answer.size() <= 41);
    }
  }
  running.send_all("after");
  CHECK(running.receive(5) == "after");
  CHECK(round_trip(port));
  CHECK_FALSE(t.server->output().find('\x1b') != std::string::npos);
}

TEST_CASE("faults: silent peers do not keep a client out") {
  service local(echo);
  tunnel t({"our server, our client", our_program(), our_program()});
  const std::uint16_t port = t.add("echo", local.port());
  t.start_server();
  REQUIRE(eventually([&] { return !refused(t.port()); }));
  std::vector<tcp_socket> silent;
  for (int i = 0; i < 20; ++i) silent.push_back(tcp_socket::connect(t.port()));
  t.start_client();
  INFO(t.logs());
  CHECK(eventually([&] { return round_trip(port); }));
}

TEST_CASE("faults: a server that does not answer times out and is retried") {
  service silent_server([](tcp_socket& socket) { socket.receive_all(); });
  service local(echo);
  const temp_dir directory;
  process client(
      our_program(),
      {directory.write("client.toml", client_toml(silent_server.port(), {{"echo", local.port()}},
                                                  "handshake_timeout = 1\nretry_interval = 1"))});
  INFO(client.output());
  CHECK(eventually([&] { return silent_server.accepted() >= 3; }));
  client.signal(SIGTERM);
  CHECK(client.wait_exit() == 0);
}

TEST_CASE("faults: a client survives a server that sends garbage") {
  service nonsense([](tcp_socket& socket) {
    socket.receive(37);
    socket.send_all(random_bytes(100'000, 12));
    socket.receive_all();
  });
  service local(echo);
  const temp_dir directory;
  process client(
      our_program(),
      {directory.write("client.toml", client_toml(nonsense.port(), {{"echo", local.port()}},
                                                  "retry_interval = 1"))});
  INFO(client.output());
  CHECK(eventually([&] { return nonsense.accepted() >= 3; }));
  CHECK(local.accepted() == 0);
  client.signal(SIGTERM);
  CHECK(client.wait_exit() == 0);
}

}  // namespace
}  // namespace rathole::test
