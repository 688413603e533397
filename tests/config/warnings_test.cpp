#include "../support/config_problems.hpp"

#include <rathole/config/limits.hpp>
#include <rathole/config/parse.hpp>
#include <rathole/config/validate.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::config {
namespace {

/// Returns the warnings about a usable file, as lines.
std::vector<std::string> warnings(const std::string& text) {
  const auto found = read(text, "c.toml");
  if (!found) FAIL(to_string(found.error().front()));
  std::vector<std::string> lines;
  for (const problem& each : found->warnings) {
    CHECK(each.level == severity::warning);
    lines.push_back(to_string(each));
  }
  return lines;
}

const std::string server = "[server]\nbind_addr = \"h:1\"\nservices = {}\n";
const std::string client = "[client]\nremote_addr = \"h:1\"\nservices = {}\n";
constexpr std::string_view unused = "; remove it, or choose the transport that it is for";
constexpr std::string_view other_side = "; remove it, or move it to the other side";

TEST_CASE("warnings: a file whose keys all have an effect has none") {
  CHECK(warnings(server + client).empty());
  CHECK(warnings(server + "[server.transport]\ntype = \"noise\"\nnoise = {}\n").empty());
  CHECK(warnings(client + "[client.transport]\ntype = \"websocket\"\n"
                          "websocket = {tls = true, host = \"h\"}\ntls = {hostname = \"h\"}\n")
            .empty());
}

TEST_CASE("warnings: keys of the PROXY protocol without an effect") {
  const std::string web =
      server.substr(0, server.find("services")) +
      "[server.services.a]\ntoken = \"a secret of mine\"\nbind_addr = \"h:2\"\n";
  const auto at = [](int column) {
    return "c.toml:6:" + std::to_string(column) + ": warning: server.services.a.";
  };
  const auto only = [&](const std::string& keys) {
    const auto lines = warnings(web + keys);
    REQUIRE(lines.size() == 1);
    return lines.front();
  };
  CHECK(only("proxy_protocol_datagrams = \"every\"\n") ==
        at(28) + "proxy_protocol_datagrams: only UDP services use this key; remove it");
  CHECK(only("proxy_protocol_datagrams = \"every\"\ntype = \"udp\"\n") ==
        at(28) +
            "proxy_protocol_datagrams: without `proxy_protocol` no datagram gets a header; "
            "remove it, or add `proxy_protocol = \"v2\"`");
  CHECK(only("trusted_proxies = [\"10.0.0.7\"]\n") ==
        at(19) +
            "trusted_proxies: without `accept_proxy_protocol = true` no header is read; add it");
  CHECK(only("trusted_proxies = [\"10.1.0.7/8\"]\naccept_proxy_protocol = true\n") ==
        at(19) +
            "trusted_proxies: \"10.1.0.7/8\" has bits behind its prefix, which do not count; write "
            "`10.0.0.0/8`");
}

TEST_CASE("warnings: limits on who may come without an effect") {
  const std::string web =
      server.substr(0, server.find("services")) +
      "[server.services.a]\ntoken = \"a secret of mine\"\nbind_addr = \"h:2\"\n";
  const auto only = [](const std::string& text) {
    const auto lines = warnings(text);
    REQUIRE(lines.size() == 1);
    return lines.front();
  };
  const std::string table = ": warning: server.services.a.";
  CHECK(warnings(web + "allow = [\"10.0.0.0/8\"]\ndeny = [\"10.1.0.0/16\", \"0.0.0.0/0\"]\n")
            .size() == 1);
  CHECK(only(web + "allow = [\"10.1.0.0/16\", \"::1\"]\ndeny = [\"10.0.0.0/8\"]\n") ==
        "c.toml:6:9" + table +
            "allow: no address of `10.1.0.0/16` is accepted, because of `deny`; remove it here or "
            "there");
  CHECK(only(web + "allow = [\"10.0.0.0/8\"]\ndeny = [\"10.1.0.0/16\", \"192.0.2.7\"]\n") ==
        "c.toml:7:8" + table +
            "deny: `192.0.2.7/32` has no effect, because `allow` does not have it; remove it");
  CHECK(only("[server]\nbind_addr = \"h:1\"\nservices = {}\nallow = [\"10.0.0.1/8\"]\n") ==
        "c.toml:4:9: warning: server.allow: \"10.0.0.1/8\" has bits behind its prefix, which do "
        "not count; write `10.0.0.0/8`");
  CHECK(only(web + "max_connections = 5\nmax_connections_per_address = 5\n") ==
        "c.toml:7:31" + table +
            "max_connections_per_address: it has no effect, because it is not below "
            "`max_connections`; lower it, or remove it");
  CHECK(only(web + "type = \"udp\"\nmax_connections_per_address = 4096\n") ==
        "c.toml:7:31" + table +
            "max_connections_per_address: it has no effect, because it is not below "
            "`udp.max_visitors`; lower it, or remove it");
  CHECK(warnings(web + "max_connections = 5\nmax_connections_per_address = 4\n").empty());
  const std::string one_client =
      "it has no effect, because the service has one client at a time; remove it, or add "
      "`on_conflict = \"balance\"`";
  CHECK(only(web + "affinity = \"source\"\n") == "c.toml:6:12" + table + "affinity: " + one_client);
  CHECK(only(web + "on_conflict = \"reject\"\nmax_clients = 2\n") ==
        "c.toml:7:15" + table + "max_clients: " + one_client);
  CHECK(warnings(web + "on_conflict = \"balance\"\nmax_clients = 2\n").empty());
  CHECK(only(web + "bandwidth_limit = {}\n") ==
        "c.toml:6:19" + table +
            "bandwidth_limit: without `in` and `out` there is no limit; add one of them");
}

/// Returns `count` networks of one address, of which the first is 10.`second`.0.0, as a list of TOML.
std::string list_of(int count, int second, const char* prefix) {
  std::string out;
  for (int i = 0; i < count; ++i) {
    out += (i > 0 ? ", \"10." : "\"10.") + std::to_string(second) + '.' + std::to_string(i / 256) +
           '.' + std::to_string(i % 256) + prefix + '"';
  }
  return '[' + out + ']';
}

TEST_CASE("warnings: a list has one warning that names a few of its entries") {
  const auto lines = warnings(server + "allow = " + list_of(1024, 0, "") +
                              "\ndeny = " + list_of(1024, 1, "") + '\n');
  REQUIRE(lines.size() == 1);
  CHECK(lines[0] ==
        "c.toml:5:8: warning: server.deny: `10.1.0.0/32`, `10.1.0.1/32`, `10.1.0.2/32` and 1021 "
        "more have no effect, because `allow` does not have them; remove them");
  const auto denied =
      warnings(server + "allow = " + list_of(2, 0, "") + "\ndeny = \"10.0.0.0/8\"\n");
  REQUIRE(denied.size() == 1);
  CHECK(denied[0] ==
        "c.toml:4:9: warning: server.allow: no address of `10.0.0.0/32` and `10.0.0.1/32` is "
        "accepted, because of `deny`; remove it here or there");
  const auto bits = warnings(server + "deny = " + list_of(1024, 1, "/15") + '\n');
  REQUIRE(bits.size() == 1);
  CHECK(bits[0] ==
        "c.toml:4:8: warning: server.deny: \"10.1.0.0/15\", \"10.1.0.1/15\", \"10.1.0.2/15\" and "
        "1021 more have bits behind their prefix, which do not count; write the first as "
        "`10.0.0.0/15`");
}

TEST_CASE("problems: their number and the size of their texts are bounded") {
  std::string text = server;
  for (std::size_t i = 0; i < limits::problems + 7; ++i) text += "k" + std::to_string(i) + " = 1\n";
  const auto many = read(text, "c.toml");
  REQUIRE(!many);
  REQUIRE(many.error().size() == limits::problems + 1);
  CHECK(to_string(many.error().back())
            .ends_with(": and 7 more problems; correct those that are listed first"));
  CHECK(many.error().back().file == "c.toml");

  std::string services;
  for (std::size_t i = 0; i < limits::problems + 5; ++i) {
    services += "[server.services.s" + std::to_string(i) + "]\nbind_addr = \"h:0\"\ntoken = \"\"\n";
  }
  const auto doubtful = read("[server]\nbind_addr = \"h:1\"\n" + services, "c.toml");
  REQUIRE(doubtful);
  REQUIRE(doubtful->warnings.size() == limits::problems + 1);
  CHECK(doubtful->warnings.back().level == severity::warning);
  CHECK(doubtful->warnings.back().what == "and 5 more warnings");

  // Each of them has the name of the service.
  text = "[server]\nbind_addr = \"h:1\"\n[server.services." + std::string(100'000, 'n') +
         "]\nbind_addr = \"h:2\"\ntoken = \"t\"\n";
  for (int i = 0; i < 50; ++i) text += "k" + std::to_string(i) + " = 1\n";
  const auto long_ones = read(text, "c.toml");
  REQUIRE(!long_ones);
  std::size_t size = 0;
  for (const problem& each : long_ones.error()) size += to_string(each).size();
  CHECK(size < limits::problem_text + 10'000);
  CHECK(long_ones.error().back().what == "and 40 more problems");
}

TEST_CASE("warnings: a table that the selected transport does not use") {
  struct row {
    std::string text;
    std::vector<std::string> lines;
  };
  const std::string tcp = "this table is not used: `type` is `tcp`";
  const row rows[] = {
      {client + "[client.transport]\ntype = \"tcp\"\n[client.transport.websocket]\ntls = true\n",
       {"c.toml:6:1: warning: client.transport.websocket: " + tcp + std::string(unused)}},
      {client + "[client.transport]\ntype = \"tcp\"\ntls = {pkcs12 = \"p\"}\nnoise = {}\n",
       {"c.toml:6:7: warning: client.transport.tls: " + tcp + std::string(unused),
        "c.toml:7:9: warning: client.transport.noise: " + tcp + std::string(unused)}},
      {client + "[client.transport]\ntype = \"websocket\"\nwebsocket = {tls = false}\ntls = {}\n",
       {"c.toml:7:7: warning: client.transport.tls: this table is not used: `websocket.tls` is "
        "`false`" +
        std::string(unused)}},
  };
  for (const row& each : rows) {
    CAPTURE(each.text);
    CHECK(warnings(each.text) == each.lines);
    // In a program's own settings such a table would be a problem.
    CHECK(settings_problems(*read(each.text, "c.toml")->settings.client).empty());
  }
}

TEST_CASE("warnings: keys that belong to the other side") {
  struct row {
    std::string text;
    std::string line;
  };
  const row rows[] = {
      {server + "[server.transport]\ntype = \"tcp\"\ntcp = {proxy = \"http://p:1\"}\n",
       "c.toml:6:16: warning: server.transport.tcp.proxy: a server"},
      {server + "[server.transport]\ntype = \"websocket\"\nwebsocket = {tls = false, host = "
                "\"h\"}\n",
       "c.toml:6:34: warning: server.transport.websocket.host: a server"},
      {server + "[server.transport]\ntype = \"tls\"\n[server.transport.tls]\npkcs12 = \"p\"\n"
                "pkcs12_password = \"\"\nhostname = \"h\"\n",
       "c.toml:9:12: warning: server.transport.tls.hostname: a server"},
      {client + "[client.transport]\ntype = \"tls\"\n[client.transport.tls]\nkey = \"p\"\n",
       "c.toml:7:7: warning: client.transport.tls.key: a client"},
  };
  for (const row& each : rows) {
    CAPTURE(each.text);
    const auto lines = warnings(each.text);
    REQUIRE(lines.size() == 1);
    CHECK(lines.front() == each.line + " does not use this key" + std::string(other_side));
  }
}

TEST_CASE("warnings: keys of multiplexing that have no effect") {
  const std::string tcp = "[client.transport]\ntype = \"tcp\"\n";
  for (const std::string multiplex : {"", "multiplex = false\n"}) {
    CAPTURE(multiplex);
    const auto lines = warnings(client + tcp + "connections = 2\n" + multiplex);
    REQUIRE(lines.size() == 1);
    CHECK(lines.front() ==
          "c.toml:6:15: warning: client.transport.connections: this key is not used, because "
          "`multiplex` is not `true`; remove it, or add `multiplex = true`");
  }
  CHECK(warnings(client + tcp + "connections = 2\nmultiplex = true\n").empty());
  const auto lines =
      warnings(server + "[server.transport]\ntype = \"tcp\"\nmultiplex = true\nconnections = 2\n");
  const std::string why =
      ": a server does not use this key: it accepts both kinds of clients; remove it, or move it "
      "to the client";
  CHECK(lines ==
        std::vector<std::string>{"c.toml:6:13: warning: server.transport.multiplex" + why,
                                 "c.toml:7:15: warning: server.transport.connections" + why});
}

TEST_CASE("warnings: a heartbeat timeout that is not above the server's heartbeat interval") {
  const auto with = [](const std::string& interval, const std::string& timeout) {
    return warnings("[server]\nbind_addr = \"h:1\"\nservices = {}\n" + interval +
                    "\n[client]\nremote_addr = \"h:1\"\nservices = {}\n" + timeout + "\n");
  };
  CHECK(with("", "heartbeat_timeout = 31").empty());
  CHECK(with("heartbeat_interval = 39", "").empty());
  CHECK(with("heartbeat_interval = 100", "heartbeat_timeout = 0").empty());
  const auto equal = with("", "heartbeat_timeout = 30");
  REQUIRE(equal.size() == 1);
  CHECK(equal.front() ==
        "c.toml:8:21: warning: client.heartbeat_timeout: `client.heartbeat_timeout` (30 s) is not "
        "above `server.heartbeat_interval` (30 s); raise the timeout or lower the interval; a "
        "timeout of 0 waits without end");
  const auto late = with("heartbeat_interval = 40", "");
  REQUIRE(late.size() == 1);
  CHECK(late.front().starts_with("c.toml:4:22: warning: server.heartbeat_interval: "));
  const auto never = with("heartbeat_interval = 0", "");
  REQUIRE(never.size() == 1);
  CHECK(never.front().contains("0, which sends no heartbeats"));
}

TEST_CASE("warnings: different transports of a client and a server that use the same address") {
  const std::string noise = "[server.transport]\ntype = \"noise\"\nnoise = {}\n";
  const auto lines = warnings(server + noise + client);
  REQUIRE(lines.size() == 1);
  CHECK(lines.front() ==
        "c.toml:8:15: warning: client.remote_addr: the transport of `[server]` is `noise` and that "
        "of `[client]` is `tcp`; give both sides the same `transport.type`, unless they are not "
        "meant for each other");
  CHECK(warnings(server + noise + "[client]\nremote_addr = \"h:2\"\nservices = {}\n").empty());
}

TEST_CASE("warnings: well-known example tokens") {
  const auto lines = warnings(
      "[server]\nbind_addr = \"h:1\"\ndefault_token = \"\"\n"
      "[server.services.a]\nbind_addr = \"h:2\"\n"
      "token = \"replace this by a secret of your own\"\n");
  REQUIRE(lines.size() == 2);
  CHECK(lines[0] ==
        "c.toml:3:17: warning: server.default_token: an empty token protects nothing: anybody can "
        "serve the service; write a secret of your own");
  CHECK(lines[1] ==
        "c.toml:6:9: warning: server.services.a.token: this token is in public examples, so "
        "everybody knows it; write a secret of your own, such as `openssl rand -hex 16` prints");
}

TEST_CASE("problems: a wrong value has no warnings that others have no effect") {
  const std::string web =
      server.substr(0, server.find("services")) +
      "[server.services.a]\ntoken = \"a secret of mine\"\nbind_addr = \"h:2\"\n";
  for (const std::string keys :
       {"on_conflict = \"balanced\"\nmax_clients = 3\n",
        "on_conflict = true\naffinity = \"source\"\n",
        "type = \"UDP\"\nproxy_protocol_datagrams = \"every\"\n",
        "type = \"UDP\"\n[server.services.b]\ntoken = \"mine\"\nbind_addr = \"h:2\"\n",
        "accept_proxy_protocol = \"true\"\ntrusted_proxies = \"10.0.0.7\"\n",
        "proxy_protocol = \"V2\"\nproxy_protocol_datagrams = \"every\"\ntype = \"udp\"\n"}) {
    CAPTURE(keys);
    CHECK(only_line(web + keys).starts_with("c.toml:6:"));
  }
  CHECK(only_line(client + "transport = {type = \"tcp\", multiplex = 1, connections = 2}\n")
            .contains("transport.multiplex: invalid type"));
}

TEST_CASE("problems: a misspelt default token is reported once, and a port has a maximum") {
  const auto found = read(
      "[server]\nbind_addr = \"h:70800\"\ndefault_tokn = \"x\"\n"
      "[server.services.a]\nbind_addr = \"h:2\"\n[server.services.b]\nbind_addr = \"h:3\"\n",
      "c.toml");
  REQUIRE_FALSE(found.has_value());
  REQUIRE(found.error().size() == 2);
  CHECK(to_string(found.error()[0])
            .starts_with("c.toml:2:13: server.bind_addr: the port is above 65535; use a "
                         "port from 1 to 65535"));
  CHECK(to_string(found.error()[1]).ends_with("did you mean `default_token`?"));
}

TEST_CASE("problems: the name of a host has at most 253 characters") {
  const std::string name(60'000, 'a');
  for (const std::string& text :
       {"[server]\nbind_addr = \"" + name + ":1\"\nservices = {}\n",
        "[client]\nremote_addr = \"" + name + ":1\"\nservices = {}\n",
        "[client]\nremote_addr = \"h:1\"\n[client.services.a]\ntoken = \"t\"\nlocal_addr = \"" +
            name + ":1\"\n"}) {
    const auto found = read(text, "c.toml");
    REQUIRE_FALSE(found.has_value());
    REQUIRE(found.error().size() == 1);
    CHECK(to_string(found.error()[0])
              .ends_with("_addr: the host name is too long; a name has at most 253 characters"));
  }
}

TEST_CASE("warnings: port 0 cannot be dialled") {
  const auto lines = warnings("[client]\nremote_addr = \"h:0\"\nservices = {}\n");
  REQUIRE(lines.size() == 1);
  CHECK(lines.front() ==
        "c.toml:2:15: warning: client.remote_addr: nothing can be reached at port 0; name the "
        "port");
}

TEST_CASE("warnings: they are reported together with the errors of an unusable file") {
  const auto found =
      read("[server]\nbind_addr = \"*:1\"\ndefault_token = \"\"\nservices = {}\n", "c.toml");
  REQUIRE_FALSE(found);
  REQUIRE(found.error().size() == 2);
  CHECK(to_string(found.error()[0]) ==
        "c.toml:2:13: server.bind_addr: `*` is not an address; write `0.0.0.0` for all IPv4 "
        "addresses, or `[::]` for all addresses");
  CHECK(found.error()[1].level == severity::warning);
}

TEST_CASE("the value of `log` is validated by a callback of the program") {
  const auto check = [](std::string_view text) {
    return text == "loud" ? std::optional<std::string>("too loud") : std::nullopt;
  };
  const std::string file = "log = \"loud\"\n[server]\nbind_addr = \"h\"\nservices = {}\n";
  const auto found = read(file, "c.toml", check);
  REQUIRE_FALSE(found);
  REQUIRE(found.error().size() == 2);
  CHECK(to_string(found.error()[0]) == "c.toml:1:7: log: too loud");
  CHECK(read("log = \"calm\"\n" + server, "c.toml", check));
}

TEST_CASE("a document knows the positions of its keys") {
  const auto found = read(server +
                              "[server.transport]\ntype = \"tls\"\ntls.pkcs12 = \"p\"\n"
                              "tls.pkcs12_password = \"\"\n",
                          "c.toml");
  REQUIRE(found);
  const auto located = [&](const char* key) {
    problem of;
    of.key = key;
    of.what = "x";
    return to_string(found->where.locate(of));
  };
  CHECK(located("server.transport.type") == "c.toml:5:8: server.transport.type: x");
  CHECK(located("server.transport.tls.engine") == "c.toml:6:1: server.transport.tls.engine: x");
  CHECK(located("client.transport.type") == "c.toml: client.transport.type: x");
}

TEST_CASE("IPv6 addresses need no brackets") {
  const auto found = parse(
      "[server]\nbind_addr = [\":::2333\", \"fe80::77%eth0:2335\"]\n"
      "default_token = \"t\"\n"
      "[server.services.a]\nbind_addr = \"::1:2334\"\n"
      "[client]\nremote_addr = \"2001:db8::1:2333\"\ndefault_token = \"t\"\n"
      "[client.services.a]\nlocal_addr = \"::1:80\"\n",
      "c.toml");
  REQUIRE(found);
  CHECK(found->server->bind_addr[0] == address{"::", 2333});
  CHECK(found->server->bind_addr[1] == address{"fe80::77%eth0", 2335});
  CHECK(found->server->services[0].bind_addr[0] == address{"::1", 2334});
  CHECK(found->client->remote_addr == address{"2001:db8::1", 2333});
  CHECK(found->client->services[0].local_addr == address{"::1", 80});
}

}  // namespace
}  // namespace rathole::config
