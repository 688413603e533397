#include "support/temp_dir.hpp"

#include <rathole/config/load.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::config {
namespace {

config must_parse(std::string_view text) {
  auto parsed = parse(text, "c.toml");
  if (!parsed) FAIL(to_string(parsed.error().front()));
  return std::move(*parsed);
}

TEST_CASE("keys that a file leaves out have the documented defaults") {
  const config parsed = must_parse(R"(
[client]
remote_addr = "example.com:2333"
[client.services.a]
token = "t"
local_addr = "[::1]:80"
[server]
bind_addr = "0.0.0.0:2333"
[server.services.a]
token = "t"
bind_addr = "0.0.0.0:80"
)");
  client c;
  c.remote_addr = {"example.com", 2333};
  c.services = {{.name = "a", .local_addr = {"::1", 80}, .token = secret("t")}};
  CHECK((parsed.client == c));
  server s;
  s.bind_addr = {"0.0.0.0", 2333};
  s.services = {{.name = "a", .bind_addr = {"0.0.0.0", 80}, .token = secret("t")}};
  CHECK((parsed.server == s));

  CHECK(c.heartbeat_timeout == seconds(40));
  CHECK(c.connect_timeout == seconds(10));
  CHECK(c.handshake_timeout == seconds(10));
  CHECK(c.shutdown_grace == seconds(10));
  CHECK(c.shutdown_idle_timeout == seconds(1));
  CHECK(c.max_dials == 256);
  CHECK(c.max_forwards == 16384);
  CHECK(c.services[0].retry_interval == seconds(1));
  CHECK(c.transport.kind == transport_kind::tcp);
  CHECK_FALSE(c.transport.multiplex);
  CHECK(c.transport.connections == 1);
  CHECK(c.transport.tcp.nodelay);
  CHECK(c.transport.tcp.keepalive_secs == seconds(20));
  CHECK(c.transport.tcp.keepalive_interval == seconds(8));
  CHECK(c.transport.tcp.user_timeout == seconds(20));
  CHECK(s.heartbeat_interval == seconds(30));
  CHECK(s.handshake_timeout == seconds(5));
  CHECK(s.max_handshakes == 1024);
  CHECK(s.max_handshakes_per_address == 64);
  CHECK(s.shutdown_grace == seconds(10));
  CHECK(s.shutdown_idle_timeout == seconds(1));
  CHECK(s.services[0].pool.size == 8);
  CHECK(s.services[0].pool.max_idle == 256);
  CHECK(s.services[0].pool.visitor_timeout == seconds(10));
  CHECK(s.services[0].pool.max_waiting_visitors == 2048);
}

TEST_CASE("every key of a client is read") {
  const config parsed = must_parse(R"(
[client]
remote_addr = "h:1"
default_token = "default"
heartbeat_timeout = 2
retry_interval = 3
connect_timeout = 4
handshake_timeout = 5
shutdown_grace = 0
shutdown_idle_timeout = 6
max_dials = 7
max_forwards = 12
max_retries = 14
[client.services."b \u00e9"]
type = "udp"
local_addr = "l:2"
token = "own"
nodelay = false
retry_interval = 8
[client.services.a]
local_addr = "l:3"
connect_timeout = 15
[client.transport]
type = "websocket"
multiplex = true
connections = 13
[client.transport.tcp]
nodelay = false
keepalive_secs = 9
keepalive_interval = 10
user_timeout = 11
proxy = "http://u:p@proxy:3128"
[client.transport.tls]
hostname = "name"
trusted_root = "ca.pem"
pkcs12 = "id.pfx"
pkcs12_password = ""
[client.transport.websocket]
tls = true
)");
  CHECK_FALSE(parsed.server);
  client expected;
  expected.remote_addr = {"h", 1};
  expected.heartbeat_timeout = seconds(2);
  expected.connect_timeout = seconds(4);
  expected.handshake_timeout = seconds(5);
  expected.shutdown_grace = seconds(0);
  expected.shutdown_idle_timeout = seconds(6);
  expected.max_dials = 7;
  expected.max_forwards = 12;
  expected.max_retries = 14;
  expected.services = {
      {.name = "a",
       .local_addr = {"l", 3},
       .token = secret("default"),
       .retry_interval = seconds(3),
       .connect_timeout = seconds(15)},
      {.name = "b \xc3\xa9",
       .kind = service_kind::udp,
       .local_addr = {"l", 2},
       .token = secret("own"),
       .nodelay = false,
       .retry_interval = seconds(8),
       .connect_timeout = seconds(4)},
  };
  expected.transport.kind = transport_kind::websocket;
  expected.transport.multiplex = true;
  expected.transport.connections = 13;
  expected.transport.tcp = {.nodelay = false,
                            .keepalive_secs = seconds(9),
                            .keepalive_interval = seconds(10),
                            .user_timeout = seconds(11),
                            .proxy = *parse_proxy_url("http://u:p@proxy:3128")};
  expected.transport.tls = tls_options{.hostname = "name",
                                       .trusted_root = "ca.pem",
                                       .pkcs12 = "id.pfx",
                                       .pkcs12_password = secret("")};
  expected.transport.websocket = websocket_options{.tls = true};
  CHECK((*parsed.client == expected));
}

TEST_CASE("every key of a server is read, and services inherit the pool settings") {
  const config parsed = must_parse(R"(
[server]
bind_addr = "[::]:1"
default_token = "default"
heartbeat_interval = 0
handshake_timeout = 2
max_handshakes = 7
max_handshakes_per_address = 8
shutdown_grace = 3
shutdown_idle_timeout = 0
[server.pool]
max_idle = 40
visitor_timeout = 5
max_waiting_visitors = 6
[server.services.tcp]
bind_addr = "0.0.0.0:5201"
nodelay = true
[server.services.tcp.pool]
size = 0
max_size = 12
visitor_timeout = 50
[server.services.udp]
type = "udp"
token = ""
bind_addr = "0.0.0.0:5201"
)");
  CHECK_FALSE(parsed.client);
  server expected;
  expected.bind_addr = {"::", 1};
  expected.heartbeat_interval = seconds(0);
  expected.handshake_timeout = seconds(2);
  expected.max_handshakes = 7;
  expected.max_handshakes_per_address = 8;
  expected.shutdown_grace = seconds(3);
  expected.shutdown_idle_timeout = seconds(0);
  expected.services = {
      {.name = "tcp",
       .bind_addr = {"0.0.0.0", 5201},
       .token = secret("default"),
       .nodelay = true,
       .pool = {.size = 0,
                .max_size = 12,
                .max_idle = 40,
                .visitor_timeout = seconds(50),
                .max_waiting_visitors = 6}},
      {.name = "udp",
       .kind = service_kind::udp,
       .bind_addr = {"0.0.0.0", 5201},
       .token = secret(""),
       .pool = {.size = defaults::udp_pool_size,
                .max_idle = 40,
                .visitor_timeout = seconds(5),
                .max_waiting_visitors = 6}},
  };
  CHECK((*parsed.server == expected));
}

TEST_CASE("a pool size for the whole server applies to UDP services too") {
  const config parsed = must_parse(R"(
[server]
bind_addr = "h:1"
pool = { size = 3 }
services.u = { type = "udp", token = "t", bind_addr = "h:2" }
)");
  CHECK(parsed.server->services.at(0).pool.size == 3);
}

TEST_CASE("a pool size of 0 for the whole server leaves each UDP service one data channel") {
  const config parsed = must_parse(R"(
[server]
bind_addr = "h:1"
pool = { size = 0 }
services.u = { type = "udp", token = "t", bind_addr = "h:2" }
services.v = { type = "udp", token = "t", bind_addr = "h:3", pool = { size = 64 } }
)");
  CHECK(parsed.server->services.at(0).pool.size == 1);
  CHECK(parsed.server->services.at(1).pool.size == 64);
}

TEST_CASE("a listener may have one address or several") {
  const config parsed = must_parse(R"(
[server]
bind_addr = ["0.0.0.0:1", "[::]:2"]
services.a = { token = "t", bind_addr = ["h:3"] }
)");
  const address_list both(std::vector<address>{{"0.0.0.0", 1}, {"::", 2}});
  CHECK(parsed.server->bind_addr == both);
  CHECK(parsed.server->services.at(0).bind_addr == address{"h", 3});
}

TEST_CASE("defaults for all services apply to each service that does not override them") {
  const config parsed = must_parse(R"(
log = "debug"
[server]
bind_addr = "h:1"
idle_timeout = 1
half_close_timeout = 2
udp = { idle_timeout = 3, max_visitors = 4, queue_size = 70000 }
services.a = { token = "t", bind_addr = "h:2" }
services.b = { token = "t", bind_addr = "h:3", idle_timeout = 5, udp = { max_visitors = 6 } }
[client]
remote_addr = "h:1"
prefer_ipv6 = true
ready_timeout = 7
half_close_timeout = 8
udp = { idle_timeout = 9, answers_from_any_port = true }
services.c = { token = "t", local_addr = "h:2" }
services.d = { token = "t", local_addr = "h:3", prefer_ipv6 = false, half_close_timeout = 10 }
services.e = { token = "t", local_addr = "h:4", udp = { answers_from_any_port = false } }
)");
  CHECK(parsed.log.filter == "debug");
  const auto& [a, b] = std::tie(parsed.server->services.at(0), parsed.server->services.at(1));
  CHECK(a.idle_timeout == seconds(1));
  CHECK(b.idle_timeout == seconds(5));
  CHECK(b.half_close_timeout == seconds(2));
  const udp_options common{.idle_timeout = seconds(3), .max_visitors = 4, .queue_size = 70'000};
  CHECK(a.udp == common);
  CHECK(b.udp.idle_timeout == seconds(3));
  CHECK(b.udp.max_visitors == 6);

  const client& there = *parsed.client;
  CHECK(there.prefer_ipv6);
  CHECK(there.ready_timeout == seconds(7));
  CHECK(there.services.at(0).prefer_ipv6);
  CHECK(there.services.at(0).half_close_timeout == seconds(8));
  CHECK(there.services.at(0).udp.idle_timeout == seconds(9));
  CHECK(there.services.at(0).udp.answers_from_any_port);
  CHECK_FALSE(there.services.at(2).udp.answers_from_any_port);
  CHECK(there.services.at(2).udp.idle_timeout == seconds(9));
  CHECK_FALSE(there.services.at(1).prefer_ipv6);
  CHECK(there.services.at(1).half_close_timeout == seconds(10));
}

TEST_CASE("the PROXY protocol is sent and received as a service says") {
  const auto read = [](const std::string& keys) {
    return must_parse(
               "[server]\nbind_addr = \"h:1\"\n[server.services.a]\ntoken = \"t\"\n"
               "bind_addr = \"h:2\"\n" +
               keys)
        .server->services.at(0);
  };
  using proxy_protocol::version;
  CHECK_FALSE(read("").proxy_protocol);
  CHECK(read("proxy_protocol = \"v1\"").proxy_protocol == version::v1);
  CHECK(read("proxy_protocol = \"v2\"").proxy_protocol == version::v2);
  CHECK(read("enable_proxy_protocol = true").proxy_protocol == version::v1);
  CHECK_FALSE(read("enable_proxy_protocol = false").proxy_protocol);
  const auto udp = read("type = \"udp\"\nproxy_protocol = \"v2\"");
  CHECK(udp.proxy_protocol_datagrams == datagram_headers::first);
  CHECK(read("type = \"udp\"\nproxy_protocol = \"v2\"\nproxy_protocol_datagrams = \"every\"")
            .proxy_protocol_datagrams == datagram_headers::every);
  CHECK_FALSE(read("").accept_proxy_protocol);
  const auto behind =
      read("accept_proxy_protocol = true\ntrusted_proxies = [\"10.0.0.0/8\", \"::1\"]");
  CHECK(behind.accept_proxy_protocol);
  REQUIRE(behind.trusted_proxies.size() == 2);
  CHECK(to_string(behind.trusted_proxies[0]) == "10.0.0.0/8");
  CHECK(to_string(behind.trusted_proxies[1]) == "::1/128");
  CHECK(
      read("accept_proxy_protocol = true\ntrusted_proxies = \"10.0.0.7\"").trusted_proxies.size() ==
      1);
  const config all = must_parse(
      "[server]\nbind_addr = \"h:1\"\naccept_proxy_protocol = true\n"
      "trusted_proxies = [\"0.0.0.0/0\"]\nservices = {}\n");
  CHECK(all.server->accept_proxy_protocol);
  CHECK(all.server->trusted_proxies.size() == 1);
}

TEST_CASE("a service says who may come") {
  const auto read = [](const std::string& keys) {
    return must_parse(
               "[server]\nbind_addr = \"h:1\"\n[server.services.a]\ntoken = \"t\"\nbind_addr = "
               "\"h:2\"\n" +
               keys)
        .server->services[0];
  };
  const server_service all = read("");
  CHECK(all.access.empty());
  CHECK_FALSE(all.max_connections);
  CHECK_FALSE(all.max_connections_per_address);
  CHECK_FALSE(all.new_connections_per_second);
  const server_service some = read(
      "allow = [\"10.0.0.0/8\", \"::1\"]\ndeny = \"10.1.0.0/16\"\nmax_connections = 100\n"
      "max_connections_per_address = 5\nnew_connections_per_second = 20\n");
  REQUIRE(some.access.allow.size() == 2);
  CHECK(to_string(some.access.allow[1]) == "::1/128");
  REQUIRE(some.access.deny.size() == 1);
  CHECK(to_string(some.access.deny[0]) == "10.1.0.0/16");
  CHECK(some.max_connections == 100);
  CHECK(some.max_connections_per_address == 5);
  CHECK((some.new_connections_per_second == connection_rate{20, 20}));
  CHECK((read("new_connections_per_second = { rate = 2, burst = 30 }").new_connections_per_second ==
         connection_rate{2, 30}));
  CHECK((
      read("[server.services.a.new_connections_per_second]\nrate = 2").new_connections_per_second ==
      connection_rate{2, 2}));
  CHECK(all.bandwidth.empty());
  CHECK(all.on_conflict == conflict_policy::replace);
  CHECK(all.max_clients == 64);
  CHECK(all.affinity == client_affinity::none);
  CHECK(read("on_conflict = \"reject\"").on_conflict == conflict_policy::reject);
  const server_service shared =
      read("on_conflict = \"balance\"\nmax_clients = 3\naffinity = \"source\"");
  CHECK(shared.on_conflict == conflict_policy::balance);
  CHECK(shared.max_clients == 3);
  CHECK(shared.affinity == client_affinity::source);
  CHECK((read("bandwidth_limit = \"10 MiB/s\"").bandwidth == bandwidth_limit{10 << 20, 10 << 20}));
  CHECK((read("bandwidth_limit = { out = \"5 MB/s\" }").bandwidth ==
         bandwidth_limit{std::nullopt, 5'000'000}));
  CHECK((read("bandwidth_limit.in = \"1 KiB/s\"\nbandwidth_limit.out = \"1024 GiB/s\"").bandwidth ==
         bandwidth_limit{1024, std::uint64_t{1} << 40}));
  const config clients = must_parse(
      "[server]\nbind_addr = \"h:1\"\nallow = [\"192.0.2.0/24\"]\ndeny = [\"192.0.2.1\"]\n"
      "services = {}\n");
  CHECK(clients.server->access.allow.size() == 1);
  CHECK(clients.server->access.deny.size() == 1);
}

TEST_CASE("the TLS engine is chosen automatically unless it is named") {
  const auto read = [](const std::string& keys) {
    return *must_parse(
                "[client]\nremote_addr = \"h:1\"\nservices.a = { token = \"t\", local_addr = "
                "\"h:2\" }\n[client.transport]\ntype = \"tls\"\n[client.transport.tls]\n" +
                keys)
                .client->transport.tls;
  };
  CHECK(read("").engine == tls_engine::automatic);
  CHECK(read("engine = \"auto\"").engine == tls_engine::automatic);
  CHECK(read("engine = \"botan\"").engine == tls_engine::botan);
  CHECK(read("engine = \"openssl\"").engine == tls_engine::openssl);
  CHECK_FALSE(read("").half_close_timeout);
  CHECK(read("half_close_timeout = 0").half_close_timeout == milliseconds(0));
  CHECK(read("half_close_timeout = 3").half_close_timeout == seconds(3));
}

TEST_CASE("the Noise engine is Botan unless OpenSSL is named") {
  const std::string head =
      "[client]\nremote_addr = \"h:1\"\nservices = {}\n[client.transport]\ntype = \"noise\"\n"
      "[client.transport.noise]\n";
  const auto read = [&head](const std::string& keys) {
    return must_parse(head + keys).client->transport.noise->engine;
  };
  CHECK(read("") == noise_engine::botan);
  CHECK(read("engine = \"botan\"") == noise_engine::botan);
  CHECK(read("engine = \"openssl\"") == noise_engine::openssl);
}

TEST_CASE("noise keys are decoded, with or without padding") {
  const config parsed = must_parse(R"(
[client]
remote_addr = "h:1"
services = {}
[client.transport]
type = "noise"
[client.transport.noise]
pattern = "Noise_KK_25519_ChaChaPoly_BLAKE2s"
local_private_key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
remote_public_key = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAI"
)");
  const noise_options& noise = *parsed.client->transport.noise;
  CHECK(noise.pattern == "Noise_KK_25519_ChaChaPoly_BLAKE2s");
  REQUIRE(noise.local_private_key);
  REQUIRE(noise.local_private_key->bytes().size() == 32);
  for (std::size_t i = 0; i < 32; ++i) CHECK(noise.local_private_key->bytes()[i] == i);
  noise_public_key expected{1};
  expected[31] = 2;
  CHECK((noise.remote_public_key == expected));
  CHECK(noise_options{}.pattern == "Noise_NK_25519_ChaChaPoly_BLAKE2s");
}

TEST_CASE("a byte order mark and other line ends are accepted") {
  CHECK(must_parse("\xef\xbb\xbf[server]\r\nbind_addr = \"h:1\"\r\nservices = {}\r\n")
            .server->bind_addr == address{"h", 1});
}

TEST_CASE("a file is loaded, and an unreadable one is a problem without a position") {
  const test::temp_dir directory;
  const std::string folder = directory.path().string();
  const auto loaded =
      load(directory.write("good.toml", "[server]\nbind_addr = \"h:1\"\nservices = {}\n"));
  REQUIRE(loaded);
  CHECK(loaded->server->bind_addr == address{"h", 1});

  const auto line = [](const std::string& path) {
    const auto result = load(path);
    REQUIRE_FALSE(result);
    REQUIRE(result.error().size() == 1);
    return to_string(result.error().front());
  };
  const auto unreadable = [](const std::string& path, const std::string& cause) {
    return path + ": Failed to read the config \"" + path + "\": " + cause +
           "; name a readable configuration file";
  };
  const std::string missing = folder + "/missing.toml";
  CHECK(line(missing) == unreadable(missing, "No such file or directory"));
  CHECK(line(folder) == unreadable(folder, "Is a directory"));
  CHECK(line("/dev/zero") == unreadable("/dev/zero", "it is a device, not a regular file"));
  const std::string huge = directory.write("huge.toml", std::string(limits::file_size + 1, '#'));
  CHECK(line(huge) == unreadable(huge, "larger than 16 MiB"));
  CHECK(load(directory.write("wrong.toml", "x = 1")).error().front().file ==
        folder + "/wrong.toml");
  const std::string latin1 = directory.write("latin1.toml", "# \xe9\n");
  CHECK(line(latin1).starts_with(latin1 + ":1:"));
}

TEST_CASE("the example configurations load") {
  const auto folder = std::filesystem::path(RATHOLE_SOURCES) / "examples/configs";
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".toml") continue;
    // These are parts of another file.
    if (entry.path().parent_path().filename() == "services.d") continue;
    CAPTURE(entry.path());
    const auto loaded = load(entry.path());
    if (!loaded) FAIL_CHECK(to_string(loaded.error().front()));
    ++count;
  }
  CHECK(count >= 5);
}

