#include <rathole/app/mode.hpp>

#include <doctest/doctest.h>

#include <string>

namespace rathole::app {
namespace {

TEST_CASE("mode: the command line decides, otherwise the file") {
  struct example {
    bool as_server;
    bool as_client;
    bool has_server;
    bool has_client;
    std::expected<config::side, std::string> mode;
  };
  const auto no_server = std::unexpected(
      "Try to run as a server, but the configuration is missing. Please add the `[server]` block");
  const auto no_client = std::unexpected(
      "Try to run as a client, but the configuration is missing. Please add the `[client]` block");
  const auto either = std::unexpected(
      "Cannot determine running as a server or a client. The file has both blocks: say --server or "
      "--client");
  const example examples[] = {
      {false, false, true, false, config::side::server},
      {false, false, false, true, config::side::client},
      {false, false, true, true, either},
      {true, false, true, false, config::side::server},
      {true, false, true, true, config::side::server},
      {true, false, false, true, no_server},
      {false, true, false, true, config::side::client},
      {false, true, true, true, config::side::client},
      {false, true, true, false, no_client},
  };
  for (const auto& each : examples) {
    config::config file;
    if (each.has_server) file.server.emplace();
    if (each.has_client) file.client.emplace();
    CAPTURE(each.as_server);
    CAPTURE(each.as_client);
    CAPTURE(each.has_server);
    CAPTURE(each.has_client);
    CHECK((select_mode(each.as_server, each.as_client, file) == each.mode));
  }
}

}  // namespace
}  // namespace rathole::app
