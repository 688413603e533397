#include "../support/file_text.hpp"
#include "../support/services.hpp"
#include "../support/transport_tables.hpp"
#include "../support/tunnel_scenarios.hpp"

#include <doctest/doctest.h>

#include <poll.h>

#include <atomic>
#include <chrono>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace rathole::test {
namespace {

using namespace std::string_literals;

constexpr const char* nk = "Noise_NK_25519_ChaChaPoly_BLAKE2s";

pairing ours(const transport_tables& by) {
  return {by.name + ": our server, our client", our_program(), our_program(), by.server, by.client};
}

/// Returns TLS with the given engine at each end, and an identity of `issuer`.
transport_tables tls_by(authority& issuer, const std::string& server, const std::string& client) {
  return tls("tls by " + server + " and " + client,
             pem_keys(issuer.issue()) + engine_key(server) + "half_close_timeout = 1\n",
             trust_in(issuer) + engine_key(client) + "half_close_timeout = 1\n");
}
transport_tables websocket_over_tls_by(authority& issuer, const std::string& server,
                                       const std::string& client) {
  return websocket_over_tls("websocket over tls by " + server + " and " + client,
                            pem_keys(issuer.issue()) + engine_key(server),
                            trust_in(issuer) + engine_key(client));
}

/// Returns every transport except TCP, with each engine at both ends.
std::vector<transport_tables> all_transports(authority& issuer) {
  std::vector<transport_tables> all = {noise(nk), websocket()};
  for (const std::string& engine : tls_engines()) {
    if (engine != "botan") all.push_back(noise_by(nk, engine, engine));
    all.push_back(tls_by(issuer, engine, engine));
    all.push_back(websocket_over_tls_by(issuer, engine, engine));
  }
  return all;
}

void carry_visitors(const transport_tables& by, const char* workers) {
  CAPTURE(workers);
  service local(echo);
  tunnel t(ours(by));
  t.server_keys = workers;
  t.client_keys += "\n"s + workers;
  const std::uint16_t port = t.add("echo", local.port());
  t.start_server_first();
  INFO(t.logs());
  REQUIRE(eventually([&] { return answered(port); }));
  visitor_crowd visitors(scenario::crowd_size, 256 << 10, 61, end_of_sending::after_answer);
  CHECK(visitors.visit(port, std::chrono::seconds{60}) == "");
  CHECK(answered(port));
}

TEST_CASE("transports: a hundred visitors with one thread and with four") {
  authority issuer;
  for (const transport_tables& by : all_transports(issuer))
    for (const char* workers : {"workers = 1", "workers = 4"}) carry_visitors(by, workers);
}
TEST_CASE("transports: a hundred visitors between each pair of engines") {
  if (!has_feature("openssl")) return;
  for (const char* pattern : {nk, "Noise_NK_25519_AESGCM_SHA256"}) {
    carry_visitors(noise_by(pattern, "botan", "openssl"), "workers = 4");
    carry_visitors(noise_by(pattern, "openssl", "botan"), "workers = 4");
  }
  authority issuer;
  carry_visitors(tls_by(issuer, "botan", "openssl"), "workers = 4");
  carry_visitors(tls_by(issuer, "openssl", "botan"), "workers = 4");
}

/// Returns every transport with the default engine.
std::vector<transport_tables> all_default_transports(authority& issuer) {
  const std::string server = pem_keys(issuer.issue());
  return {tcp(), noise(nk), websocket(), tls("tls by default", server, trust_in(issuer)),
          websocket_over_tls("websocket over tls by default", server, trust_in(issuer))};
}

TEST_CASE("transports: the end of a stream is passed on at once, whichever side closes first") {
  authority issuer;
  for (const transport_tables& by : all_default_transports(issuer)) {
    CAPTURE(by.name);
    scenario::ends_are_passed_on(ours(by));
  }
}

TEST_CASE("transports: visitors that connect and close over TLS leak no descriptors") {
  constexpr std::size_t visits = sanitized ? 100 : 500;
  constexpr std::chrono::seconds soon{5};
  authority issuer;
  service local(greet("welcome"));
  tunnel t(ours(tls("tls by default", pem_keys(issuer.issue()), trust_in(issuer))));
  const std::uint16_t port = t.add("greeting", local.port());
  t.start_server_first();
  INFO(t.logs());
  REQUIRE(eventually([&] { return round_trip(port, "hello", "welcome"); }));
  const std::size_t server_before = open_descriptors(*t.server);
  const std::size_t client_before = open_descriptors(*t.client);
  for (std::size_t i = 0; i < visits; ++i) {
    tcp_socket visitor = tcp_socket::connect(port);
    CHECK(visitor.receive(7) == "welcome");
  }
  // The number of idle data channels may differ from before.
  constexpr std::size_t pool = 16;
  CHECK(eventually([&] { return open_descriptors(*t.server) <= server_before + pool; }, soon));
  CHECK(eventually([&] { return open_descriptors(*t.client) <= client_before + pool; }, soon));
}

TEST_CASE("transports: Noise and OpenSSL's TLS preserve half-closed connections") {
  authority issuer;
  std::vector<transport_tables> keeping = {noise(nk)};
  if (has_feature("openssl")) keeping.push_back(tls_by(issuer, "openssl", "openssl"));
  for (const transport_tables& by : keeping) {
    scenario::half_close(ours(by));
    scenario::service_ends_first(ours(by));
  }
}

TEST_CASE("transports: mismatched keys and certificates are reported, and the client retries") {
  struct mismatch {
    transport_tables by;
    std::string problem;
  };
  authority issuer;
  authority stranger;
  std::vector<mismatch> all;
  transport_tables other_key = noise("Noise_XX_25519_ChaChaPoly_BLAKE2s");
  other_key.client += "remote_public_key = \"" + std::string(second_public_key) + "\"\n";
  all.push_back({other_key, "the peer's static key is not the configured `remote_public_key`"});
  transport_tables no_key = noise(nk);
  no_key.client.replace(no_key.client.find(first_public_key), first_public_key.size(),
                        second_public_key);
  all.push_back({no_key, "connection closed by the peer"});
  for (const std::string& engine : tls_engines())
    all.push_back({tls("tls by " + engine, pem_keys(issuer.issue()) + engine_key(engine),
                       trust_in(stranger) + engine_key(engine)),
                   "the certificate's issuer is not trusted"});
  service local(echo);
  std::list<tunnel> tunnels;
  std::vector<std::uint16_t> ports;
  for (const mismatch& wrong : all) {
    tunnel& t = tunnels.emplace_back(ours(wrong.by));
    ports.push_back(t.add("echo", local.port()));
    // Each failure is logged, however often it was logged before.
    t.environment = {"RATHOLE_LOG=debug"};
    t.start_server_first();
  }
  for (std::size_t i = 0; tunnel & t : tunnels) {
    INFO(t.logs());
    CHECK(t.client->wait_for(all[i].problem, 2));
    CHECK(refused(ports[i++]));
  }
}

TEST_CASE("transports: a certificate replaced on disk is used from the next connection on") {
  for (const std::string& engine : tls_engines()) {
    CAPTURE(engine);
    authority issuer;
    authority stranger;
    const identity_files shown = stranger.issue();
    const identity_files fitting = issuer.issue();
    const temp_dir folder;
    const identity_files used{folder.write("server.crt", file_text(shown.certificate)),
                              folder.write("server.key", file_text(shown.key))};
    service local(echo);
    tunnel t(ours(tls("tls by " + engine, pem_keys(used) + engine_key(engine), trust_in(issuer))));
    const std::uint16_t port = t.add("echo", local.port());
    t.environment = {"RATHOLE_LOG=debug"};
    t.start();
    INFO(t.logs());
    REQUIRE(t.client->wait_for("the certificate's issuer is not trusted"));

    // An unusable file is reported, and the old identity stays in use.
    const std::size_t before = t.client->output().size();
    folder.write("server.crt", "no certificate");
    CHECK(t.server->wait_for("server.crt"));
    CHECK(t.client->wait_for("the certificate's issuer is not trusted", 1, before));
    folder.write("server.key", file_text(fitting.key));
    folder.write("server.crt", file_text(fitting.certificate));
    CHECK(eventually([&] { return answered(port); }));
  }
}

/// Returns what a client with the transport `by` sends first.
std::string opening_of(const transport_tables& by) {
  std::mutex mutex;
  std::string opening;
  service silent_server([&](tcp_socket& socket) {
    char chunk[16384];
    const std::size_t n = socket.receive_some(chunk, sizeof chunk);
    {
      const std::lock_guard lock(mutex);
      opening.assign(chunk, n);
    }
    socket.receive_all();
  });
  const auto received_so_far = [&] {
    const std::lock_guard lock(mutex);
    return opening;
  };
  const temp_dir folder;
  process client(our_program(),
                 {folder.write("client.toml",
                               client_toml(silent_server.port(), {{"echo", 1}}, {}, by.client))});
  INFO(client.output());
  REQUIRE(eventually([&] { return !received_so_far().empty(); }));
  return received_so_far();
}

/// A connection that sends `speech`, and if `slow`, then a byte now and then.
class faulty_peer {
 public:
  faulty_peer(std::uint16_t port, const std::string& input, bool slow)
      : socket_(tcp_socket::connect(port)), slow_(slow) {
    try {
      socket_.send_all(input);
    } catch (const std::system_error&) {
      // The server may close the connection before it has read everything.
    }
  }
  /// Returns whether the server ends the connection.
  bool is_dropped() {
    return eventually([&] {
      if (ended_) return true;
      char chunk[4096];
      const ssize_t n = ::recv(socket_.fd(), chunk, sizeof chunk, MSG_DONTWAIT);
      ended_ = n == 0 || (n < 0 && errno != EAGAIN);
      if (slow_ && !ended_) ended_ = ::send(socket_.fd(), "x", 1, MSG_NOSIGNAL) < 0;
      return ended_;
    });
  }

