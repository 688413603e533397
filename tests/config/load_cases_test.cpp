#include <rathole/config/parse.hpp>

#include <doctest/doctest.h>

#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::config {
namespace {

/// The errors as lines, or "loads".
std::vector<std::string> outcome(std::string_view text) {
  const auto parsed = parse(text, "c.toml");
  if (parsed) return {"loads"};
  std::vector<std::string> lines;
  for (const problem& each : parsed.error()) {
    if (each.level == severity::error) lines.push_back(to_string(each));
  }
  return lines;
}

struct row {
  std::string_view name;
  std::string_view text;
  std::vector<std::string> lines;
};

void check_rows(const std::vector<row>& rows) {
  for (const row& each : rows) {
    CAPTURE(each.name);
    const auto lines = outcome(each.text);
    CHECK(lines.size() == each.lines.size());
    for (std::size_t i = 0; i < lines.size() && i < each.lines.size(); ++i) {
      CHECK(lines[i] == each.lines[i]);
    }
  }
}

constexpr std::string_view address_remedy =
    "; write it like `bind_addr = \"0.0.0.0:2333\"`, an IPv6 address in brackets";
constexpr std::string_view proxy_remedy =
    "; write it like `socks5://user:password@host:1080` or `http://host:8080`, special characters "
    "in user and password as %XX";

TEST_CASE("files that upstream loads are loaded") {
  const row rows[] = {
      {"a server without services",
       R"(
[server]
bind_addr = "0.0.0.0:2333"
[server.services]
)",
       {}},
      {"noise with an empty table",
       R"(
[client]
remote_addr = "example.com:2333"
default_token = "t"
[client.services.a]
local_addr = "127.0.0.1:80"
[client.transport]
type = "noise"
[client.transport.noise]
)",
       {}},
      {"a name with a blank, an empty token, an inline table",
       R"(
[client]
remote_addr = "example.com:2333"
[client.services."my svc"]
token = ""
local_addr = "127.0.0.1:80"
[client.transport]
type = "tls"
tls = {}
)",
       {}},
      {"a heartbeat turned off",
       R"(
[client]
remote_addr = "h:1"
heartbeat_timeout = 0
retry_interval = 0
services = {}
)",
       {}},
      {"websocket without its table, which fails at start only",
       R"(
[client]
remote_addr = "h:1"
[client.services]
[client.transport]
type = "websocket"
)",
       {}},
      {"noise without its table, which fails at start only",
       R"(
[server]
bind_addr = "h:1"
[server.services]
[server.transport]
type = "noise"
)",
       {}},
      {"everything that upstream's manual shows, with its placeholders",
       R"(
[client]
remote_addr = "example.com:2333"
default_token = "default_token_if_not_specify"
heartbeat_timeout = 40
retry_interval = 1
[client.transport]
type = "tcp"
[client.transport.tcp]
proxy = "socks5://user:passwd@127.0.0.1:1080"
nodelay = true
keepalive_secs = 20
keepalive_interval = 8
[client.transport.tls]
trusted_root = "ca.pem"
hostname = "example.com"
[client.transport.noise]
pattern = "Noise_NK_25519_ChaChaPoly_BLAKE2s"
local_private_key = "key_encoded_in_base64"
remote_public_key = "key_encoded_in_base64"
[client.transport.websocket]
tls = true
[client.services.service1]
type = "tcp"
token = "whatever"
local_addr = "127.0.0.1:1081"
nodelay = true
retry_interval = 1
[client.services.service2]
local_addr = "127.0.0.1:1082"
[server]
bind_addr = "0.0.0.0:2333"
default_token = "default_token_if_not_specify"
heartbeat_interval = 30
[server.transport]
type = "tcp"
[server.transport.tcp]
nodelay = true
keepalive_secs = 20
keepalive_interval = 8
[server.transport.tls]
pkcs12 = "identify.pfx"
pkcs12_password = "password"
[server.transport.noise]
pattern = "Noise_NK_25519_ChaChaPoly_BLAKE2s"
local_private_key = "key_encoded_in_base64"
remote_public_key = "key_encoded_in_base64"
[server.transport.websocket]
tls = true
[server.services.service1]
type = "tcp"
token = "whatever"
bind_addr = "0.0.0.0:8081"
nodelay = true
[server.services.service2]
bind_addr = "0.0.0.1:8082"
)",
       {}},
  };
  for (const row& each : rows) {
    CAPTURE(each.name);
    CHECK(outcome(each.text) == std::vector<std::string>{"loads"});
  }
}