TEST_CASE("upstream's example files load unchanged") {
  const config minimal = must_parse(R"([client]
remote_addr = "localhost:2333"
default_token = "123"

[client.services.foo1]
local_addr = "127.0.0.1:80"
)");
  CHECK(minimal.client->services.at(0).token == secret("123"));

  const config unified = must_parse(R"([client]
remote_addr = "localhost:2333"
default_token = "123"

[client.services.foo1]
local_addr = "127.0.0.1:80"

[server]
bind_addr = "0.0.0.0:2333"
default_token = "123"

[server.services.foo1]
bind_addr = "0.0.0.0:5202"
)");
  CHECK(unified.client->services.at(0).name == unified.server->services.at(0).name);

  const config iperf3 = must_parse(R"([server]
bind_addr = "0.0.0.0:2333"
default_token = "123"

[server.services.iperf3-udp]
type = "udp"
bind_addr = "0.0.0.0:5202"
[server.services.iperf3-tcp]
type = "tcp"
bind_addr = "0.0.0.0:5202"
)");
  CHECK(iperf3.server->services.at(0).kind == service_kind::tcp);
  CHECK(iperf3.server->services.at(1).kind == service_kind::udp);
  CHECK(iperf3.server->services.at(0).bind_addr == iperf3.server->services.at(1).bind_addr);
}

