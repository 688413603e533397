#include <rathole/app/descriptor_demand.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

namespace rathole::app {
namespace {

template <class Block>
Block with_services(std::size_t count, config::service_kind kind) {
  Block out;
  out.workers = 1;
  for (std::size_t i = 0; i < count; ++i) {
    auto& each = out.services.emplace_back();
    each.name = "game:" + std::to_string(8000 + i);
    each.kind = kind;
  }
  return out;
}

TEST_CASE(
    "descriptor demand: too many services for a server are a warning with the first of them") {
  struct example {
    std::size_t count;
    config::service_kind kind;
    std::uint64_t limit;
    const char* key;
    const char* needed;
  };
  using enum config::service_kind;
  for (const example& each :
       {example{125, tcp, 400, "", ""},
        example{126, tcp, 400, "server.services.\"game:8125\".bind_addr", "need 253 descriptors"},
        example{300, tcp, 400, "server.services.\"game:8125\".bind_addr", "need 601 descriptors"},
        example{62, udp, 400, "", ""},
        example{63, udp, 400, "server.services.\"game:8062\".bind_addr", "need 253 descriptors"},
        example{300, tcp, 1024, "", ""},
        example{300, tcp, std::numeric_limits<std::uint64_t>::max(), "", ""},
        example{1, tcp, 0, "server.services.\"game:8000\".bind_addr", "need 3 descriptors"}}) {
    CAPTURE(each.count);
    CAPTURE(each.limit);
    auto server = with_services<config::server>(each.count, each.kind);
    server.bind_addr = address("0.0.0.0", 2333);
    for (auto& service : server.services) {
      service.bind_addr = address("0.0.0.0", 8000);
      service.pool.size = 2;
    }
    const auto warning = descriptor_warning(server, each.limit);
    REQUIRE(warning.has_value() == (each.key[0] != '\0'));
    if (!warning) continue;
    CHECK(warning->key == each.key);
    CHECK(warning->what.contains(each.needed));
    CHECK(warning->remedy.contains("raise the limit"));
    CHECK(warning->level == config::severity::warning);
  }
}

TEST_CASE("descriptor demand: too many worker threads are a warning of their own") {
  config::server server = with_services<config::server>(1, config::service_kind::tcp);
  server.workers = 5;
  CHECK_FALSE(descriptor_warning(server, 64));
  server.workers = 6;
  const auto warning = descriptor_warning(server, 64);
  REQUIRE(warning);
  CHECK(warning->key == "server.workers");
  CHECK(warning->what.contains("there may be 5 worker threads"));
  CHECK(warning->remedy.contains("set fewer `workers`"));

  config::client client = with_services<config::client>(1, config::service_kind::tcp);
  client.transport.multiplex = true;
  client.workers = 200;
  CHECK(descriptor_warning(client, 1024)->key == "client.workers");
  CHECK_FALSE(descriptor_warning(client, 4096));

  // Their descriptors are not there for services: 192 of them, of which the reserve covers 16.
  server = with_services<config::server>(220, config::service_kind::tcp);
  for (auto& service : server.services) service.bind_addr = address("0.0.0.0", 8000);
  CHECK_FALSE(descriptor_warning(server, 800));
  server.workers = 49;
  const auto fewer = descriptor_warning(server, 800);
  REQUIRE(fewer);
  CHECK(fewer->what.contains("they may have 420"));
}

TEST_CASE("descriptor demand: a client needs a connection for each of its services") {
  using enum config::service_kind;
  const auto warned = [](const config::client& client, std::uint64_t limit) {
    return descriptor_warning(client, limit).has_value();
  };
  CHECK_FALSE(warned(with_services<config::client>(112, tcp), 400));
  auto client = with_services<config::client>(113, tcp);
  CHECK(descriptor_warning(client, 400)->key == "client.services.\"game:8112\".local_addr");
  CHECK_FALSE(warned(client, 1024));
  client.transport.multiplex = true;
  CHECK_FALSE(warned(client, 400));
  CHECK_FALSE(warned(with_services<config::client>(67, udp), 400));
  CHECK(warned(with_services<config::client>(68, udp), 400));

  // A client that holds its services on all servers has a control channel to each.
  auto spread = with_services<config::client>(57, tcp);
  spread.remote_addr = address_list({{"a", 2333}, {"b", 2333}});
  CHECK_FALSE(warned(spread, 400));
  spread.strategy = config::server_strategy::all;
  CHECK(warned(spread, 400));
}

}  // namespace
}  // namespace rathole::app