TEST_CASE("files that upstream rejects are rejected, with position and remedy") {
  check_rows({
      {"an empty file",
       "",
       {"c.toml:1:1: Neither of `[server]` or `[client]` is defined; add at least one of them"}},
      {"only a comment",
       "\n# nothing\n",
       {"c.toml:1:1: Neither of `[server]` or `[client]` is defined; add at least one of them"}},
      {"a server without services",
       "\n  [server]\nbind_addr = \"h:1\"\n",
       {"c.toml:2:3: server: missing field `services`; add `[server.services]`, which may be "
        "empty"}},
      {"a service without token",
       R"([server]
bind_addr = "h:1"
[server.services.web]
bind_addr = "h:2"
)",
       {"c.toml:3:1: server.services.web: The token of service web is not set; add `token = "
        "\"...\"` here or `default_token = \"...\"` in [server]"}},
      {"a transport without type",
       R"([client]
remote_addr = "h:1"
services = {}
[client.transport.tcp]
)",
       {"c.toml:4:1: client.transport: missing field `type`; add `type = \"tcp\"` to the table"}},
      {"websocket without tls",
       R"([client]
remote_addr = "h:1"
services = {}
transport.type = "tcp"
transport.websocket = {}
)",
       {"c.toml:5:23: client.transport.websocket: missing field `tls`; add `tls = false` or `tls "
        "= true`"}},
      {"retry_interval in a server service",
       R"([server]
bind_addr = "h:1"
[server.services.web]
bind_addr = "h:2"
token = ""
retry_interval = 1
)",
       {"c.toml:6:1: server.services.web.retry_interval: unknown field `retry_interval`; it "
        "belongs to `[client.services.web]`"}},
      {"wrong lists of addresses",
       R"([server]
bind_addr = []
[server.services.a]
token = ""
bind_addr = ["h:1", 2]
[server.services.b]
token = ""
bind_addr = ["h:1", "h"]
[server.services.c]
token = ""
bind_addr = ["h:3", "h:3"]
)",
       {"c.toml:2:13: server.bind_addr: an empty list; name 1 to 64",
        "c.toml:5:21: server.services.a.bind_addr: invalid type: integer, expected a string; "
        "write it like `bind_addr = \"0.0.0.0:8080\"`",
        "c.toml:8:13: server.services.b.bind_addr: not an address of the form host:port"
        "; write it like `bind_addr = \"0.0.0.0:8080\"`, an IPv6 address in brackets",
        "c.toml:11:13: server.services.c.bind_addr: the same address and port as "
        "server.services.c.bind_addr; use another port, or 0 for one that the system chooses"}},
      {"UDP data channels beyond their bound",
       R"([server]
bind_addr = "h:1"
services.a = { type = "udp", token = "", bind_addr = "h:2", pool = { size = 65 } }
services.b = { type = "udp", token = "", bind_addr = "h:3", udp = { queue_size = 1 } }
)",
       {"c.toml:3:68: server.services.a.pool: a UDP service has 1 to 64 data channels; give `size` "
        "such a value",
        "c.toml:4:82: server.services.b.udp.queue_size: invalid value: the number is out of range; "
        "use 65792 to 1073741824"}},
      {"a client's key in a server's `udp`, and a value of another type",
       R"([server]
bind_addr = "h:1"
udp = { answers_from_any_port = true }
services = {}
[client]
remote_addr = "h:1"
udp = { answers_from_any_port = 1 }
services = {}
)",
       {"c.toml:3:9: server.udp.answers_from_any_port: unknown field `answers_from_any_port`; "
        "it belongs to `[client.udp]`",
        "c.toml:7:33: client.udp.answers_from_any_port: invalid type: integer, expected a boolean; "
        "write `true` or `false` without quotes"}},
      {"a misspelt table",
       "[clients]\n",
       {"c.toml:1:2: clients: unknown field `clients`; did you mean `client`?"}},
      {"a name inside a service",
       R"([client]
remote_addr = "h:1"
[client.services."a.b"]
name = "web"
token = ""
local_addr = "h:2"
)",
       {"c.toml:4:1: client.services.\"a.b\".name: unknown field `name`; expected one of `type`, "
        "`local_addr`, `strategy`, `health_check`, `server_ports`, `token`, `token_file`, "
        "`nodelay`, `retry_interval`, "
        "`prefer_ipv6`, "
        "`connect_timeout`, "
        "`idle_timeout`, "
        "`half_close_timeout`, `udp`"}},
      {"a negative time",
       "[client]\nremote_addr = \"h:1\"\nservices = {}\nheartbeat_timeout = -1",
       {"c.toml:4:21: client.heartbeat_timeout: invalid value: the number is out of range; use 0 "
        "to 315360000"}},
      {"text for a number",
       "[client]\nremote_addr = \"h:1\"\nservices = {}\nheartbeat_timeout = \"40\"",
       {"c.toml:4:21: client.heartbeat_timeout: invalid type: string, expected an integer; write a "
        "number, 0 to 315360000"}},
      {"a float",
       "[client]\nremote_addr = \"h:1\"\nservices = {}\nretry_interval = 1.5",
       {"c.toml:4:18: client.retry_interval: invalid type: float, expected an integer; write a "
        "number, 0 to 315360000"}},
      {"an upper-case variant",
       R"([client]
remote_addr = "h:1"
[client.services.a]
type = "TCP"
local_addr = "h:2"
token = ""
[client.transport]
type = "quic"
)",
       {"c.toml:4:8: client.services.a.type: unknown variant; expected one of `tcp`, `udp`, "
        "`socket_stream`",
        "c.toml:8:8: client.transport.type: unknown variant; expected one of `tcp`, `tls`, "
        "`noise`, `websocket`"}},
      {"tls without its table",
       R"([client]
remote_addr = "h:1"
services = {}
[client.transport]
type = "tls"
)",
       {"c.toml:4:1: client.transport: Missing TLS configuration; add `[client.transport.tls]`"}},
      {"a tls server without password",
       R"([server]
bind_addr = "h:1"
services = {}
[server.transport]
type = "tls"
[server.transport.tls]
pkcs12 = "id.pfx"
)",
       {"c.toml:6:1: server.transport.tls: Missing `pkcs12` or `pkcs12_password`; name the "
        "identity "
        "file and its password, or `cert` and `key`"}},
      {"an unknown field in each table of a transport",
       R"([client]
remote_addr = "h:1"
services = {}
[client.transport]
type = "tcp"
quic = {}
[client.transport.tcp]
no_delay = true
[client.transport.tls]
root = ""
[client.transport.noise]
patern = ""
[client.transport.websocket]
tls = false
ping = 1
)",
       {"c.toml:6:1: client.transport.quic: unknown field `quic`; expected one of `type`, `tcp`, "
        "`tls`, `noise`, `websocket`, "
        "`multiplex`, `connections`",
        "c.toml:8:1: client.transport.tcp.no_delay: unknown field `no_delay`; did you mean "
        "`nodelay`?",
        "c.toml:10:1: client.transport.tls.root: unknown field `root`; expected one of `hostname`, "
        "`trusted_root`, `pkcs12`, `pkcs12_password`, `pkcs12_password_file`, `trusted_root_only`, "
        "`cert`, `key`, "
        "`engine`, "
        "`half_close_timeout`",
        "c.toml:12:1: client.transport.noise.patern: unknown field `patern`; did you mean "
        "`pattern`?",
        "c.toml:15:1: client.transport.websocket.ping: unknown field `ping`; expected one of "
        "`tls`, `path`, `host`, `headers`, `ping_interval`"}},
      {"invalid host names and paths",
       R"([client]
remote_addr = "h:1"
services = {}
[client.transport]
type = "tls"
[client.transport.tls]
hostname = "."
trusted_root = "root.pem\u0000.bak"
)",
       {"c.toml:7:12: client.transport.tls.hostname: not a host name; write the name or address "
        "that "
        "the server's certificate is for",
        "c.toml:8:16: client.transport.tls.trusted_root: a NUL character; remove it"}},
  });

  for (const auto& [url, what] :
       std::vector<std::pair<std::string, std::string>>{{"https://h:1", "Unknown proxy scheme"},
                                                        {"socks5h://h:1", "Unknown proxy scheme"},
                                                        {"127.0.0.1:1080", "not a URL"}}) {
    const std::string text =
        "[server]\nbind_addr = \"h:1\"\nservices = {}\n[server.transport]\n"
        "type = \"tcp\"\ntcp.proxy = \"" +
        url + "\"\n";
    CHECK(outcome(text) == std::vector<std::string>{"c.toml:6:13: server.transport.tcp.proxy: " +
                                                    what + std::string(proxy_remedy)});
  }
}