TEST_CASE("problems: no text of a value is in one, wherever it is and wherever it comes from") {
  // A word in which nothing of the program's own texts is found.
  const std::string word = "S3CRETxq";
  const std::vector<std::string> forms = {word,
                                          word + ":1",
                                          "h:1" + word,
                                          "1:99999991234",
                                          word + ":99999991234",
                                          "*:" + word,
                                          "/" + word,
                                          "unix:" + word,
                                          "unix:@" + word,
                                          word + "/8",
                                          "10.0.0.1/" + word,
                                          "10.0.0.1/99999991234",
                                          word + "://h:1",
                                          "socks5://" + word,
                                          "http://h/" + word,
                                          word + "/",
                                          word + "/*/a",
                                          word + "/*.toml",
                                          "./" + word,
                                          "${" + word,
                                          word + " MiB/s",
                                          word + ":" + word,
                                          "",
                                          "[" + word + "]:1"};
  const test::temp_dir folder;
  const auto check = [&](const std::string& text, const char* form) {
    const std::string path = folder.write("main.toml", text);
    const auto loaded = load_document(
        path, [](std::string_view) -> std::optional<std::string> { return "another level"; });
    for (const problem& each : loaded ? loaded->warnings : loaded.error()) {
      const std::string line = to_string(each);
      if (line.contains(word) || line.contains("99999991234")) FAIL_CHECK(form << ": " << line);
    }
  };
  const char* const variable = "RATHOLE_TEST_MARKER";
  for (const std::string& text : forms) {
    ::setenv(variable, text.c_str(), 1);
    for (const std::string& one : {'"' + text + '"', std::string("\"${RATHOLE_TEST_MARKER}\"")}) {
      for (const std::string& value :
           {one, "[" + one + "]", "[\"10.0.0.0/8\", " + one + ", " + one + "]",
            "{ rate = " + one + " }"}) {
        const auto pair = [&value](const std::string& key) { return key + " = " + value + '\n'; };
        const auto all = [&pair](std::initializer_list<const char*> keys) {
          std::string out;
          for (const char* key : keys) out += pair(key);
          return out;
        };
        for (const char* top :
             {"log", "log_file", "log_format", "access_log", "include", "interpolate"}) {
          check(pair(top) + "[server]\nbind_addr = \"h:1\"\nservices = {}\n", top);
        }
        const std::string transport = all({"type", "multiplex", "connections"}) + "tcp = {}\n";
        for (const std::string& side : {std::string("server"), std::string("client")}) {
          const std::string head = '[' + side + "]\n";
          const std::string own = all(
              {"bind_addr", "remote_addr", "mode", "owner", "default_token_file", "trusted_proxies",
               "accept_proxy_protocol", "allow", "deny", "workers", "heartbeat_interval",
               "max_dials", "shutdown_grace", "prefer_ipv6", "idle_timeout"});
          const std::string service =
              '[' + side + ".services.a]\n" +
              all({"type", "bind_addr", "local_addr", "token", "allow", "deny", "trusted_proxies",
                   "mode", "owner", "proxy_protocol", "proxy_protocol_datagrams", "bandwidth_limit",
                   "nodelay", "max_connections", "max_connections_per_address",
                   "new_connections_per_second", "retry_interval"});
          check(head + own + service, "instance and service");
          check(head + service + '[' + side + ".services.b]\ntype = \"socket_stream\"\n" +
                    all({"bind_addr", "local_addr"}) + '[' + side + ".services.c]\n" +
                    all({"token_file"}) + "bandwidth_limit = { " + "in = " + value + " }\n",
                "services");
          check(head + '[' + side + ".admin]\n" +
                    all({"bind_addr", "mode", "token", "metrics_token_file", "hosts",
                         "services_dir", "dashboard"}) +
                    '[' + side + ".admin.tls]\n" + all({"cert", "key"}),
                "admin");
          for (const char* type : {"tcp", "tls", "noise", "websocket"}) {
            check(head + '[' + side + ".transport]\ntype = \"" + type + "\"\n[" + side +
                      ".transport.tcp]\n" + all({"proxy", "nodelay", "user_timeout"}) + '[' + side +
                      ".transport.tls]\n" +
                      all({"hostname", "trusted_root", "pkcs12", "pkcs12_password_file", "cert",
                           "key", "engine"}) +
                      '[' + side + ".transport.noise]\n" +
                      all({"pattern", "local_private_key", "remote_public_key", "engine"}) + '[' +
                      side + ".transport.websocket]\n" + all({"tls", "path", "host", "headers"}),
                  type);
          }
          check(head + '[' + side + ".transport]\n" + transport + '[' + side + ".pool]\n" +
                    all({"size", "max_idle", "visitor_timeout"}) + '[' + side + ".udp]\n" +
                    all({"idle_timeout", "max_visitors", "queue_size"}),
                "others");
        }
      }
    }
  }
  ::unsetenv(variable);
}

}  // namespace
}  // namespace rathole::config
