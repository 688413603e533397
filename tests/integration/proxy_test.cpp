#include "../support/our_program.hpp"
#include "../support/proxy_programs.hpp"
#include "../support/services.hpp"
#include "../support/transport_tables.hpp"
#include "../support/tunnel_scenarios.hpp"

#include <doctest/doctest.h>

#include <string>
#include <thread>

namespace rathole::test {
namespace {

/// Returns the table that makes a client use the proxy at `port`; `user` is empty or ends with `@`.
std::string through(const std::string& scheme, std::uint16_t port, const std::string& user = {}) {
  return "[client.transport.tcp]\nproxy = \"" + scheme + "://" + user +
         "127.0.0.1:" + std::to_string(port) + "\"\n";
}

pairing ours(const transport_tables& by, const std::string& proxy_table) {
  const std::string type = by.client.empty() ? "[client.transport]\ntype = \"tcp\"\n" : "";
  return {by.name, our_program(), our_program(), by.server, by.client + type + proxy_table};
}

/// A tunnel to the server `localhost` whose client logs every attempt.
struct proxied_tunnel {
  explicit proxied_tunnel(const std::string& proxy_table, const transport_tables& by = tcp())
      : both(ours(by, proxy_table)), port(both.add("echo", local.port())) {
    both.remote_host = "localhost";
    // Each failure is logged, however often it was logged before.
    both.environment = {"RATHOLE_LOG=debug"};
    both.start_server_first();
  }

