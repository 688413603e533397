#include "../support/http_servers.hpp"
#include "../support/our_program.hpp"
#include "../support/transport_tables.hpp"
#include "../support/tunnel_scenarios.hpp"

#include <rathole/websocket/accept_key.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::test {
namespace {

pairing ours(const transport_tables& by) {
  return {by.name, our_program(), our_program(), by.server, by.client};
}

/// A tunnel to an echo service whose client connects to an intermediary at `remote_port`.
struct redirected_tunnel {
  explicit redirected_tunnel(const transport_tables& by, service::handler handle = echo)
      : local(std::move(handle)), both(ours(by)), port(both.add("echo", local.port())) {}
  void start(std::uint16_t remote_port) {
    both.remote_port = remote_port;
    // Each failure is logged, however often it was logged before.
    both.environment = {"RATHOLE_LOG=debug"};
    both.start_server_first();
  }
  /// Runs many visitors and compares their bytes.
  void carry_visitors() {
    REQUIRE(eventually([this] { return answered(port); }));
    visitor_crowd visitors(scenario::crowd_size, 1 << 18, 77, end_of_sending::after_answer);
    CHECK(visitors.visit(port, std::chrono::seconds{60}) == "");
    CHECK(answered(port));
  }

  service local;
  tunnel both;
  std::uint16_t port;
};

/// Returns the tables for a client whose server is behind the tests' nginx.
transport_tables behind_nginx(const std::string& path, const std::string& host,
                              const std::string& key,
                              const std::optional<std::string>& tls_keys = {}) {
  transport_tables by = websocket();
  by.client = table_text("client", "websocket",
                         std::string("tls = ") + (tls_keys ? "true" : "false") + "\npath = \"" +
                             path + "\"\nhost = \"" + host +
                             "\"\n[client.transport.websocket.headers]\nX-Key = \"" + key + "\"\n");
  if (tls_keys) by.client += "[client.transport.tls]\n" + *tls_keys;
  by.server = table_text("server", "websocket", "tls = false\npath = \"/tunnel\"\n");
  return by;
}

TEST_CASE("websocket: through nginx") {
  redirected_tunnel t(behind_nginx("/tunnel", "tunnel.test", "let me in"));
  nginx front(t.both.port());
  t.start(front.port());
  INFO(t.both.logs(), front.output());
  t.carry_visitors();
}
TEST_CASE("websocket: through nginx over TLS, with each engine") {
  authority issuer;
  for (const std::string& engine : tls_engines()) {
    redirected_tunnel t(
        behind_nginx("/tunnel", "tunnel.test", "let me in", trust_in(issuer) + engine_key(engine)));
    nginx front(t.both.port(), issuer.issue());
    t.start(front.port());
    INFO(t.both.logs(), front.output());
    t.carry_visitors();
  }
}
TEST_CASE("websocket: a response of nginx that is not an upgrade is reported") {
  struct wrong {
    transport_tables by;
    const char* words;
  };
  for (const auto& [by, words] :
       {wrong{behind_nginx("/else", "tunnel.test", "let me in"), "HTTP 404"},
        wrong{behind_nginx("/tunnel", "tunnel.test", "let me out"), "HTTP 403"},
        wrong{behind_nginx("/tunnel", "else.test", "let me in"), "HTTP 421"}}) {
    redirected_tunnel t(by);
    nginx front(t.both.port());
    t.start(front.port());
    INFO(t.both.logs(), front.output());
    CHECK(t.both.client->wait_for(words, 2));
    CHECK(!answered(t.port));
  }
}

TEST_CASE("websocket: through HAProxy") {
  redirected_tunnel t(websocket());
  haproxy front(haproxy::mode::http, t.both.port());
  t.start(front.port());
  INFO(t.both.logs(), front.output());
  t.carry_visitors();
}
TEST_CASE("websocket: through HAProxy over TLS, with each engine") {
  authority issuer;
  for (const std::string& engine : tls_engines()) {
    transport_tables by = websocket_over_tls(engine, {}, trust_in(issuer) + engine_key(engine));
    by.server = websocket().server;
    redirected_tunnel t(by);
    haproxy front(haproxy::mode::http, t.both.port(), issuer.issue());
    t.start(front.port());
    INFO(t.both.logs(), front.output());
    t.carry_visitors();
  }
}

/// A bridge that uses another WebSocket implementation.
struct bridge : server_program {
  bridge(const char* kind, std::uint16_t target) {
    // Only the system's Python has the system's packages.
    const auto script =
        std::filesystem::path(RATHOLE_SOURCES) / "tests/integration/websocket_bridge.py";
    start("/usr/bin/python3",
          {script.string(), kind, std::to_string(port()), std::to_string(target)});
  }
};

TEST_CASE("websocket: our client works with another implementation's server") {
  transport_tables by = websocket();
  by.server.clear();
  redirected_tunnel t(by);
  bridge between("accept", t.both.port());
  t.start(between.port());
  INFO(t.both.logs(), between.output());
  t.carry_visitors();
}
TEST_CASE("websocket: our server works with another implementation's client") {
  transport_tables by = websocket();
  by.client.clear();
  redirected_tunnel t(by);
  bridge between("connect", t.both.port());
  t.start(between.port());
  INFO(t.both.logs(), between.output());
  t.carry_visitors();
}

/// Returns whether `socket` ends by a reset, not in order.
bool is_reset(tcp_socket& socket) {
  try {
    const std::string rest = socket.receive_all();
    CHECK(rest == "");
    return false;
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::connection_reset) return true;
    throw;
  }
}

