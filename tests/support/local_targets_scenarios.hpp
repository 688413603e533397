#pragma once

#include "eventually.hpp"
#include "http_servers.hpp"
#include "net.hpp"
#include "server_program.hpp"
#include "tunnel.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <system_error>

namespace rathole::test {

/// An nginx that answers with its name, and at /health with 200 as long as its file `well` exists, otherwise
/// with 503.
struct named_nginx : server_program {
  explicit named_nginx(const std::string& name) {
    set_well(true);
    std::string text = nginx_head();
    text += "server {\nlisten 127.0.0.1:" + std::to_string(port()) +
            ";\nlocation = /health {\nif (!-f " + (folder().path() / "well").string() +
            ") { return 503; }\nreturn 200;\n}\nlocation / { return 200 \"" + name +
            "\"; }\n}\n}\n";
    start("nginx", {"-p", folder().path().string(), "-c", folder().write("nginx.conf", text)});
  }
  void set_well(bool on) {
    if (on) {
      folder().write("well", "");
    } else {
      std::filesystem::remove(folder().path() / "well");
    }
  }
};

/// Returns the body that a server of HTTP behind `port` answers with; empty if there is no answer.
inline std::string http_body(std::uint16_t port) {
  try {
    auto visitor = tcp_socket::try_connect(port, std::chrono::seconds{2});
    if (!visitor) return {};
    visitor->send_all("GET / HTTP/1.0\r\n\r\n");
    const std::string answer = visitor->receive_all();
    const auto end = answer.find("\r\n\r\n");
    return end == answer.npos ? std::string() : answer.substr(end + 4);
  } catch (const std::system_error&) {
    return {};
  }
}

namespace scenario {

/// Visitors of a service with two local addresses: both serve, one becomes unhealthy, is well again, and the
/// other one ends.
inline void visitors_reach_what_works(const pairing& programs) {
  named_nginx a("a");
  std::optional<named_nginx> b("b");
  tunnel between(programs);
  const std::uint16_t port = between.add_spread(
      "web", {a.port(), b->port()},
      "health_check = { type = \"http\", path = \"/health\", interval = 1, fall = 1, rise = 1 }");
  between.start_server_first();
  REQUIRE(eventually([port] { return !http_body(port).empty(); }));
  const auto served = [port] {
    std::map<std::string, int> by;
    for (int i = 0; i < 20; ++i) ++by[http_body(port)];
    return by;
  };
  INFO(between.logs());
  CHECK(served() == std::map<std::string, int>{{"a", 10}, {"b", 10}});
  b->set_well(false);
  const std::string at_b = "The local address 127.0.0.1:" + std::to_string(b->port());
  REQUIRE(between.client->wait_for(at_b + " is down: the answer has the status 503"));
  CHECK(served() == std::map<std::string, int>{{"a", 20}});
  b->set_well(true);
  REQUIRE(between.client->wait_for(at_b + " counts as up again"));
  CHECK(served() == std::map<std::string, int>{{"a", 10}, {"b", 10}});
  b.reset();
  CHECK(served() == std::map<std::string, int>{{"a", 20}});
}

}  // namespace scenario
}  // namespace rathole::test