  service local{echo};
  tunnel both;
  std::uint16_t port;
};

TEST_CASE("proxy: a proxy of the wrong protocol is named in the log") {
  microsocks socks;
  tinyproxy http;
  {
    proxied_tunnel t(through("http", socks.port()));
    INFO(t.both.logs());
    CHECK(t.both.client->wait_for("see `client.transport.tcp.proxy`"));
  }
  {
    proxied_tunnel t(through("socks5", http.port()));
    INFO(t.both.logs());
    CHECK(t.both.client->wait_for("it does not speak `socks5`"));
  }
}

TEST_CASE("proxy: many visitors through microsocks") {
  microsocks proxy;
  scenario::crowd(ours(tcp(), through("socks5", proxy.port())));
  CHECK(proxy.output().find("connected to 127.0.0.1:") != std::string::npos);
}
TEST_CASE("proxy: many visitors through tinyproxy") {
  tinyproxy proxy;
  scenario::crowd(ours(tcp(), through("http", proxy.port())));
  CHECK(proxy.output().find("CONNECT 127.0.0.1:") != std::string::npos);
}

TEST_CASE("proxy: other transports work through each proxy") {
  microsocks socks;
  tinyproxy http;
  authority issuer;
  const transport_tables over_tls =
      tls("tls", pkcs12_keys(issuer.pack(issuer.issue())), trust_in(issuer));
  for (const std::string& table : {through("socks5", socks.port()), through("http", http.port())})
    for (const transport_tables& by :
         {noise("Noise_NK_25519_ChaChaPoly_BLAKE2s"), over_tls, websocket()})
      scenario::echo_once(ours(by, table));
}

TEST_CASE("proxy: microsocks with a password") {
  microsocks proxy(user_and_password{"some one", "p@ss:w/rd"});
  SUBCASE("correct") {
    proxied_tunnel t(through("socks5", proxy.port(), "some%20one:p%40ss%3Aw%2Frd@"));
    INFO(t.both.logs());
    CHECK(eventually([&] { return answered(t.port); }));
  }
  SUBCASE("wrong") {
    proxied_tunnel t(through("socks5", proxy.port(), "some%20one:guessed@"));
    INFO(t.both.logs());
    CHECK(t.both.client->wait_for("the proxy wants credentials, or other ones", 2));
    CHECK(t.both.client->output().find("guessed") == std::string::npos);
  }
  SUBCASE("missing") {
    proxied_tunnel t(through("socks5", proxy.port()));
    INFO(t.both.logs());
    CHECK(t.both.client->wait_for("the proxy wants credentials, or other ones", 2));
  }
}

TEST_CASE("proxy: tinyproxy with a password") {
  tinyproxy proxy(user_and_password{"someone", "secret"});
  SUBCASE("correct") {
    proxied_tunnel t(through("http", proxy.port(), "someone:secret@"));
    INFO(t.both.logs());
    CHECK(eventually([&] { return answered(t.port); }));
  }
  SUBCASE("wrong") {
    proxied_tunnel t(through("http", proxy.port(), "someone:guessed@"));
    INFO(t.both.logs());
    CHECK(t.both.client->wait_for("the proxy answered HTTP 401", 2));
    CHECK(t.both.client->output().find("guessed") == std::string::npos);
  }
  SUBCASE("missing") {
    proxied_tunnel t(through("http", proxy.port()));
    INFO(t.both.logs());
    CHECK(t.both.client->wait_for("the proxy answered HTTP 407", 2));
  }
}

TEST_CASE("proxy: a proxy that is down is reported and retried") {
  const reserved_port unused_port;
  for (const char* scheme : {"socks5", "http"}) {
    proxied_tunnel t(through(scheme, unused_port));
    INFO(t.both.logs());
    CHECK(t.both.client->wait_for("Connection refused", 2));
  }
}

TEST_CASE("proxy: a server that is down behind a proxy is reported and retried") {
  microsocks socks;
  tinyproxy http;
  const reserved_port unused_port;
  for (const auto& [table, words] :
       {std::pair{through("socks5", socks.port()), "SOCKS5 reply 5"},
        std::pair{through("http", http.port()), "answered HTTP 500"}}) {
    tunnel t(ours(tcp(), table));
    t.add("echo", unused_port);
    t.remote_port = unused_port;
    // Each failure is logged, however often it was logged before.
    t.environment = {"RATHOLE_LOG=debug"};
    t.start_client();
    INFO(t.logs());
    CHECK(t.client->wait_for(words, 2));
  }
}

/// Passes on what both sides send until both have ended.
void pass_on(tcp_socket& one, tcp_socket& other) {
  const auto pump = [&](tcp_socket& from, tcp_socket& to) {
    char chunk[16384];
    try {
      while (const std::size_t n = from.receive_some(chunk, sizeof chunk)) to.send_all({chunk, n});
      to.shutdown_write();
    } catch (const std::system_error&) {
      from.shutdown();
      to.shutdown();
    }
  };
  std::thread back([&] { pump(other, one); });
  pump(one, other);
  back.join();
}

TEST_CASE("proxy: the proxy resolves the server's name") {
  // A SOCKS5 proxy that alone can resolve a certain name.
  const std::string name = "nobody-knows.invalid";
  std::uint16_t server_port = 0;
  service proxy([&](tcp_socket& client) {
    client.receive(static_cast<unsigned char>(client.receive(2).at(1)));
    client.send_all(std::string("\5\0", 2));
    const std::string head = client.receive(5);
    const std::string asked = client.receive(static_cast<unsigned char>(head.at(4)));
    client.receive(2);
    if (head.substr(0, 4) != std::string("\5\1\0\3", 4) || asked != name) return;
    tcp_socket server = tcp_socket::connect(server_port, std::chrono::milliseconds{0});
    client.send_all(std::string("\5\0\0\1\0\0\0\0\0\0", 10));
    pass_on(client, server);
  });
  service local(echo);
  tunnel t(ours(tcp(), through("socks5", proxy.port())));
  server_port = t.port();
  t.remote_host = name;
  const std::uint16_t port = t.add("echo", local.port());
  t.start_server_first();
  INFO(t.logs());
  CHECK(eventually([&] { return round_trip(port); }));
}

}  // namespace
}  // namespace rathole::test