TEST_CASE("errors that upstream finds at run time are found when the file is loaded") {
  const std::string no_address = "not an address of the form host:port";
  check_rows({
      {"addresses",
       R"([server]
bind_addr = "0.0.0.0"
services = {}
[client]
remote_addr = "a:b:80"
[client.services.a]
token = ""
local_addr = "127.0.0.1:http"
)",
       {"c.toml:2:13: server.bind_addr: " + no_address + std::string(address_remedy),
        "c.toml:5:15: client.remote_addr: " + no_address +
            "; write it like `remote_addr = \"example.com:2333\"`, an IPv6 address in brackets",
        "c.toml:8:14: client.services.a.local_addr: " + no_address +
            "; write it like `local_addr = \"127.0.0.1:80\"`, an IPv6 address in brackets"}},
      {"listeners that conflict, reported once each",
       R"([server]
bind_addr = "0.0.0.0:1"
default_token = "t"
[server.services.z]
bind_addr = "0.0.0.0:2"
[server.services.a]
bind_addr = "127.0.0.1:2"
[server.services.b]
bind_addr = "127.0.0.1:1"
[server.services.c]
bind_addr = "127.0.0.1:2"
)",
       {"c.toml:7:13: server.services.a.bind_addr: the same address and port as "
        "server.services.z.bind_addr in c.toml:5:13; use another port, or 0 for one that the "
        "system chooses",
        "c.toml:9:13: server.services.b.bind_addr: the same address and port as server.bind_addr "
        "in c.toml:2:13; "
        "use another port, or 0 for one that the system chooses",
        "c.toml:11:13: server.services.c.bind_addr: the same address and port as "
        "server.services.z.bind_addr in c.toml:5:13; use another port, or 0 for one that the "
        "system chooses"}},
      {"noise keys",
       R"([client]
remote_addr = "h:1"
services = {}
[client.transport]
type = "noise"
[client.transport.noise]
local_private_key = "c2hvcnQ="
remote_public_key = "not base64"
)",
       {"c.toml:7:21: client.transport.noise.local_private_key: Failed to decode "
        "local_private_key: not 32 bytes in base64; use a key that `rathole --genkey` printed",
        "c.toml:8:21: client.transport.noise.remote_public_key: Failed to decode "
        "remote_public_key: not 32 bytes in base64; use a key that `rathole --genkey` printed"}},
      {"noise keys that are all zero",
       R"([client]
remote_addr = "h:1"
services = {}
[client.transport]
type = "noise"
[client.transport.noise]
local_private_key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
remote_public_key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
)",
       {"c.toml:7:21: client.transport.noise.local_private_key: all bytes are zero, so the key "
        "protects nothing; use a key that `rathole --genkey` printed",
        "c.toml:8:21: client.transport.noise.remote_public_key: all bytes are zero, so the key "
        "protects nothing; use a key that `rathole --genkey` printed"}},
      {"a pool that contradicts itself",
       R"([server]
bind_addr = "h:1"
default_token = "t"
[server.pool]
max_idle = 10
[server.services.a]
bind_addr = "h:2"
pool.size = 11
)",
       {"c.toml:8:1: server.services.a.pool: `size` 11 is more than `max_idle` 10; raise "
        "`max_idle` or lower `size`"}},
      {"a pool that cannot grow as it should",
       R"([server]
bind_addr = "h:1"
default_token = "t"
[server.services.a]
bind_addr = "h:2"
pool = { size = 10, max_size = 9 }
[server.services.b]
bind_addr = "h:3"
pool = { max_size = 257 }
)",
       {"c.toml:6:8: server.services.a.pool: `max_size` 9 is not between `size` 10 and `max_idle` "
        "256; choose a number between them, or leave it out",
        "c.toml:9:8: server.services.b.pool: `max_size` 257 is not between `size` 8 and `max_idle` "
        "256; choose a number between them, or leave it out"}},
      {"our own times, which cannot be 0",
       R"([client]
remote_addr = "h:1"
services = {}
connect_timeout = 0
handshake_timeout = 0
max_dials = 0
shutdown_grace = 0
)",
       {"c.toml:4:19: client.connect_timeout: invalid value: the number is out of range; use 1 to "
        "315360000",
        "c.toml:5:21: client.handshake_timeout: invalid value: the number is out of range; use 1 "
        "to 315360000",
        "c.toml:6:13: client.max_dials: invalid value: the number is out of range; use 1 to "
        "65536"}},
      {"a number of connections that is out of range",
       R"([client]
remote_addr = "h:1"
services = {}
[client.transport]
type = "tcp"
multiplex = true
connections = 17
)",
       {"c.toml:7:15: client.transport.connections: invalid value: the number is out of range; use "
        "1 to 16"}},
      {"our own bounds, which cannot be 0 nor without end",
       R"([client]
remote_addr = "h:1"
services = {}
max_forwards = 0
[server]
bind_addr = "h:1"
services = {}
max_handshakes = 0
max_handshakes_per_address = 65537
)",
       {"c.toml:4:16: client.max_forwards: invalid value: the number is out of range; use 1 to "
        "1048576",
        "c.toml:8:18: server.max_handshakes: invalid value: the number is out of range; use 1 to "
        "65536",
        "c.toml:9:30: server.max_handshakes_per_address: invalid value: the number is out of "
        "range; use 1 to 65536"}},
      {"times beyond reason",
       R"([client]
remote_addr = "h:1"
services = {}
heartbeat_timeout = 9223372036854775807
[client.transport]
type = "tcp"
[client.transport.tcp]
keepalive_secs = 32768
user_timeout = 2147484
)",
       {"c.toml:4:21: client.heartbeat_timeout: invalid value: the number is out of range; use 0 "
        "to 315360000",
        "c.toml:8:18: client.transport.tcp.keepalive_secs: invalid value: the number is out of "
        "range; use 0 to 32767",
        "c.toml:9:16: client.transport.tcp.user_timeout: invalid value: the number is out of "
        "range; use 0 to 2147483"}},
  });
}

