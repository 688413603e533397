// Several servers in the configuration of a client.

#include "../support/config_problems.hpp"

#include <rathole/config/diff.hpp>
#include <rathole/config/parse.hpp>
#include <rathole/config/validate.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::config {
namespace {

/// Returns a file of a client with the line `keys`.
std::string file_with(std::string_view keys) {
  return "[client]\n" + std::string(keys) + "\nservices = {}\n";
}

client usable(std::string_view keys) {
  auto found = read(file_with(keys), "c.toml");
  if (!found) FAIL(to_string(found.error().front()));
  CHECK(found->warnings.empty());
  return *found->settings.client;
}

TEST_CASE("servers: one address, or a list") {
  CHECK(usable("remote_addr = \"a:1\"").remote_addr == address("a:1"));
  CHECK(usable("remote_addr = [\"a:1\"]") == usable("remote_addr = \"a:1\""));
  const client several = usable("remote_addr = [\"a:1\", \"[::1]:2\", \"unix:/run/x.sock\"]");
  REQUIRE(several.remote_addr.size() == 3);
  CHECK(several.remote_addr[1] == address("[::1]:2"));
  CHECK(several.remote_addr[2].is_unix());
  CHECK(several.strategy == server_strategy::failover);
  CHECK(usable("remote_addr = [\"a:1\", \"b:1\"]\nstrategy = \"failover\"") ==
        usable("remote_addr = [\"a:1\", \"b:1\"]"));
  CHECK(usable("remote_addr = [\"a:1\", \"b:1\"]\nstrategy = \"all\"").strategy ==
        server_strategy::all);
}

/// A file, and the only problem or warning about it.
struct row {
  std::string text;
  std::string line;
};

TEST_CASE("servers: what cannot be, or has no effect") {
  const std::string tls = "[client.transport]\ntype = \"tls\"\ntls = {}\n";
  const std::string proxy =
      "[client.transport]\ntype = \"tcp\"\n[client.transport.tcp]\nproxy = \"socks5://h:1\"\n";
  const row rows[] = {
      {file_with("remote_addr = [\"a:1\", \"b:1\", \"a:1\", \"a:1\"]"),
       "c.toml:2:15: client.remote_addr: entry 3 is the same server as entry 1; name each server "
       "once"},
      {file_with("remote_addr = []"),
       "c.toml:2:15: client.remote_addr: an empty list; name 1 to 16"},
      {file_with("remote_addr = [\"a:1\", \"b\"]"),
       "c.toml:2:15: client.remote_addr: not an address of the form host:port; write it like "
       "`remote_addr = \"example.com:2333\"`, an IPv6 address in brackets"},
      {file_with("remote_addr = \"a:1,b:2\""),
       "c.toml:2:15: client.remote_addr: several addresses in one text; write a list like "
       "`remote_addr = [\"a:80\", \"b:80\"]`"},
      {file_with("remote_addr = \"a:1,2\""),
       "c.toml:2:15: client.remote_addr: not an address of the form host:port; write it like "
       "`remote_addr = \"example.com:2333\"`, an IPv6 address in brackets"},
      {file_with("remote_addr = [\"a:1\", \"b:0\"]"),
       "c.toml:2:15: warning: client.remote_addr: nothing can be reached at port 0; name the port"},
      {file_with("strategy = \"all\"\nremote_addr = \"a:1\""),
       "c.toml:2:12: warning: client.strategy: there is only one server; remove it, or name "
       "several "
       "servers in `remote_addr`"},
      {file_with("remote_addr = [\"a:1\", 5]\nstrategy = \"all\""),
       "c.toml:2:23: client.remote_addr: invalid type: integer, expected a string; write it like "
       "`remote_addr = \"example.com:2333\"`"},
      {file_with("strategy = true\nremote_addr = \"a:1\""),
       "c.toml:2:12: client.strategy: invalid type: boolean, expected a string; write one of "
       "`failover`, `all` in quotes"},
      {file_with("remote_addr = [\"a:1\", \"b:1\"]\nstrategy = \"some\""),
       "c.toml:3:12: client.strategy: unknown variant; expected one of `failover`, `all`"},
      {file_with("remote_addr = [\"a:1\", \"unix:/run/x.sock\"]") + tls,
       "c.toml:2:15: client.remote_addr: a Unix-domain socket has no name that a certificate could "
       "have; set `transport.tls.hostname` to the name in the server's certificate"},
      {file_with("remote_addr = [\"a:1\", \"unix:/run/x.sock\"]") + proxy,
       "c.toml:2:15: client.remote_addr: a proxy does not lead to a Unix-domain socket; remove "
       "`transport.tcp.proxy`, or name the host and port of the server"},
  };
  for (const row& each : rows) {
    CAPTURE(each.text);
    CHECK(only_line(each.text) == each.line);
  }
}

TEST_CASE("servers: at most 16") {
  const auto file = [](std::size_t count) {
    std::string list;
    for (std::size_t i = 0; i < count; ++i) list += "\"s" + std::to_string(i) + ":1\", ";
    return file_with("remote_addr = [" + list + "]");
  };
  CHECK(read(file(limits::servers), "c.toml"));
  const std::string too_many =
      "c.toml:2:15: client.remote_addr: too many in the list; name 1 to 16";
  CHECK(only_line(file(limits::servers + 1)) == too_many);
  CHECK(only_line(file(limits::servers + 1) + "strategy = \"all\"\n") == too_many);
}

TEST_CASE("servers: what a program may get wrong") {
  client value;
  CHECK(settings_problems(value).size() == 1);
  for (std::size_t i = 0; i <= limits::servers; ++i) {
    value.remote_addr.push_back({"s" + std::to_string(i), 1});
  }
  value.remote_addr.push_back({"s1", 1});
  const auto found = settings_problems(value);
  REQUIRE(found.size() == 2);
  CHECK(to_string(found[0]) == "client.remote_addr: too many servers; name 1 to 16");
  CHECK(to_string(found[1]) ==
        "client.remote_addr: entry 18 is the same server as entry 2; name each server once");
}

TEST_CASE("servers: others need no other transport") {
  for (const auto kind : {transport_kind::tcp, transport_kind::tls, transport_kind::websocket}) {
    client before;
    before.transport.kind = kind;
    before.remote_addr = {"a", 1};
    client now = before;
    now.remote_addr.push_back({"b", 1});
    now.strategy = server_strategy::all;
    CHECK(same_transport(before, now));
  }
}

}  // namespace
}  // namespace rathole::config