/// The status code of a Close, and whether it breaks the forwarded connection.
struct close_outcome {
  int code;
  bool broken;
};
const std::vector<close_outcome> close_outcomes{
    {1000, false}, {1001, false}, {1002, true}, {1011, true}, {4000, true}};

TEST_CASE("websocket: a reset of the client is not passed on as an orderly end of the response") {
  transport_tables by = websocket();
  by.client.clear();
  redirected_tunnel t(by);
  bridge between("connect", t.both.port());
  t.start(between.port());
  INFO(t.both.logs(), between.output());
  REQUIRE(eventually([&] { return answered(t.port); }));
  for (const auto& [code, broken] : close_outcomes) {
    CAPTURE(code);
    tcp_socket visitor = tcp_socket::connect(t.port);
    visitor.send_all("part");
    CHECK(visitor.receive(4) == "part");
    // The service echoes it, and the bridge, which acts as the client, obeys.
    visitor.send_all("close with " + std::to_string(code));
    CHECK(is_reset(visitor) == broken);
  }
}

TEST_CASE("websocket: a reset of the server is not passed on as an orderly end of the request") {
  transport_tables by = websocket();
  by.server.clear();
  std::mutex mutex;
  std::vector<bool> ends;
  redirected_tunnel t(by, [&](tcp_socket& socket) {
    const std::string received = socket.receive(4);
    socket.send_all(received);
    if (received != "part") return echo(socket);
    const bool reset = is_reset(socket);
    const std::lock_guard lock(mutex);
    ends.push_back(reset);
  });
  bridge between("accept", t.both.port());
  t.start(between.port());
  INFO(t.both.logs(), between.output());
  REQUIRE(eventually([&] { return answered(t.port); }));
  std::vector<bool> expected;
  for (const auto& [code, broken] : close_outcomes) {
    CAPTURE(code);
    expected.push_back(broken);
    tcp_socket visitor = tcp_socket::connect(t.port);
    visitor.send_all("part");
    CHECK(visitor.receive(4) == "part");
    visitor.send_all("close with " + std::to_string(code));
    CHECK(eventually([&] {
      const std::lock_guard lock(mutex);
      return ends == expected;
    }));
  }
}

/// The request and the response of RFC 6455 section 1.3.
const std::string request =
    "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const std::string acceptance =
    "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
    "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

struct bad_frame {
  const char* name;
  std::string bytes;
  int close_code;
};
const std::string mask(4, '\0');

TEST_CASE("websocket: our server closes connections with invalid frames") {
  redirected_tunnel t(websocket());
  t.both.start_server_first();
  INFO(t.both.logs());
  REQUIRE(eventually([&] { return answered(t.port); }));
  for (const auto& [name, bytes, close_code] : {
           bad_frame{"not masked", "\x82\x01x", 1002},
           bad_frame{"a reserved bit", "\xc2\x81" + mask + "x", 1002},
           bad_frame{"an unknown opcode", "\x83\x81" + mask + "x", 1002},
           bad_frame{"a long ping", "\x89\xfe\x01" + std::string(1, '\0') + mask, 1002},
           bad_frame{"a ping in fragments", "\x09\x81" + mask + "x", 1002},
           bad_frame{"a continuation of nothing", "\x80\x81" + mask + "x", 1002},
           bad_frame{"a message in a message", "\x02\x81" + mask + "x\x82\x81" + mask + "x", 1002},
           bad_frame{"a length of 2^63", "\x82\xff\x80" + std::string(7, '\0') + mask, 1002},
           bad_frame{"a length of 2^40",
                     "\x82\xff" + std::string(2, '\0') + "\1" + std::string(5, '\0') + mask, 1009},
           bad_frame{"text", "\x81\x81" + mask + "x", 1003},
       }) {
    CAPTURE(name);
    tcp_socket peer = tcp_socket::connect(t.both.port());
    peer.send_all(request);
    CHECK(peer.receive(acceptance.size()) == acceptance);
    peer.send_all(bytes);
    const std::string close_frame = peer.receive(4);
    CHECK(close_frame == std::string("\x88\x02") + static_cast<char>(close_code / 256) +
                             static_cast<char>(close_code % 256));
    CHECK(peer.ends());
  }
  CHECK(answered(t.port));
}