TEST_CASE("contradictions of the PROXY protocol are errors") {
  const std::string head =
      "[server]\nbind_addr = \"h:1\"\n[server.services.a]\ntoken = \"t\"\nbind_addr = \"h:2\"\n";
  const auto at = [](int column) {
    return "c.toml:6:" + std::to_string(column) + ": server.services.a.";
  };
  check_rows({
      {"two versions",
       head + "enable_proxy_protocol = true\nproxy_protocol = \"v2\"\n",
       {at(25) + "enable_proxy_protocol: `proxy_protocol` is there too; keep `proxy_protocol`"}},
      {"an unknown version",
       head + "proxy_protocol = \"v3\"\n",
       {"c.toml:6:18: server.services.a.proxy_protocol: unknown variant; expected one of `v1`, "
        "`v2`"}},
      {"version 1 for UDP",
       head + "proxy_protocol = \"v1\"\ntype = \"udp\"\n",
       {at(18) + "proxy_protocol: version 1 is for TCP only; write `proxy_protocol = \"v2\"`"}},
      {"version 1 by upstream's key for UDP",
       head + "enable_proxy_protocol = true\ntype = \"udp\"\n",
       {at(25) +
        "enable_proxy_protocol: version 1 is for TCP only; write `proxy_protocol = \"v2\"`"}},
      {"nobody is trusted",
       head + "accept_proxy_protocol = true\n",
       {at(25) +
        "accept_proxy_protocol: without `trusted_proxies` anybody could claim any address; name "
        "the addresses of the proxies, such as `trusted_proxies = [\"10.0.0.7\"]`"}},
      {"no network",
       head + "trusted_proxies = [\"10.0.0.0/33\", \"proxy.example.com\"]\naccept_proxy_protocol = "
              "true\n",
       {at(19) + "trusted_proxies: entries 1 and 2 are no IP addresses or networks; write it like "
                 "`10.0.0.0/8`, `192.0.2.7`, `2001:db8::/32`, or `unix:` for the peers of "
                 "Unix-domain sockets"}},
      {"headers from visitors of UDP",
       head + "accept_proxy_protocol = true\ntrusted_proxies = [\"::1\"]\ntype = \"udp\"\n",
       {at(25) + "accept_proxy_protocol: for TCP services only; remove it"}},
      {"the clients' port",
       "[server]\nbind_addr = \"h:1\"\naccept_proxy_protocol = true\nservices = {}\n",
       {"c.toml:3:25: server.accept_proxy_protocol: without `trusted_proxies` anybody could claim "
        "any "
        "address; name the addresses of the proxies, such as `trusted_proxies = [\"10.0.0.7\"]`"}},
  });
}

