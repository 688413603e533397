#include "../support/eventually.hpp"
#include "../support/our_program.hpp"
#include "../support/services.hpp"
#include "../support/slow_relay.hpp"
#include "../support/transport_tables.hpp"
#include "../support/tunnel.hpp"
#include "../support/visitors.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <list>
#include <string>
#include <vector>

namespace rathole::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using clock = std::chrono::steady_clock;

pairing ours(const transport_tables& by) {
  return {by.name, our_program(), our_program(), by.server, by.client};
}

/// Returns the pauses of the lines `... Retry in 1.05s...`, in milliseconds.
std::vector<double> pauses(const std::string& text) {
  constexpr std::string_view words = "Retry in ";
  std::vector<double> found;
  for (auto at = text.find(words); at != text.npos; at = text.find(words, at + 1)) {
    const std::string rest = text.substr(at + words.size(), 16);
    std::size_t digits = 0;
    const double number = std::stod(rest, &digits);
    found.push_back(rest.compare(digits, 2, "ms") == 0 ? number : 1000 * number);
  }
  return found;
}

TEST_CASE("retry: a service added to the server's file is served within the retry interval") {
  service local(echo);
  tunnel t({"our server, our client", our_program(), our_program()});
  t.environment = {"RATHOLE_LOG=debug"};
  t.client_keys = "retry_interval = 1";
  t.add_client_only("echo", local.port());
  t.start();
  INFO(t.logs());
  // Enough refusals for the pauses to reach their maximum.
  REQUIRE(t.client->wait_for("Retry in ", 7));
  for (const double pause : pauses(t.client->output())) CHECK(pause <= 1250);
  const std::uint16_t port = t.add_server_only("echo");
  t.rewrite_server();
  REQUIRE(t.server->wait_for("Service change detected"));
  const auto added = clock::now();
  CHECK(eventually([&] { return round_trip(port); }));
  // The interval, and a generous margin.
  CHECK(clock::now() - added < seconds(10));
}

TEST_CASE(
    "retry: an expired certificate causes no storm of dials while the control channel lasts") {
  for (const std::string& engine : tls_engines()) {
    CAPTURE(engine);
    authority issuer;
    const identity_files good = issuer.issue();
    identity_spec past;
    past.until = "200102";
    const identity_files expired = issuer.issue(past);
    const temp_dir folder;
    const identity_files shown{(folder.path() / "cert").string(), (folder.path() / "key").string()};
    const auto show = [&](const identity_files& which) {
      const auto put = [&](const std::string& from, const std::string& to) {
        std::filesystem::copy_file(from, to + ".new",
                                   std::filesystem::copy_options::overwrite_existing);
        std::filesystem::rename(to + ".new", to);
      };
      put(which.key, shown.key);
      put(which.certificate, shown.certificate);
    };
    show(good);
    service local(echo);
    tunnel t(ours(
        tls(engine, pem_keys(shown) + engine_key(engine), trust_in(issuer) + engine_key(engine))));
    t.environment = {"RATHOLE_LOG=debug"};
    const std::uint16_t port = t.add("echo", local.port());
    t.start();
    INFO(t.logs());
    REQUIRE(eventually([&] { return answered(port); }));
    // The client may have dialled before the server listened.
    const std::size_t served = t.client->output().size();

    // The server reloads changed files without a signal.
    show(expired);
    const std::string refusal = "Failed to handshake";
    REQUIRE(eventually([&] {
      answered(port, milliseconds{200});
      return t.server->output().find(refusal) != std::string::npos;
    }));
    // Visitors use the idle channels up.
    for (int i = 0; i < 8; ++i) answered(port, milliseconds{200});
    // All visitors wait, and the pool has no channels left.
    const auto begin = clock::now();
    const std::string before = t.server->output();
    constexpr std::size_t dials = 10;
    REQUIRE(t.server->wait_for(refusal, dials, before.size()));
    // Pauses begin at a tenth of a second and grow to a second; without pauses this would take less
    // than half a second.
    CHECK(clock::now() - begin >= seconds(3));

    show(good);
    CHECK(eventually([&] { return answered(port); }));
    CHECK(t.client->output().find("Failed to run the control channel", served) ==
          std::string::npos);
  }
}

TEST_CASE("slow link: each transport connects and works at a round-trip time of 2.4 s") {
  authority issuer;
  const std::string pem = pem_keys(issuer.issue());
  std::vector<transport_tables> transports = {
      {"tcp", "", ""},
      noise("Noise_NK_25519_ChaChaPoly_BLAKE2s"),
      websocket(),
      websocket_over_tls("websocket on tls", pem, trust_in(issuer))};
  for (const std::string& engine : tls_engines()) {
    transports.push_back(
        tls("tls " + engine, pem + engine_key(engine), trust_in(issuer) + engine_key(engine)));
  }
  struct slow_tunnel {
    slow_tunnel(const transport_tables& by, std::uint16_t local)
        : both(ours(by)), port(both.add("echo", local)), way(both.port(), milliseconds(1200)) {
      both.remote_port = way.port();
      both.start_server_first();
    }
    tunnel both;
    std::uint16_t port;
    slow_relay way;
  };
  service local(echo);
  std::list<slow_tunnel> tunnels;
  for (const transport_tables& by : transports) tunnels.emplace_back(by, local.port());
  for (slow_tunnel& each : tunnels) {
    INFO(each.both.logs());
    CHECK(each.both.client->wait_for("Control channel established", 1, 0, seconds(60)));
    CHECK(eventually([&] { return answered(each.port, seconds(20)); }, seconds(60)));
    CHECK(each.both.client->output().find("Failed to run the control channel") ==
          std::string::npos);
  }
}

}  // namespace
}  // namespace rathole::test