TEST_CASE("websocket: our server gives a reason when it refuses a request") {
  redirected_tunnel t(websocket());
  t.both.start_server();
  INFO(t.both.logs());
  for (const auto& [sent, answer] :
       {std::pair{std::string("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), "HTTP/1.1 4"},
        std::pair{std::string("\x16\3\1\2\0\1\0\r\n\r\n", 11), "HTTP/1.1 400"}}) {
    REQUIRE(eventually([&] { return !refused(t.both.port()); }));
    tcp_socket peer = tcp_socket::connect(t.both.port());
    peer.send_all(sent);
    CHECK(peer.receive_all().starts_with(answer));
  }
}

/// A scripted WebSocket server: it sends `bytes` once it has the client's first message, and keeps
/// everything that the client sends afterwards.
class scripted_server {
 public:
  explicit scripted_server(std::string bytes)
      : bytes_(std::move(bytes)), service_([this](tcp_socket& socket) { serve(socket); }) {}

  std::uint16_t port() const { return service_.port(); }
  /// Returns the status of the Close with which a client ended; 0 if there is none.
  int close_code() const {
    const std::lock_guard lock(mutex_);
    if (close_frame_.size() != 8 || !close_frame_.starts_with("\x88\x82")) return 0;
    const auto at = [this](std::size_t i) { return static_cast<unsigned char>(close_frame_[i]); };
    return (at(6) ^ at(2)) * 256 + (at(7) ^ at(3));
  }

 private:
  void serve(tcp_socket& socket) {
    std::string head;
    while (!head.ends_with("\r\n\r\n")) {
      const std::string byte = socket.receive(1);
      if (byte.empty()) return;
      head += byte;
    }
    const std::string_view field = "Sec-WebSocket-Key: ";
    const std::string key = head.substr(head.find(field) + field.size(), 24);
    socket.send_all(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket"
        "\r\nsec-websocket-accept: " +
        websocket::accept_key(key) + "\r\n\r\n");
    // A header of 2 bytes, a mask of 4, and the Hello of 37.
    socket.receive(43);
    socket.send_all(bytes_);
    const std::string close_frame = socket.receive_all();
    const std::lock_guard lock(mutex_);
    close_frame_ = close_frame;
  }

  std::string bytes_;
  mutable std::mutex mutex_;
  std::string close_frame_;
  service service_;
};

TEST_CASE("websocket: our client closes connections with invalid frames") {
  for (const auto& [name, bytes, close_code] : {
           bad_frame{"masked", "\x82\x81" + mask + "x", 1002},
           bad_frame{"a reserved bit", "\xa2\x01x", 1002},
           bad_frame{"an unknown opcode", "\x8b\x01x", 1002},
           bad_frame{"a long pong", "\x8a\x7e\x01" + std::string(1, '\0'), 1002},
           bad_frame{"a continuation of nothing", "\x80\x01x", 1002},
           bad_frame{"a message in a message", "\x02\x01x\x82\x01x", 1002},
           bad_frame{"a length of 2^40",
                     "\x82\x7f" + std::string(2, '\0') + "\1" + std::string(5, '\0'), 1009},
           bad_frame{"text", "\x81\x01x", 1003},
       }) {
    CAPTURE(name);
    scripted_server server(bytes);
    tunnel t(ours(websocket()));
    const reserved_port unused_port;
    t.add("echo", unused_port);
    t.remote_port = server.port();
    t.start_client();
    INFO(t.logs());
    CHECK(eventually([&] { return server.close_code() == close_code; }));
    CHECK(t.client->wait_for(close_code == 1009   ? "message too long"
                             : close_code == 1003 ? "unexpected message"
                                                  : "malformed message"));
  }
}

TEST_CASE("websocket: our client reports a faulty server and retries") {
  for (const auto& [answer, words] :
       {std::pair{std::string("HTTP/1.1 200 OK\r\n\r\n"), "HTTP 200 OK"},
        std::pair{acceptance, "the answer to the WebSocket upgrade is invalid"},
        std::pair{std::string("SSH-2.0-OpenSSH_9.2\r\n\r\n"), "malformed HTTP"}}) {
    redirected_tunnel t(websocket());
    service server([response = answer](tcp_socket& socket) {
      socket.receive(1);
      socket.send_all(response);
      socket.receive_all();
    });
    t.start(server.port());
    INFO(t.both.logs());
    CHECK(t.both.client->wait_for(words, 2));
  }
}

}  // namespace
}  // namespace rathole::test