TEST_CASE("wrong limits on who may come are problems") {
  const std::string head =
      "[server]\nbind_addr = \"h:1\"\n[server.services.a]\ntoken = \"t\"\nbind_addr = \"h:2\"\n";
  const auto at = [](int column) {
    return "c.toml:6:" + std::to_string(column) + ": server.services.a.";
  };
  const std::string network =
      "; write it like `10.0.0.0/8`, `192.0.2.7`, `2001:db8::/32`, or `unix:` for the "
      "peers of Unix-domain sockets";
  check_rows({
      {"no networks",
       head + "allow = [\"10.0.0.0/8\", \"example.com\"]\ndeny = \"*\"\n",
       {at(9) + "allow: entry 2 is not an IP address or network" + network,
        "c.toml:7:8: server.services.a.deny: not an IP address or network" + network}},
      {"an empty list", head + "allow = []\n", {at(9) + "allow: an empty list; name 1 to 1024"}},
      {"no room for anybody",
       head + "max_connections = 0\nmax_connections_per_address = 1048577\n",
       {at(19) + "max_connections: invalid value: the number is out of range; use 1 to 1048576",
        "c.toml:7:31: server.services.a.max_connections_per_address: invalid value: the number is "
        "out of range; use 1 to 1048576"}},
      {"clients that nobody can have",
       head + "on_conflict = \"share\"\nmax_clients = 1025\naffinity = \"cookie\"\n",
       {at(15) + "on_conflict: unknown variant; expected one of `replace`, `reject`, `balance`",
        "c.toml:7:15: server.services.a.max_clients: invalid value: the number is out of range; "
        "use 1 to 1024",
        "c.toml:8:12: server.services.a.affinity: unknown variant; expected one of "
        "`none`, "
        "`source`"}},
      {"a rate of nothing",
       head + "new_connections_per_second = 0\n",
       {at(30) + "new_connections_per_second: invalid value: the number is out of range; use 1 to "
                 "1000000"}},
      {"a rate in words",
       head + "new_connections_per_second = \"10\"\n",
       {at(30) + "new_connections_per_second: invalid type: string, expected an integer; write a "
                 "number, 1 to 1000000"}},
      {"a burst without a rate",
       head + "new_connections_per_second = { burst = 0, bursts = 1 }\n",
       {at(30) + "new_connections_per_second: missing field `rate`; add `rate = 10`, in "
                 "connections a second",
        at(40) + "new_connections_per_second.burst: invalid value: the number is out of range; use "
                 "1 to 1000000",
        at(43) + "new_connections_per_second.bursts: unknown field `bursts`; did you mean "
                 "`burst`?"}},
      {"connections of UDP",
       head + "max_connections = 9\ntype = \"udp\"\n",
       {at(19) + "max_connections: for TCP services only; set `max_visitors` in the table `udp` "
                 "instead"}},
      {"the clients' port",
       "[server]\nbind_addr = \"h:1\"\ndeny = [\"h\"]\nservices = {}\nmax_connections = 9\n",
       {"c.toml:3:8: server.deny: not an IP address or network" + network,
        "c.toml:5:1: server.max_connections: unknown field `max_connections`; it belongs to "
        "`[server.services.NAME]`"}},
  });
}

