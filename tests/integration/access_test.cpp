// Who may come: a real server with lists of networks and limits, visitors and clients from several loopback
// addresses, and a proxy that names them.

#include "../support/eventually.hpp"
#include "../support/our_program.hpp"
#include "../support/services.hpp"
#include "../support/transport_tables.hpp"
#include "../support/tunnel.hpp"
#include "../support/udp.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

namespace rathole::test {
namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

pairing ours() { return {"tcp", our_program(), our_program(), tcp().server, tcp().client}; }

/// A tunnel for an echo service whose server has an admin API.
struct guarded_tunnel : tunnel {
  explicit guarded_tunnel(const std::string& keys) : tunnel(ours()) {
    server_service_keys = keys;
    server_tables = "[server.admin]\nbind_addr = \"127.0.0.1:" + std::to_string(admin) + "\"\n";
    port = add("echo", local.port());
  }
  /// Starts both programs, and waits until the service is served, without a visit.
  void start_all() {
    start_server_first();
    REQUIRE(eventually(
        [this] { return metrics().contains("rathole_service_up{service=\"echo\"} 1"); }));
  }

  /// Returns a connection to `to` from 127.0.0.`last`, which has sent `greeting`.
  static std::optional<tcp_socket> enter(std::uint8_t last, std::uint16_t to,
                                         const std::string& greeting = {}) {
    try {
      tcp_socket visitor = tcp_socket::connect_from(last, to);
      if (!greeting.empty()) visitor.send_all(greeting);
      return visitor;
    } catch (const std::system_error&) {
      return std::nullopt;
    }
  }
  /// Returns whether it gets an echo.
  static bool is_served(std::optional<tcp_socket>& visitor, const std::string& text = "hello") {
    if (!visitor) return false;
    try {
      visitor->send_all(text);
      return visitor->receive(text.size()) == text;
    } catch (const std::system_error&) {
      return false;
    }
  }
  /// Returns whether a visitor from 127.0.0.`last` gets an echo.
  [[nodiscard]] bool serves(std::uint8_t last, const std::string& greeting = {}) const {
    auto visitor = enter(last, port, greeting);
    return is_served(visitor);
  }

