#include "../support/serving_tunnel.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>

namespace rathole::test {
namespace {

constexpr auto no_time = std::chrono::milliseconds{0};

/// The grace time of both sides, which applies to idle connections too.
serving_tunnel with_grace(const std::string& seconds) {
  return {tcp(), "shutdown_idle_timeout = 0\nshutdown_grace = " + seconds};
}

TEST_CASE("shutdown: without active connections the grace time is skipped") {
  for (const int number : {SIGTERM, SIGINT}) {
    for (const bool server : {true, false}) {
      CAPTURE(number);
      CAPTURE(server);
      serving_tunnel t = with_grace("3600");
      INFO(t.both.logs());
      t.end(server).signal(number);
      CHECK(t.end(server).wait_exit() == 0);
    }
  }
}

TEST_CASE("shutdown: an active connection may finish within the grace time") {
  for (const bool server : {true, false}) {
    CAPTURE(server);
    serving_tunnel t = with_grace("3600");
    INFO(t.both.logs());
    tcp_socket visitor = t.visitor();
    t.end(server).signal(SIGTERM);
    REQUIRE(eventually([&] { return refused(t.port); }));
    visitor.send_all("and more");
    CHECK(visitor.receive(8) == "and more");
    CHECK(t.end(server).wait_exit(no_time) == std::nullopt);
    visitor.shutdown_write();
    CHECK(visitor.receive_all() == "");
    CHECK(t.end(server).wait_exit() == 0);
  }
}

TEST_CASE("shutdown: connections that outlive the grace time are reset") {
  for (const bool server : {true, false}) {
    CAPTURE(server);
    serving_tunnel t = with_grace("1");
    INFO(t.both.logs());
    tcp_socket visitor = t.visitor();
    t.end(server).signal(SIGTERM);
    CHECK(t.end(server).wait_exit() == 0);
    CHECK(visitor.ends());
  }
}

TEST_CASE("shutdown: a second signal ends the program at once") {
  for (const bool server : {true, false}) {
    CAPTURE(server);
    serving_tunnel t = with_grace("3600");
    INFO(t.both.logs());
    tcp_socket visitor = t.visitor();
    t.end(server).signal(SIGINT);
    REQUIRE(eventually([&] { return refused(t.port); }));
    REQUIRE(t.end(server).wait_exit(no_time) == std::nullopt);
    t.end(server).signal(SIGINT);
    CHECK(t.end(server).wait_exit() == 0);
    CHECK(visitor.ends());
  }
}

TEST_CASE("shutdown: a client that never reached its server stops") {
  const reserved_port unused_port;
  service local(echo);
  const temp_dir directory;
  process client(
      our_program(),
      {directory.write("client.toml", client_toml(unused_port, {{"echo", local.port()}}))});
  INFO(client.output());
  REQUIRE(client.wait_for("etry"));
  client.signal(SIGTERM);
  CHECK(client.wait_exit() == 0);
}

TEST_CASE("shutdown: the server notices a killed client by its FIN") {
  serving_tunnel t = with_grace("3600");
  INFO(t.both.logs());
  t.both.client->kill();
  CHECK(eventually([&] { return refused(t.port); }, std::chrono::seconds{10}));
  CHECK(t.both.server->wait_for("Control channel shutdown"));
  t.both.start_client();
  CHECK(eventually([&] { return round_trip(t.port); }));
}

}  // namespace
}  // namespace rathole::test