 private:
  tcp_socket socket_;
  bool slow_;
  bool ended_ = false;
};

/// At first the server has faulty peers only.
struct attacked_server {
  attacked_server(const transport_tables& by, const std::string& opening) : t(ours(by)) {
    t.server_keys = "handshake_timeout = 1\nworkers = 1";
    port = t.add("echo", local.port());
    t.start_server();
    REQUIRE(eventually([&] { return !refused(t.port()); }));
    const std::string half = opening.substr(0, opening.size() / 2);
    for (const bool slow : {false, true})
      for (const std::string& input :
           {""s, opening.substr(0, 1), half, opening.substr(0, opening.size() - 1), opening})
        peers.emplace_back(t.port(), input, slow);
    for (const std::string& nonsense : {random_bytes(1000, 3), std::string(70'000, '\0')})
      for (const std::string& before : {""s, half, opening})
        peers.emplace_back(t.port(), before + nonsense, false);
  }

  service local{echo};
  tunnel t;
  std::uint16_t port = 0;
  std::vector<faulty_peer> peers;
};

TEST_CASE("transports: servers drop peers that are silent, slow or send garbage at any stage") {
  authority issuer;
  std::list<attacked_server> servers;
  for (const transport_tables& by : all_transports(issuer)) {
    attacked_server& added = servers.emplace_back(by, opening_of(by));
    // The test does not wait for them.
    added.t.start_client();
  }
  for (attacked_server& each : servers) {
    INFO(each.t.logs());
    CHECK(eventually([&] { return answered(each.port); }));
    for (std::size_t i = 0; i < each.peers.size(); ++i) {
      CAPTURE(i);
      CHECK(each.peers[i].is_dropped());
    }
    CHECK(answered(each.port));
  }
}

/// Returns what a server with the transport `by` responds to `opening`, while it waits for more.
std::string answer_of(const transport_tables& by, const std::string& opening) {
  tunnel t(ours(by));
  t.add_server_only("echo");
  t.start_server();
  INFO(t.logs());
  REQUIRE(eventually([&] { return !refused(t.port()); }));
  tcp_socket asking = tcp_socket::connect(t.port());
  asking.send_all(opening);
  char chunk[16384];
  return {chunk, asking.receive_some(chunk, sizeof chunk)};
}

/// A server that answers each client with the next of its responses, and a client with one service
/// for each response.
class bad_server {
 public:
  bad_server(const transport_tables& by, const std::string& answer)
      : half_(answer.substr(0, answer.size() / 2)),
        responses_{"",
                   answer.substr(0, 1),
                   half_,
                   answer,
                   random_bytes(1000, 4),
                   half_ + random_bytes(1000, 5),
                   answer + random_bytes(1000, 6),
                   std::string(70'000, '\0')},
        client(our_program(), {folder_.write("client.toml", configuration(by))}) {}

  /// Each response is sent four times: twice followed by silence, twice by a byte now and then.
  static constexpr std::size_t attempts = 32;
  bool is_given_up() const {
    return eventually([&] { return service_.accepted() > attempts; });
  }

 private:
  std::string configuration(const transport_tables& by) const {
    std::vector<service_entry> services;
    for (std::size_t i = 0; i < attempts / 2; ++i)
      services.push_back({"echo" + std::to_string(i), 1});
    return client_toml(service_.port(), services, "handshake_timeout = 1\nretry_interval = 1",
                       by.client);
  }
  void serve(tcp_socket& socket) {
    const std::size_t turn = turn_++;
    char chunk[16384];
    socket.receive_some(chunk, sizeof chunk);
    socket.send_all(responses_[turn / 2 % responses_.size()]);
    const bool is_slow = turn % 2 == 1;
    pollfd entry{socket.fd(), POLLIN, 0};
    for (;;) {
      if (is_slow && ::poll(&entry, 1, 50) == 0)
        socket.send_all("x");
      else if (socket.receive_some(chunk, sizeof chunk) == 0)
        return;
    }
  }

  std::string half_;
  std::vector<std::string> responses_;
  std::atomic<std::size_t> turn_ = 0;
  temp_dir folder_;
  service service_{[this](tcp_socket& socket) { serve(socket); }};

 public:
  process client;
};

TEST_CASE("transports: clients drop servers that are silent, slow or send garbage") {
  authority issuer;
  const std::vector<transport_tables> all = all_transports(issuer);
  std::list<bad_server> servers;
  for (const transport_tables& by : all) servers.emplace_back(by, answer_of(by, opening_of(by)));
  for (bad_server& each : servers) {
    CAPTURE(each.client.output());
    CHECK(each.is_given_up());
    each.client.signal(SIGTERM);
    CHECK(each.client.wait_exit() == 0);
  }
}

}  // namespace
}  // namespace rathole::test