  [[nodiscard]] std::string metrics() const {
    auto to = tcp_socket::try_connect(admin, test_timeout);
    if (!to) return {};
    to->send_all("GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    return to->receive_all();
  }
  /// Returns the refused visitors with that reason.
  [[nodiscard]] std::string refused_by(const std::string& reason) const {
    return value("rathole_visitors_refused_total{service=\"echo\",reason=\"" + reason + "\"} ");
  }
  [[nodiscard]] std::string value(const std::string& sample) const {
    const std::string all = metrics();
    const auto at = all.find(sample);
    if (at == all.npos) return "none";
    return all.substr(at + sample.size(), all.find('\n', at) - at - sample.size());
  }

  /// Changes the keys of the service, and waits until the running server has them.
  void change(const std::string& keys) {
    server_service_keys = keys;
    const std::size_t from = server->output().size();
    rewrite_server();
    REQUIRE(server->wait_for("echo changed (", 1, from));
  }

  service local{echo};
  reserved_port admin;
  std::uint16_t port = 0;
};

std::size_t count(std::string_view all, std::string_view text) {
  std::size_t out = 0;
  for (auto at = all.find(text); at != all.npos; at = all.find(text, at + 1)) ++out;
  return out;
}

TEST_CASE("access: visitors are accepted by their networks, and a reload closes no connection") {
  guarded_tunnel t("deny = [\"127.0.0.2\"]\n");
  t.start_all();
  INFO(t.logs());
  CHECK(t.serves(1));
  CHECK_FALSE(t.serves(2));
  auto early = t.enter(3, t.port);
  CHECK(t.is_served(early));
  t.change("allow = [\"127.0.0.1\", \"127.0.0.2/31\"]\ndeny = [\"127.0.0.3\"]\n");
  CHECK(t.server->output().contains("echo changed (allow, deny)"));
  CHECK(eventually([&] { return t.serves(2); }));
  CHECK_FALSE(t.serves(3));
  CHECK_FALSE(t.serves(4));
  CHECK(t.serves(1));
  CHECK(t.is_served(early, "still here"));
  CHECK(t.refused_by("denied") != "0");
  CHECK(count(t.server->output(), "the address is not allowed") == 1);
  CHECK(count(t.server->output(), "Control channel established") == 1);
}

TEST_CASE("access: connections are limited for each address and for the service") {
  guarded_tunnel t("max_connections = 3\nmax_connections_per_address = 2\n");
  t.start_all();
  INFO(t.logs());
  auto first = t.enter(2, t.port);
  auto second = t.enter(2, t.port);
  CHECK(t.is_served(first));
  CHECK(t.is_served(second));
  CHECK_FALSE(t.serves(2));
  auto third = t.enter(3, t.port);
  CHECK(t.is_served(third));
  CHECK_FALSE(t.serves(4));
  CHECK(t.refused_by("address_limit") == "1");
  CHECK(t.refused_by("connections") == "1");
  first.reset();
  CHECK(eventually([&] { return t.serves(4); }));
  CHECK(t.is_served(third));
}

TEST_CASE("access: behind a trusted proxy the address in the header counts") {
  guarded_tunnel t(
      "accept_proxy_protocol = true\ntrusted_proxies = [\"127.0.0.9\"]\n"
      "deny = [\"203.0.113.0/24\"]\nmax_connections_per_address = 1\n");
  t.start_all();
  INFO(t.logs());
  const auto from = [](const std::string& address, const char* family = "TCP4") {
    const std::string own = family == std::string_view("TCP4") ? "192.0.2.1" : "2001:db8::ff";
    return "PROXY " + std::string(family) + ' ' + address + ' ' + own + " 51000 443\r\n";
  };
  CHECK(t.serves(9, from("198.51.100.1")));
  CHECK_FALSE(t.serves(9, from("203.0.113.5")));
  CHECK(t.refused_by("denied") == "1");
  auto held = t.enter(9, t.port, from("2001:db8::1", "TCP6"));
  CHECK(t.is_served(held));
  // The same /64, and another one.
  CHECK_FALSE(t.serves(9, from("2001:db8::2", "TCP6")));
  CHECK(t.serves(9, from("2001:db8:0:1::1", "TCP6")));
  CHECK(t.refused_by("address_limit") == "1");
}

TEST_CASE("access: a flood from one address is refused, and others are served") {
  guarded_tunnel t("new_connections_per_second = 10\n");
  t.start_all();
  INFO(t.logs());
  // Visitors that the rate admits.
  const auto visit = [&](std::vector<double>& times) {
    for (std::uint8_t i = 0; i < 40; ++i) {
      const auto begin = clock::now();
      CHECK(t.serves(static_cast<std::uint8_t>(10 + i)));
      times.push_back(std::chrono::duration<double, std::milli>(clock::now() - begin).count());
    }
    std::ranges::sort(times);
  };
  std::vector<double> quiet;
  visit(quiet);
  std::atomic<bool> stopping = false;
  long sent = 0;
  std::thread flood([&] {
    // 5,000 in a second, in portions of 50.
    for (auto next = clock::now(); !stopping; next += milliseconds{10}) {
      std::this_thread::sleep_until(next);
      for (int i = 0; i < 50 && !stopping; ++i) {
        if (t.enter(2, t.port)) ++sent;
      }
    }
  });
  const auto begin = clock::now();
  CHECK(eventually([&] { return t.refused_by("rate").size() >= 4; }));
  std::vector<double> busy;
  visit(busy);
  visit(busy);
  const double lasted = std::chrono::duration<double>(clock::now() - begin).count();
  stopping = true;
  flood.join();
  CHECK(t.serves(3));
  CHECK(count(t.server->output(), "too many new connections") <= 1 + lasted / 60);
  MESSAGE("median without a flood " << quiet[quiet.size() / 2] << " ms, with "
                                    << static_cast<double>(sent) / lasted << " visitors a second "
                                    << busy[busy.size() / 2] << " ms, slowest " << busy.back()
                                    << " ms; refused " << t.refused_by("rate"));
}

TEST_CASE("access: datagrams of refused visitors are dropped") {
  udp_service echo_service;
  tunnel t(ours());
  t.server_service_keys = "deny = [\"127.0.0.2\"]\nmax_connections_per_address = 1\n";
  const std::uint16_t port = t.add_udp("echo", echo_service.port());
  t.start_server_first();
  INFO(t.logs());
  const auto enter = [port](std::uint8_t last) {
    udp_socket visitor;
    visitor.bind_at(last);
    visitor.connect(port);
    return visitor;
  };
  const auto is_served = [](udp_socket& visitor) {
    visitor.send("hello");
    return visitor.receive(milliseconds{100}) == "hello";
  };
  udp_socket first = enter(1);
  REQUIRE(eventually([&] { return is_served(first); }));
  const std::size_t before = echo_service.received();
  udp_socket denied = enter(2);
  udp_socket second = enter(1);
  for (int i = 0; i < 3; ++i) {
    CHECK_FALSE(is_served(denied));
    CHECK_FALSE(is_served(second));
  }
  CHECK(echo_service.received() == before);
  udp_socket other = enter(3);
  CHECK(eventually([&] { return is_served(other); }));
  CHECK(t.server->wait_for("from addresses that `allow` or `deny` refuses"));
}

TEST_CASE("access: clients are accepted by their networks, before any handshake") {
  guarded_tunnel t("");
  t.server_keys = "deny = [\"127.0.0.2\"]\n";
  t.start_all();
  INFO(t.logs());
  const auto ends = [&](std::uint8_t last) {
    auto peer = t.enter(last, t.tunnel::port());
    return !peer || peer->ends();
  };
  CHECK(ends(2));
  // The program's client comes from 127.0.0.1, and stays when its address is denied.
  t.server_keys = "allow = [\"127.0.0.2\"]\n";
  t.rewrite_server();
  REQUIRE(t.server->wait_for("General configuration change detected."));
  REQUIRE(eventually([&] { return ends(1); }));
  CHECK(t.serves(1));
  t.start_client();
  CHECK(eventually([&] { return !t.serves(1); }));
  t.server_keys = "";
  t.rewrite_server();
  CHECK(eventually([&] { return t.serves(1); }));
}

}  // namespace
}  // namespace rathole::test
