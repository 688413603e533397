#include <rathole/app/given_settings.hpp>

#include <rathole/config/parse.hpp>

#include <doctest/doctest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace rathole::app {
namespace {

using texts = std::vector<std::string>;
using variables = std::map<std::string, std::string>;

given_settings make(config::side of, const given_flags& flags, const variables& set = {}) {
  return make_settings(of, flags, [&set](const std::string& name) {
    const auto found = set.find(name);
    return found == set.end() ? std::nullopt : std::optional(found->second);
  });
}

/// Returns the configuration that is given; its problems are checked to be none.
config::config load(config::side of, const given_flags& flags, const variables& set = {}) {
  const given_settings made = make(of, flags, set);
  for (const std::string& each : made.problems) FAIL_CHECK(each);
  const auto loaded = config::read(made.text, "");
  for (const auto& each : loaded ? loaded->warnings : loaded.error()) FAIL_CHECK(to_string(each));
  REQUIRE(loaded);
  return loaded->settings;
}

constexpr auto a_client = config::side::client;
constexpr auto a_server = config::side::server;
const variables a_token = {{"RATHOLE_TOKEN", "a secret of the test"}};

TEST_CASE("given settings: flags are the keys of a file") {
  const config::config of_client =
      load(a_client,
           {.values = {{"remote", "example.com:2333"},
                       {"transport", "noise"},
                       {"multiplex", "true"},
                       {"noise-remote-public-key", "gzdo5mLDuoVYg4RTQHhlwuBrNV1MSq1BcK+vlk9M1Ec="},
                       {"noise-pattern", "Noise_NK_25519_ChaChaPoly_BLAKE2s"}},
            .services = {"web=127.0.0.1:80", "dns=udp:[::1]:53", "my web=h:1"}},
           a_token);
  REQUIRE_FALSE(of_client.server);
  const config::client& dials = *of_client.client;
  CHECK(dials.remote_addr == address{"example.com", 2333});
  CHECK(dials.transport.kind == config::transport_kind::noise);
  CHECK(dials.transport.multiplex);
  CHECK(dials.transport.noise->remote_public_key);
  REQUIRE(dials.services.size() == 3);
  CHECK(dials.services[0].name == "dns");
  CHECK(dials.services[0].kind == config::service_kind::udp);
  CHECK(dials.services[0].local_addr == address{"::1", 53});
  CHECK(dials.services[1].name == "my web");
  CHECK(dials.services[2].local_addr == address{"127.0.0.1", 80});
  CHECK(dials.services[2].token.view() == "a secret of the test");

  const config::config of_server = load(a_server,
                                        {.values = {{"bind", "0.0.0.0:2333"},
                                                    {"transport", "tls"},
                                                    {"tls-cert", "c.pem"},
                                                    {"tls-key", "k.pem"}},
                                         .services = {"web=0.0.0.0:8080"}},
                                        a_token);
  CHECK(of_server.server->bind_addr.front() == address{"0.0.0.0", 2333});
  CHECK(of_server.server->transport.tls->cert == "c.pem");
  CHECK(of_server.server->services.front().bind_addr.front() == address{"0.0.0.0", 8080});
}

TEST_CASE("given settings: a service may have a range of ports") {
  const config::config dials =
      load(a_client, {.values = {{"remote", "h:1"}}, .services = {"game=udp:127.0.0.1:8000-8010"}},
           a_token);
  REQUIRE(dials.client->services.size() == 11);
  CHECK(dials.client->services[3].name == "game:8003");
  CHECK(dials.client->services[3].local_addr == address{"127.0.0.1", 8003});
  const config::config listens =
      load(a_server, {.values = {{"bind", "h:1"}}, .services = {"game=[::]:8000-8001"}}, a_token);
  REQUIRE(listens.server->services.size() == 2);
  const given_settings wrong = make(
      a_client, {.values = {{"remote", "h:1"}}, .services = {"a=127.0.0.1:8010-8000", "b=a b:1-2"}},
      a_token);
  CHECK(wrong.problems ==
        texts{"--service a: the first port 8010 is above the last one, 8000; write the lower port "
              "first",
              "--service b: not an address of the form host:first-last; write it like "
              "`NAME=127.0.0.1:8000-8010`, an IPv6 address in brackets"});
  CHECK(make(a_client, {.values = {{"remote", "h:1"}}, .services = {"game=a b:80"}}, a_token)
            .problems.size() == 1);
}

TEST_CASE("given settings: a client may have several servers") {
  const config::config several = load(
      a_client, {.values = {{"remote", "a:1,[::1]:2"}, {"strategy", "all"}}, .services = {"a=h:1"}},
      a_token);
  REQUIRE(several.client->remote_addr.size() == 2);
  CHECK(several.client->remote_addr[1] == address{"::1", 2});
  CHECK(several.client->strategy == config::server_strategy::all);
}

TEST_CASE("given settings: a variable stands for each flag, which takes precedence") {
  const variables all = {
      {"RATHOLE_REMOTE", "r:1"},          {"RATHOLE_SERVICES", " a=h:1,b=udp:h:2\nc=h:3 , "},
      {"RATHOLE_TOKEN", "${HOME}\"\\\n"}, {"RATHOLE_TRANSPORT", "websocket"},
      {"RATHOLE_WEBSOCKET_PATH", "/p"},   {"RATHOLE_WEBSOCKET_TLS", "false"},
      {"RATHOLE_TOKEN_FILE", ""}};
  const config::config made = load(a_client, {}, all);
  CHECK(made.client->remote_addr == address{"r", 1});
  CHECK(made.client->services.size() == 3);
  // A value is what it is: no variable, and no TOML.
  CHECK(made.client->services.front().token.view() == "${HOME}\"\\\n");
  CHECK(made.client->transport.websocket->path == "/p");
  CHECK_FALSE(made.client->transport.websocket->tls);
  const config::config other =
      load(a_client,
           {.values = {{"remote", "s:2"}, {"websocket-tls", "true"}}, .services = {"d=h:4"}}, all);
  CHECK(other.client->remote_addr == address{"s", 2});
  CHECK(other.client->services.front().name == "d");
  CHECK(other.client->transport.websocket->tls);
  CHECK(other.client->transport.tls);
  for (const setting_flag& each : setting_flags)
    CHECK(variable_of(each.name).starts_with("RATHOLE_"));
  CHECK(variable_of("tls-trusted-root") == "RATHOLE_TLS_TRUSTED_ROOT");
}

TEST_CASE("given settings: the file of a token takes the place of the token") {
  const given_flags flags = {.values = {{"bind", "h:1"}}, .services = {"a=h:2"}};
  given_flags with_file = flags;
  with_file.values.emplace("token-file", "/run/secrets/token");
  const std::string key = "default_token_file = \"/run/secrets/token\"\n";
  const given_settings by_flag = make(a_server, with_file, a_token);
  CHECK(by_flag.problems.empty());
  CHECK(by_flag.text.contains(key));
  CHECK_FALSE(by_flag.text.contains("a secret of the test"));
  const given_settings by_variable =
      make(a_server, flags, {{"RATHOLE_TOKEN_FILE", "/run/secrets/token"}});
  CHECK(by_variable.problems.empty());
  CHECK(by_variable.text.contains(key));
  CHECK(make(a_server, flags, {{"RATHOLE_TOKEN", "t"}, {"RATHOLE_TOKEN_FILE", "f"}}).problems ==
        texts{"both RATHOLE_TOKEN and RATHOLE_TOKEN_FILE are set; keep one of them"});
}

TEST_CASE("given settings: all that is wrong is said, without a value") {
  CHECK(make(a_server, {}).problems ==
        texts{"--bind HOST:PORT is missing, and so is RATHOLE_BIND",
              "--token-file FILE is missing, and so are RATHOLE_TOKEN_FILE and RATHOLE_TOKEN",
              "--service NAME=[udp:]HOST:PORT is missing, and so is RATHOLE_SERVICES"});
  CHECK(make(a_client,
             {.values = {{"remote", "nowhere"}},
              .services = {"web", "=h:1", "a=h", "a=h:1", "a=udp:h:1", "b.c=tcp:h", "\xff=h:1"}},
             {{"RATHOLE_TOKEN", "\xff"}, {"RATHOLE_MULTIPLEX", "1"}})
            .problems ==
        texts{"--remote is not an address of the form HOST:PORT",
              "RATHOLE_MULTIPLEX is neither `true` nor `false`", "RATHOLE_TOKEN is not UTF-8",
              "--service: a service is written NAME=HOST:PORT or NAME=udp:HOST:PORT",
              "--service: a service is written NAME=HOST:PORT or NAME=udp:HOST:PORT",
              "--service a: not an address of the form HOST:PORT or udp:HOST:PORT",
              "--service a: there are two services of this name",
              "--service \"b.c\": not an address of the form HOST:PORT or udp:HOST:PORT",
              "--service is not UTF-8"});
}

TEST_CASE("given settings: without a transport it is tcp, unless there are settings of another") {
  const given_settings made =
      make(config::side::client,
           {.values = {{"remote", "h:1"}, {"multiplex", "true"}}, .services = {"a=h:1"}},
           {{"RATHOLE_TOKEN", "mine"}});
  CHECK(made.problems.empty());
  const auto loaded = config::read(made.text, "", nullptr, {.key_names = made.key_names});
  REQUIRE(loaded);
  CHECK(loaded->settings.client->transport.kind == config::transport_kind::tcp);
  CHECK(loaded->settings.client->transport.multiplex);
  CHECK(make(config::side::client,
             {.values = {{"remote", "h:1"}, {"tls-hostname", "h"}}, .services = {"a=h:1"}},
             {{"RATHOLE_TOKEN", "mine"}, {"RATHOLE_WEBSOCKET_PATH", "/a"}})
            .problems == texts{"--tls-hostname is for the transport tls; add --transport tls",
                               "RATHOLE_WEBSOCKET_PATH is for the transport websocket; add "
                               "--transport websocket"});
}

TEST_CASE("given settings: problems of the configuration have the names of flags and variables") {
  const given_settings made =
      make(a_server,
           {.values = {{"bind", "h:1"}, {"token-file", "/no/such/file"}, {"tls-cert", "c.pem"}},
            .services = {"a=h:1"}},
           {{"RATHOLE_TRANSPORT", "carrier pigeon"}, {"RATHOLE_NOISE_PATTERN", "p"}});
  CHECK(made.problems.empty());
  const auto loaded = config::read(made.text, "", nullptr, {.key_names = made.key_names});
  REQUIRE_FALSE(loaded);
  texts found;
  for (const auto& each : loaded.error()) found.push_back(to_string(each));
  REQUIRE(found.size() == 3);
  CHECK(found[0] ==
        "--service a: the same address and port as --bind; use another port, "
        "or 0 for one that the system chooses");
  CHECK(found[1].starts_with("--token-file: cannot be read: No such file or directory; "));
  CHECK(found[2] ==
        "RATHOLE_TRANSPORT: unknown variant; expected one of `tcp`, `tls`, `noise`, `websocket`");
}

TEST_CASE("given settings: texts of problems mention flags and variables") {
  const auto only = [](config::side of, const given_flags& flags, const variables& set = {}) {
    variables all = set;
    all.emplace("RATHOLE_TOKEN", "a secret of the test");
    const given_settings made = make(of, flags, all);
    const auto loaded = config::read(made.text, "", nullptr, {.key_names = made.key_names});
    const auto& found = loaded ? loaded->warnings : loaded.error();
    REQUIRE(found.size() == 1);
    return to_string(found.front());
  };
  CHECK(
      only(a_client, {.values = {{"remote", "h:1"}, {"strategy", "all"}}, .services = {"a=h:1"}}) ==
      "warning: --strategy: there is only one server; remove it, or name several servers in "
      "`--remote`");
  CHECK(only(a_client, {.values = {{"strategy", "all"}}, .services = {"a=h:1"}},
             {{"RATHOLE_REMOTE", "h:1"}})
            .ends_with("name several servers in `RATHOLE_REMOTE`"));
  CHECK(only(a_client,
             {.values = {{"remote", "unix:/x"}, {"transport", "tls"}}, .services = {"a=h:1"}}) ==
        "--remote: a Unix-domain socket has no name that a certificate could have; set "
        "`--tls-hostname` to the name in the server's certificate");
  CHECK(
      only(a_server, {.values = {{"bind", "h:1"}, {"transport", "tls"}}, .services = {"a=h:2"}}) ==
      "--transport: Missing `--tls-pkcs12` or `--tls-pkcs12-password-file`; name the identity "
      "file and its password, or `--tls-cert` and `--tls-key`");
  CHECK(only(a_server, {.values = {{"bind", "h:1"}}, .services = {"a=h:8000-8001", "b=h:8001"}}) ==
        "--service b: the same address and port 8001 as --service a; use another port");
  CHECK(only(a_server, {.values = {{"bind", "h:1"}}, .services = {"a=h:8-9", "a:8=h:2"}}) ==
        "--service a: one of its services has the name of --service \"a:8\"; give one of them "
        "another name");
}

}  // namespace
}  // namespace rathole::app