TEST_CASE("wrong bandwidths are problems") {
  const std::string head =
      "[server]\nbind_addr = \"h:1\"\n[server.services.a]\ntoken = \"t\"\nbind_addr = \"h:2\"\n";
  const auto at = [](int column) {
    return "c.toml:6:" + std::to_string(column) + ": server.services.a.bandwidth_limit";
  };
  const std::string form =
      ": not a number of bytes in a second; write it like `10 MiB/s`, with B, KiB, MiB, GiB, kB, "
      "MB "
      "or GB";
  const std::string range = ": invalid value: the rate is out of range; use 1 KiB/s to 1024 GiB/s";
  check_rows({
      {"bits", head + "bandwidth_limit = \"10 Mbit/s\"\n", {at(19) + form}},
      {"a number",
       head + "bandwidth_limit = 10\n",
       {at(19) + ": invalid type: integer, expected a string; put the text in quotes"}},
      {"too little", head + "bandwidth_limit = \"1023 B/s\"\n", {at(19) + range}},
      {"too much, and a direction that there is not",
       head + "bandwidth_limit = { in = \"1025 GiB/s\", up = \"1 MB/s\" }\n",
       {at(26) + ".in" + range, at(40) + ".up: unknown field `up`; expected one of `in`, `out`"}},
      {"UDP",
       head + "type = \"udp\"\nbandwidth_limit = \"1 MB/s\"\n",
       {"c.toml:7:19: server.services.a.bandwidth_limit: for TCP services only; remove it"}},
  });
}

