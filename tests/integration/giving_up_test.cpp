// A client that gives up, and the exit statuses.

#include "../support/our_program.hpp"
#include "../support/services.hpp"
#include "../support/transport_tables.hpp"
#include "../support/tunnel.hpp"
#include "../support/visitors.hpp"

#include <doctest/doctest.h>

#include <string>

namespace rathole::test {
namespace {

pairing ours() { return {"tcp", our_program(), our_program(), {}, {}}; }

TEST_CASE("giving up: a client ends when all its services have failed max_retries times in a row") {
  tunnel t(ours());
  t.client_keys = "retry_interval = 0\nmax_retries = 4\n";
  t.add("a", 1);
  t.add("b", 1);
  t.start_client();
  CHECK(t.client->wait_exit() == 4);
  const std::string said = t.client->output();
  CAPTURE(said);
  CHECK(said.find("Error: no service was accepted by the server in `client.max_retries` retries") !=
        said.npos);
  CHECK(said.find(". Given up after `client.max_retries`, until the settings change") != said.npos);
}

TEST_CASE("giving up: a service that is served keeps the client alive, and a change tries again") {
  service local(echo);
  tunnel t(ours());
  t.client_keys = "retry_interval = 0\nmax_retries = 1\n";
  const std::uint16_t port = t.add("served", local.port());
  t.add_client_only("unknown", local.port());
  t.start_server_first();
  INFO(t.logs());
  REQUIRE(eventually([&] { return answered(port); }));
  REQUIRE(
      eventually([&] { return t.client->output().find("Given up after") != std::string::npos; }));
  CHECK(answered(port));
  const std::uint16_t late = t.add_server_only("unknown");
  t.rewrite_server();
  REQUIRE(eventually([&] { return !refused(port); }));
  t.client_keys = "retry_interval = 1\nmax_retries = 1000\n";
  t.rewrite_client();
  CHECK(eventually([&] { return answered(late); }));
  t.client->signal(SIGTERM);
  CHECK(t.client->wait_exit() == 0);
}

TEST_CASE("giving up: a server that cannot listen says so with its exit status") {
  tunnel t(ours());
  t.add("a", 1);
  t.start_server();
  REQUIRE(eventually([&] { return !refused(t.port()); }));
  const temp_dir folder;
  const std::string text = "[server]\nbind_addr = \"127.0.0.1:" + std::to_string(t.port()) +
                           "\"\ndefault_token = \"mine\"\nservices = {}\n";
  CHECK(run_program({folder.write("s.toml", text)}).status == 5);
}

}  // namespace
}  // namespace rathole::test
