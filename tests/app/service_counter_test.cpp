#include <rathole/app/service_counter.hpp>
#include <rathole/app/start_report.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <system_error>
#include <vector>

namespace rathole::app {
namespace {

using namespace std::chrono_literals;

struct ignoring_observer {};

TEST_CASE("service counter: a service counts while a client serves it and its address is bound") {
  ignoring_observer next;
  int changes = 0;
  service_counter<ignoring_observer> counted(next, [&changes] { ++changes; });
  const address at{"192.0.2.7", 80};
  const config::server settings;
  const auto in_use = std::make_error_code(std::errc::address_in_use);
  const auto close = [&](const char* service) {
    counted.on(server_side::control_channel_closed{service, at, errc::end_of_stream, 1s, settings});
  };
  for (const char* service : {"web", "mail"}) {
    counted.on(server_side::control_channel_established{service, at});
  }
  CHECK(counted.count() == 2);
  for (int i = 0; i < 3; ++i) counted.on(server_side::service_bind_failed{"web", at, in_use, 1s});
  CHECK(counted.count() == 1);
  CHECK(changes == 3);
  counted.on(server_side::service_listening{"web", at});
  CHECK(counted.count() == 2);
  CHECK(changes == 4);
  counted.on(server_side::service_bind_failed{"web", at, in_use, 1s});
  close("web");
  close("mail");
  CHECK(counted.count() == 0);
  counted.on(server_side::control_channel_established{"web", at});
  CHECK(counted.count() == 1);
}

TEST_CASE("service counter: the first services without a client are named") {
  ignoring_observer next;
  service_counter<ignoring_observer> counted(next, [] {});
  const address at{"192.0.2.7", 80};
  std::vector<config::server_service> all(2);
  all[0].name = "web";
  all[1].name = "my mail";
  CHECK(counted.unserved(all) == "web, my mail");
  counted.on(server_side::control_channel_established{"web", at});
  CHECK(counted.unserved(all) == "my mail");
  counted.on(server_side::control_channel_established{"my mail", at});
  CHECK(counted.unserved(all).empty());
  all.resize(30);
  CHECK(counted.unserved(all).ends_with(" and 18 more"));
}

TEST_CASE("start report: the transport is described by its keys") {
  config::transport by;
  CHECK(transport_text(by) == "transport `tcp`");
  by.kind = config::transport_kind::websocket;
  by.websocket.emplace().tls = true;
  CHECK(transport_text(by) == "transport `websocket` with TLS");
  by.websocket->tls = false;
  CHECK(transport_text(by) == "transport `websocket` without TLS");
  by.kind = config::transport_kind::noise;
  by.noise.emplace().pattern = "Noise_KK_25519_AESGCM_SHA256";
  CHECK(transport_text(by) == "transport `noise` (Noise_KK_25519_AESGCM_SHA256)");
  by.noise->engine = config::noise_engine::openssl;
  CHECK(transport_text(by) == "transport `noise` (Noise_KK_25519_AESGCM_SHA256, engine `openssl`)");
}

}  // namespace
}  // namespace rathole::app
