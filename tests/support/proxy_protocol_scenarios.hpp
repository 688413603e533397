#pragma once

#include "eventually.hpp"
#include "http_servers.hpp"
#include "tunnel.hpp"
#include "udp.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

/// What local services learn of visitors by the PROXY protocol, for any combination of programs at the ends
/// of a tunnel.
namespace rathole::test::scenario {

/// Asks the HTTP server at `port`; returns the body of its answer after the port of this end, which is empty
/// if there is none.
inline std::string ask(std::uint16_t port, std::uint16_t& own_port) {
  auto visitor = tcp_socket::try_connect(port, test_timeout);
  if (!visitor) return {};
  own_port = visitor->port();
  if (!visitor->try_send_all("GET / HTTP/1.0\r\n\r\n")) return {};
  try {
    const std::string answer = visitor->receive_all();
    const auto body = answer.find("\r\n\r\n");
    return body == answer.npos ? std::string() : answer.substr(body + 4);
  } catch (const std::system_error&) {
    return {};
  }
}

/// nginx at the client's end says who has visited it, by way of a proxy at the entry if there is one.
template <class Enter>
void nginx_knows_the_visitor(tunnel& t, std::uint16_t entry, std::uint16_t reached, Enter enter) {
  t.start_server_first();
  INFO(t.logs());
  const std::uint16_t port = enter(entry);
  std::uint16_t own = 0;
  REQUIRE(eventually([&] { return !ask(port, own).empty(); }));
  for (int i = 0; i < 20; ++i) {
    const std::string said = ask(port, own);
    CHECK(said ==
          "127.0.0.1 " + std::to_string(own) + ' ' + std::to_string(reached == 0 ? port : reached));
  }
}

/// The header of the PROXY protocol that our server sends reaches the service.
inline void nginx_sees_visitors(const pairing& programs) {
  for (const char* key :
       {"proxy_protocol = \"v1\"", "proxy_protocol = \"v2\"", "enable_proxy_protocol = true"}) {
    CAPTURE(key);
    const nginx_behind_proxy web;
    tunnel t(programs);
    t.server_service_keys = key;
    const std::uint16_t entry = t.add("web", web.port());
    nginx_knows_the_visitor(t, entry, 0, [](std::uint16_t port) { return port; });
  }
}

/// The first datagram of each visitor has a header, or every one.
inline void datagrams_have_headers(const pairing& programs) {
  for (const bool is_every : {false, true}) {
    CAPTURE(is_every);
    udp_socket local;
    local.bind();
    tunnel t(programs);
    t.server_service_keys = "proxy_protocol = \"v2\"\n";
    if (is_every) t.server_service_keys += "proxy_protocol_datagrams = \"every\"\n";
    const std::uint16_t port = t.add_udp("dns", local.port());
    t.start_server_first();
    INFO(t.logs());
    udp_socket visitor;
    visitor.connect(port);
    const auto sent = [&](const std::string& text) {
      std::optional<std::string> got;
      eventually([&] {
        visitor.send(text);
        got = local.receive(std::chrono::milliseconds(200));
        return got.has_value();
      });
      return got.value_or("");
    };
    const std::string first = sent("a question");
    REQUIRE(first.size() == 28 + 10);
    CHECK(first.substr(0, 16) == std::string("\r\n\r\n\0\r\nQUIT\n\x21\x12\0\x0c", 16));
    CHECK(first.substr(16, 8) == std::string("\x7f\0\0\1\x7f\0\0\1", 8));
    const auto port_at = [&](std::size_t at) {
      return static_cast<std::uint16_t>(static_cast<unsigned char>(first[at]) << 8 |
                                        static_cast<unsigned char>(first[at + 1]));
    };
    CHECK(port_at(24) == visitor.port());
    CHECK(port_at(26) == port);
    const std::string header = first.substr(0, 28);
    while (local.receive(std::chrono::milliseconds(0))) continue;
    CHECK(sent("another") == (is_every ? header + "another" : "another"));
  }
}

}  // namespace rathole::test::scenario
