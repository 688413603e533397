#include <rathole/app/reload_text.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

namespace rathole::app {
namespace {

TEST_CASE("reload: each changed service has a line that names the changed keys") {
  config::client before;
  before.services.resize(2);
  before.services[0].name = "web";
  before.services[0].local_addr = {"127.0.0.1", 80};
  before.services[1].name = "mail";
  config::client now = before;
  now.services[0].local_addr.port = 81;
  now.services[0].idle_timeout = std::chrono::seconds(9);
  now.services[1].name = "news";
  CHECK(changes_text(before, now, false) ==
        std::vector<std::string>{
            "Service change detected. mail deleted", "Service change detected. news added",
            "Service change detected. web changed (local_addr, idle_timeout)"});
  CHECK(changes_text(before, now, true) ==
        std::vector<std::string>{"General configuration change detected. Restarting..."});

  config::server server_before;
  server_before.services.resize(1);
  server_before.services[0].name = "web";
  config::server server_now = server_before;
  server_now.services[0].pool.size = 3;
  server_now.services[0].nodelay = true;
  server_now.heartbeat_interval = std::chrono::seconds(7);
  CHECK(changes_text(server_before, server_now, false) ==
        std::vector<std::string>{"Service change detected. web changed (pool, nodelay)",
                                 "General configuration change detected."});
}

}  // namespace
}  // namespace rathole::app
