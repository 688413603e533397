#include <rathole/config/port_range.hpp>
#include <rathole/config/types.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <string_view>

namespace rathole::config {
namespace {

TEST_CASE("port_range: what is read, and what is wrong with the rest") {
  struct row {
    std::string_view text;
    std::optional<port_range> range;
    std::string_view wrong = {};
  };
  constexpr std::string_view form = "a range of ports is written FIRST-LAST";
  const row rows[] = {
      {"8000-8010", port_range{8000, 8010}},
      {"8000-8000", port_range{8000, 8000}},
      {"1-1000", port_range{1, 1000}},
      {"64536-65535", port_range{64536, 65535}},
      {"0080-0081", port_range{80, 81}},
      {"8010-8000", {}, "the first port 8010 is above the last one, 8000"},
      {"0-10", {}, "the port 0 cannot be in a range"},
      {"0-0", {}, "the port 0 cannot be in a range"},
      {"65535-65536", {}, "the port 65536 is above 65535"},
      {"99999999999-1", {}, "the port 99999999999 is above 65535"},
      {"", {}, form},
      {"8000", {}, form},
      {"8000-", {}, form},
      {"-8000", {}, form},
      {"-", {}, form},
      {"8000-8001-8002", {}, form},
      {"8000--8001", {}, form},
      {"+8000-8001", {}, form},
      {" 8000-8001", {}, form},
      {"8000-8001 ", {}, form},
      {"0x10-0x20", {}, form},
  };
  for (const row& each : rows) {
    CAPTURE(each.text);
    const auto found = parse_port_range(each.text);
    REQUIRE(found.has_value() == each.range.has_value());
    if (found) {
      CHECK(*found == *each.range);
      CHECK(parse_port_range(to_string(*found)) == found);
    } else {
      CHECK(found.error().what == each.wrong);
    }
  }
}

TEST_CASE("port_range: a range has a bounded number of ports") {
  CHECK(limits::port_range == 1000);
  CHECK(parse_port_range("8000-8999")->size() == 1000);
  CHECK(parse_port_range("8000-9000").error().what == "a range has at most 1000 ports");
  CHECK(parse_port_range("1-65535").error().what == "a range has at most 1000 ports");
  CHECK((port_range{1, 65535}).size() == 65535);
}

TEST_CASE("port_range: addresses with a range of ports") {
  struct row {
    std::string_view text;
    bool is_meant;
    std::string_view host = {};
    std::string_view printed = {};
  };
  const row rows[] = {
      {"0.0.0.0:8000-8010", true, "0.0.0.0", "0.0.0.0:8000-8010"},
      {"[::]:8000-8010", true, "::", "[::]:8000-8010"},
      {"::1:8000-8010", true, "::1", "[::1]:8000-8010"},
      {"fe80::1%eth0:8000-8010", true, "fe80::1%eth0", "[fe80::1%eth0]:8000-8010"},
      {"my-host:8000-8010", true, "my-host", "my-host:8000-8010"},
      {"0.0.0.0:8010-8000", true},
      {"0.0.0.0:-", true},
      {"a b:8000-8010", true},
      {":8000-8010", true},
      {"unix:80-90:8000-8010", false},
      {"unix:8000-8010", false},
      {"unix:/run/web:8000-8010", false},
      {"unix:@web:8000-8010", false},
      {"0.0.0.0:8000", false},
      {"8000-8010", false},
      {"my-host:80", false},
      {"", false},
  };
  for (const row& each : rows) {
    CAPTURE(each.text);
    CHECK(has_port_range(each.text) == each.is_meant);
    const auto found = parse_ranged_address(each.text);
    REQUIRE(found.has_value() == !each.printed.empty());
    if (!found) continue;
    CHECK(found->host == each.host);
    CHECK(found->ports == port_range{8000, 8010});
    CHECK(to_string(*found) == each.printed);
    CHECK(parse_ranged_address(each.printed) == found);
  }
}

TEST_CASE("port_range: one service for each port, which differ in their names and ports only") {
  server_service game{.name = "game", .kind = service_kind::udp};
  game.bind_addr = address_list(std::vector<address>{{"0.0.0.0", 8000}, {"::", 8000}});
  game.max_connections_per_address = 7;
  const auto all = services_of(game, {8000, 8002}, {8000, 8002});
  REQUIRE(all.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    server_service expected = game;
    const auto port = static_cast<std::uint16_t>(8000 + i);
    expected.name = "game:" + std::to_string(port);
    expected.bind_addr = address_list(std::vector<address>{{"0.0.0.0", port}, {"::", port}});
    CHECK(all[i] == expected);
    CHECK(range_of(all[i].name) == "game");
  }
  client_service local{.name = "game", .local_addr = {"127.0.0.1", 9000}};
  const auto dialled = services_of(local, {9000, 9001}, {8000, 8001});
  REQUIRE(dialled.size() == 2);
  CHECK(dialled[1].name == "game:8001");
  CHECK(dialled[1].local_addr == address{"127.0.0.1", 9001});
}

}  // namespace
}  // namespace rathole::config