TEST_CASE("all problems are reported together, in the order of the file") {
  check_rows({
      {"every kind of mistake",
       R"([client]
remote_addr = 5
heartbeat = 3
[client.services]
a = 3
[server]
bind_adr = "h:1"
[server.services.x]
nodelay = "yes"
[[server.transport]]
)",
       {"c.toml:2:15: client.remote_addr: invalid type: integer, expected a string; write it like "
        "`remote_addr = \"example.com:2333\"`",
        "c.toml:3:1: client.heartbeat: unknown field `heartbeat`; expected one of `remote_addr`, "
        "`strategy`, `prefer_ipv6`, `default_token`, `default_token_file`, `heartbeat_timeout`, "
        "`retry_interval`, `connect_timeout`, `max_retries`, "
        "`handshake_timeout`, `shutdown_grace`, `shutdown_idle_timeout`, `max_dials`, "
        "`max_forwards`, `workers`, `ready_timeout`, `idle_timeout`, `half_close_timeout`, `udp`, "
        "`transport`, `admin`, `services`",
        "c.toml:5:5: client.services.a: invalid type: integer, expected a table; write "
        "`[client.services.a]`",
        "c.toml:6:1: server: missing field `bind_addr`; add `bind_addr = \"0.0.0.0:2333\"`",
        "c.toml:7:1: server.bind_adr: unknown field `bind_adr`; did you mean `bind_addr`?",
        "c.toml:8:1: server.services.x: The token of service x is not set; add `token = \"...\"` "
        "here or `default_token = \"...\"` in [server]",
        "c.toml:8:1: server.services.x: missing field `bind_addr`; add `bind_addr = "
        "\"0.0.0.0:8080\"`",
        "c.toml:9:11: server.services.x.nodelay: invalid type: string, expected a boolean; write "
        "`true` or `false` without quotes",
        "c.toml:10:1: server.transport: invalid type: array, expected a table; write "
        "`[server.transport]`"}},
  });
}

TEST_CASE("a syntax error is the only problem reported, with its line") {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"[clients]\nx = 1\n[server\n", "c.toml:3:"},
      {"[client]\nremote_addr = \"h:1\"\nremote_addr = \"h:2\"\n", "c.toml:3:"},
      {"[client]\n# \xff\n", "c.toml:2:"},
      {"[client]\nx = y\n", "c.toml:2:"},
      {"[client]\nx = 1979-05-27T\b07:32:00Z\n", "c.toml:2:"},
      {"[client]\nx = [1,\n2\n", "c.toml:"},
      {"[client]\n[client]\n", "c.toml:2:"},
  };
  for (const auto& [text, place] : rows) {
    CAPTURE(text);
    const auto lines = outcome(text);
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].starts_with(place));
    CHECK(lines[0].contains(": syntax error"));
    CHECK(lines[0].ends_with("; mend the TOML here; text needs quotes, and the file is UTF-8"));
  }
}

