// The tables of the commands, and where the API is that they ask.

#include <rathole/app/control/endpoint.hpp>
#include <rathole/app/control/event_stream.hpp>
#include <rathole/app/control/failure_text.hpp>
#include <rathole/app/control/tables.hpp>
#include <rathole/app/control/terminal_width.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::app {
namespace {

/// A table like that of `services`, with one row.
text_table table_of(std::string name, std::string address, std::string peer) {
  text_table out({{.heading = "SERVICE", .shrink_order = 2},
                  {.heading = "TYPE"},
                  {.heading = "STATE"},
                  {.heading = "ADDRESS", .shrink_order = 3},
                  {.heading = "PEER", .shrink_order = 1},
                  {.heading = "ACTIVE", .right = true},
                  {.heading = "RECEIVED", .right = true},
                  {.heading = "SENT", .right = true}});
  out.add({std::move(name), "tcp", "up", std::move(address), std::move(peer), "12", "1023 KiB",
           "1023 MiB"});
  return out;
}

std::vector<std::string> lines(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const auto end = text.find('\n');
    out.emplace_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  return out;
}

TEST_CASE("control tables: usual names fit a terminal of 80 columns, and addresses stay whole") {
  const auto got = lines(table_of("web", "0.0.0.0:8080", "203.0.113.207:51234").text(80));
  REQUIRE(got.size() == 2);
  for (const std::string& each : got) CHECK(each.size() <= 80);
  CHECK(got[1].contains(" 0.0.0.0:8080 "));
  CHECK(got[1].contains("203.0.113"));
}

TEST_CASE("control tables: the peer is shortened first, then the name, and the address last") {
  const std::string name = "a-long-name-of-a-service";
  const std::string address = "[2001:db8::1:2:3]:8080";
  const std::string peer = "[2001:db8::ffff]:51234";
  const auto row = [&](std::size_t width) {
    const auto got = lines(table_of(name, address, peer).text(width));
    for (const std::string& each : got) CHECK(each.size() <= width);
    return got.at(1);
  };
  const std::string a_little = row(100);
  CHECK(a_little.contains(name));
  CHECK(a_little.contains(address));
  CHECK_FALSE(a_little.contains(peer));
  const std::string more = row(85);
  CHECK_FALSE(more.contains(name));
  CHECK(more.contains(address));
  CHECK_FALSE(row(70).contains(address));
}

TEST_CASE("control tables: nothing is shortened without a width") {
  const std::string name(200, 'n');
  const std::string peer(200, 'p');
  const std::string got = table_of(name, "0.0.0.0:8080", peer).text(std::nullopt);
  CHECK(got.contains(name));
  CHECK(got.contains(peer));
}

TEST_CASE("control tables: COLUMNS is a number, or not used") {
  CHECK(parse_columns("132") == 132u);
  for (const char* each : {"", "0", "-1", "80x", " 80"}) CHECK_FALSE(parse_columns(each));
}

TEST_CASE("control endpoint: addresses are parsed, and `Host` has the form of RFC 9110") {
  struct example {
    const char* text;
    const char* host;
    const char* shown;
  };
  const example examples[] = {
      {"127.0.0.1:9091", "127.0.0.1:9091", "127.0.0.1:9091"},
      {"http://[::1]:9111", "[::1]:9111", "[::1]:9111"},
      {"[::1]:9111", "[::1]:9111", "[::1]:9111"},
      {"http://[fe80::1%eth0]:80", "[fe80::1]:80", "[fe80::1%eth0]:80"},
      {"https://example.com:443/", "example.com:443", "https://example.com:443"},
      {"unix:/run/admin.sock", "localhost", "unix:/run/admin.sock"},
  };
  for (const auto& [text, host, shown] : examples) {
    CAPTURE(text);
    const auto got = parse_endpoint(text);
    REQUIRE(got);
    CHECK(host_field(*got) == host);
    CHECK(to_string(*got) == shown);
  }
  CHECK(parse_endpoint("https://[::1]:1")->host == "::1");
  for (const char* each : {"", "unix:", "ftp://x", "ftp://x:21", "http://x", "x:0", "x:65536",
                           "http://x:80/path", "http://https://x:80", ":80"}) {
    CAPTURE(each);
    CHECK_FALSE(parse_endpoint(each));
  }
}

TEST_CASE("control endpoint: that of a table is reached from this host") {
  config::admin_options options;
  options.bind_addr = "[::]:9111";
  CHECK(host_field(endpoint_of(options)) == "[::1]:9111");
  options.bind_addr = "[::1]:9111";
  CHECK(host_field(endpoint_of(options)) == "[::1]:9111");
  options.bind_addr = "0.0.0.0:9111";
  CHECK(host_field(endpoint_of(options)) == "127.0.0.1:9111");
  options.hosts = {"ops.example.com"};
  CHECK(host_field(endpoint_of(options)) == "ops.example.com:9111");
  CHECK(endpoint_of(options).at.host == "127.0.0.1");
}

TEST_CASE("control events: each has its number, name and data") {
  std::string text =
      ": keep-alive\n\nid: 17\nevent: draining\ndata: {}\n\nevent: missed\ndata: "
      "{\"count\":2}\n\nid";
  const auto first = take_received_event(text);
  REQUIRE(first);
  CHECK(first->id == 17);
  CHECK(first->name == "draining");
  CHECK(first->data == "{}");
  const auto second = take_received_event(text);
  REQUIRE(second);
  CHECK(second->id == 0);
  CHECK(second->name == "missed");
  CHECK_FALSE(take_received_event(text));
  CHECK(text == "id");
}

TEST_CASE("control errors: each says what to do") {
  admin_endpoint by_file = *parse_endpoint("127.0.0.1:9091");
  by_file.config = "server.toml";
  const admin_endpoint by_address = *parse_endpoint("127.0.0.1:9091");
  const admin_endpoint by_tls = *parse_endpoint("https://127.0.0.1:9091");
  const auto refused = std::make_error_code(std::errc::connection_refused);
  CHECK(unreachable_text(by_file, refused) ==
        "Cannot ask the admin API at 127.0.0.1:9091: Connection refused; is the program running "
        "with server.toml?");
  CHECK(unreachable_text(by_address, refused).contains("is this the `bind_addr`"));
  CHECK(unreachable_text(by_address, errc::malformed_http).contains("`--admin https://HOST:PORT`"));
  CHECK(unreachable_text(by_file, errc::malformed_http).ends_with("something else answers there"));
  CHECK(unreachable_text(by_tls, errc::certificate_self_signed).contains("`--ca-file FILE`"));
  CHECK(unreachable_text(by_tls, errc::not_tls).contains("`--admin http://HOST:PORT`"));
  CHECK(not_our_api_text(by_address, 404) ==
        "Something else answers at 127.0.0.1:9091 (status 404), not the admin API of rathole; "
        "correct the address after `--admin`");
  for (const admin_endpoint& each : {by_file, by_address}) {
    admin_endpoint with_token = each;
    with_token.token = secret("wrong");
    with_token.token_origin = "`--token-file`";
    CHECK(token_text(each).contains("needs a token"));
    CHECK(token_text(with_token).contains("does not accept the token of `--token-file`"));
    for (const admin_endpoint& one : {each, with_token}) {
      for (const char* way : {"`--token-file FILE`", "RATHOLE_ADMIN_TOKEN", "`token_file`"}) {
        CHECK(token_text(one).contains(way));
      }
    }
    CHECK_FALSE(token_text(with_token).contains("wrong"));
  }
}

}  // namespace
}  // namespace rathole::app
