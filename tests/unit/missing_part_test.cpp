// This program is built without any transport except tcp, because `rathole::core` alone has no
// others.

#include <rathole/transport/missing_part.hpp>

#include <doctest/doctest.h>

#include <string>

namespace rathole::transport {
namespace {

using config::transport_kind;

TEST_CASE("missing_part: a part that is not built in is reported with its key") {
  config::transport settings;
  CHECK_FALSE(missing_part(settings, config::side::client));

  settings.tls.emplace();
  settings.noise.emplace();
  settings.websocket.emplace();
  const auto line = [&settings](config::side where) {
    const auto missing = missing_part(settings, where);
    return missing ? to_string(*missing) : std::string();
  };
  const std::string advice =
      " is not built into this program; choose another `type` at both ends, or build it with "
      "`RATHOLE_WITH_";
  settings.kind = transport_kind::tls;
  CHECK(line(config::side::client) == "client.transport.type: tls" + advice + "TLS`");
  settings.kind = transport_kind::noise;
  CHECK(line(config::side::server) == "server.transport.type: noise" + advice + "NOISE`");
  settings.kind = transport_kind::websocket;
  CHECK(line(config::side::server) == "server.transport.type: websocket" + advice + "WEBSOCKET`");
}

}  // namespace
}  // namespace rathole::transport