TEST_CASE("a key nested too deeply is an error") {
  std::string text = "\n";
  for (int i = 0; i < 200'000; ++i) text += "a.";
  CHECK(outcome(text + "a = 1\n") ==
        std::vector<std::string>{"c.toml:2:2050: too many dots in one line; shorten the key"});
}

TEST_CASE("a table header without a key is an error, except inside strings and arrays") {
  for (const std::string header : {"[!x]", "[", "[[", "[ [", "[ \t.x]", "[#]", "[=]"}) {
    CAPTURE(header);
    const std::string lines = "# \" [!\n  " + header + "\nx]\n";
    CHECK(outcome(lines) ==
          std::vector<std::string>{"c.toml:2:3: syntax error in table header: expected a key; "
                                   "name the table"});
  }
  const std::string server = "[server]\nbind_addr = \"h:1\"\nservices = {}\n";
  for (const std::string& token :
       std::vector<std::string>{"\"\"\"\n[!x]\\\"\"\"\n[!x]\"\"\"\"\"", "'''\n[!x]\\'''", "'\\'",
                                "\"\\\"\" # [!", "\"" + std::string(2000, '.') + "\""}) {
    CAPTURE(token);
    CHECK(outcome(server + "default_token = " + token + "\n") == std::vector<std::string>{"loads"});
  }
  CHECK(outcome(server + "default_token = [\n[{a=1}],\n[ # x\n]]\n") ==
        std::vector<std::string>{"c.toml:4:17: server.default_token: invalid type: array, expected "
                                 "a string; write one text in quotes, without brackets"});
}

TEST_CASE("characters outside ASCII are accepted only in strings and comments") {
  for (const std::string text : {"a \xc3\xa9 = 1", "a = \xd2\x94", "a = 3\"\xd2\x94\"", "\xff"}) {
    CAPTURE(text);
    const auto column = std::to_string(text.find_first_of("\xc3\xd2\xff") + 1);
    CHECK(outcome("\xef\xbb\xbf" + text) ==
          std::vector<std::string>{"c.toml:1:" + column +
                                   ": syntax error: only strings and comments have characters "
                                   "outside of ASCII; put the key or the text in quotes"});
  }
  CHECK(outcome("# \xc3\xa9\n[server] # \xc3\xa9\nbind_addr = \"\xc3\xa9:1\"\nservices = {}\n") ==
        std::vector<std::string>{"loads"});
  // A quote inside a number starts no string, and a header inside a multi-line string is none.
  CHECK(outcome("a = [1[''''[2\xc3\xa9]").size() == 1);
  CHECK(outcome("a = \"\"\"\\\xc3\xa9\"\"\"").size() == 1);
  CHECK(outcome("[client]\nremote_addr = \"h:1\"\nservices = {}\n"
                "default_token = \"\"\"\\\n  \xc3\xa9t\xc3\xa9\"\"\"\n") ==
        std::vector<std::string>{"loads"});
}

TEST_CASE("no problem repeats a secret") {
  const std::string_view texts[] = {
      "[server]\nbind_addr=\"h:1\"\nservices={}\ndefault_token = 73121337",
      "[server]\nbind_addr=\"h:1\"\nservices={}\ndefault_token = [\"73121337\"]",
      "[server]\nbind_addr=\"h:1\"\nservices={}\ndefault_tokn = \"73121337\"",
      "[server]\nbind_addr=\"73121337\"\nservices={}",
      "[server]\nbind_addr=\"h:1\"\nservices={}\n[server.transport]\ntype=\"73121337\"",
      "[server]\nbind_addr=\"h:1\"\nservices={}\n[server.transport]\ntype=\"tcp\"\n"
      "tcp.proxy=\"ftp://73121337:73121337@h\"",
      "[server]\nbind_addr=\"h:1\"\nservices={}\n[server.transport]\ntype=\"noise\"\n"
      "noise.local_private_key=\"73121337\"",
      "[server]\ndefault_token = 73121337731213377312133773121337",
      "[server]\ndefault_token = 73121337e731213377",
      "[server]\ndefault_token = 73121337.73121337.1",
      "[server]\ndefault_token = hunter73121337",
      "[server]\ndefault_token = true73121337",
      "[server]\ndefault_token = tru73121337",
      "[server]\ndefault_token = inf73121337",
      "[server]\ndefault_token = 0x73121337z",
      "[server]\ndefault_token = 7312-13-37",
      "[server]\ndefault_token = \"73121337",
      "[server]\ndefault_token = \"73121337\\q\"",
      "[server]\ndefault_token = \"73121337\" 73121337",
      "[server]\ndefault_token = '73121337\n",
      "[server]\ndefault_token = \"73121337\"\ndefault_token = \"73121337\"",
      "[server]\ndefault_token = \"73121337\"\n[server.default_token]",
      "[server]\ndefault_token: 73121337",
  };
  for (const std::string_view text : texts) {
    CAPTURE(text);
    const auto lines = outcome(text);
    CHECK(lines != std::vector<std::string>{"loads"});
    for (const std::string& line : lines) {
      CAPTURE(line);
      CHECK_FALSE(line.contains("7312"));
      CHECK_FALSE(line.contains("1337"));
    }
  }
}

}  // namespace
}  // namespace rathole::config
