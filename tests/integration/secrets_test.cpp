#include "../support/authority.hpp"
#include "../support/eventually.hpp"
#include "../support/file_text.hpp"
#include "../support/occurrences.hpp"
#include "../support/our_program.hpp"
#include "../support/serving_tunnel.hpp"
#include "../support/temp_dir.hpp"
#include "../support/visitors.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* in_use = "The changed configuration is in use";

/// A server and a client with two services, of which `rotated` has its token from a file.
struct tunnel_with_files {
  temp_dir folder;
  service local{echo};
  reserved_port main;
  reserved_port steady;
  reserved_port rotated;
  process server;
  process client;

  tunnel_with_files()
      : server(our_program(), {write_server()}), client(our_program(), {write_client()}) {
    REQUIRE(eventually([this] { return answered(steady) && answered(rotated); }));
    for (process* each : {&server, &client}) REQUIRE(each->wait_for("Start watching the config"));
  }

  /// Replaces the file `name`, which only its owner can read, as a program that rotates tokens does.
  std::string replace(const std::string& name, std::string_view content) const {
    const std::string made = folder.write("." + name, content);
    fs::permissions(made, fs::perms(0600));
    fs::rename(made, folder.path() / name);
    return (folder.path() / name).string();
  }

 private:
  std::string write_server() {
    replace("server.token", "first\n");
    return folder.write("server.toml",
                        "[server]\nbind_addr = " + quoted_address(main) +
                            "\n[server.services.steady]\ntoken = \"steady\"\nbind_addr = " +
                            quoted_address(steady) +
                            "\n[server.services.rotated]\ntoken_file = \"server.token\"\n"
                            "bind_addr = " +
                            quoted_address(rotated) + "\n");
  }
  std::string write_client() {
    replace("client.token", "first");
    return folder.write("client.toml",
                        "[client]\nretry_interval = 1\nremote_addr = " + quoted_address(main) +
                            "\n[client.services.steady]\ntoken = \"steady\"\nlocal_addr = " +
                            quoted_address(local.port()) +
                            "\n[client.services.rotated]\ntoken_file = \"client.token\"\n"
                            "local_addr = " +
                            quoted_address(local.port()) + "\n");
  }
};

TEST_CASE("secrets: a token file that is replaced takes effect, and other services go on") {
  tunnel_with_files t;
  INFO(t.server.output());
  INFO(t.client.output());
  tcp_socket early = tcp_socket::connect(t.steady);
  const auto talk = [&early] {
    early.send_all("more");
    return early.receive(4) == "more";
  };
  REQUIRE(talk());
  const auto channels_of_steady = [&t] { return occurrences(t.client.output(), "steady"); };
  const std::size_t before = channels_of_steady();

  t.replace("server.token", "second\n");
  CHECK(t.server.wait_for(in_use));
  // The client still has the first token.
  CHECK(t.client.wait_for("Incorrect token"));
  t.replace("client.token", "second\n");
  CHECK(t.client.wait_for(in_use));
  CHECK(eventually([&t] { return answered(t.rotated); }));
  CHECK(answered(t.steady));
  CHECK(talk());
  CHECK(channels_of_steady() == before);
  for (const process* each : {&t.server, &t.client}) {
    CHECK_FALSE(each->output().contains("second"));
  }
}

TEST_CASE("secrets: a token file that cannot be used leaves the old token in use") {
  tunnel_with_files t;
  INFO(t.server.output());
  const std::string at = "server.toml:7:14: server.services.rotated.token_file: ";
  t.replace("server.token", "\n");
  CHECK(t.server.wait_for(at + "the file is empty"));
  CHECK(t.server.wait_for("Ignored; the old one is in use"));
  CHECK(answered(t.rotated));
  const std::size_t from = t.server.output().size();
  t.replace("server.token", "first\n");
  CHECK(t.server.wait_for("The configuration is valid again", 1, from));
  CHECK(answered(t.rotated));
}

TEST_CASE(
    "secrets: the folder of systemd's credentials, and addresses, come from the environment") {
  temp_dir folder;
  const service local{echo};
  const reserved_port main;
  const reserved_port port;
  const std::string credential = folder.write("web.token", "of systemd");
  fs::permissions(credential, fs::perms(0400));
  const std::string file =
      folder.write("both.toml",
                   "[server]\nbind_addr = \"${HOST:-127.0.0.1}:${MAIN}\"\n"
                   "default_token_file = \"${CREDENTIALS_DIRECTORY}/web.token\"\n"
                   "[server.services.web]\nbind_addr = \"127.0.0.1:${PORT}\"\n"
                   "[client]\nremote_addr = \"127.0.0.1:${MAIN}\"\ndefault_token = \"${TOKEN}\"\n"
                   "[client.services.web]\nlocal_addr = \"127.0.0.1:${LOCAL}\"\n");
  const std::vector<std::string> environment = {
      "CREDENTIALS_DIRECTORY=" + folder.path().string(), "MAIN=" + std::to_string(main),
      "PORT=" + std::to_string(port), "LOCAL=" + std::to_string(local.port()), "TOKEN=of systemd"};
  const process server(our_program(), {"--server", file}, environment);
  const process client(our_program(), {"--client", file}, environment);
  INFO(server.output());
  INFO(client.output());
  CHECK(eventually([&port] { return answered(port); }));

  const finished_run check = run_program({"--check", file}, {"MAIN=1", "PORT=2", "LOCAL=3"});
  CHECK(check.status == 1);
  CHECK(check.err.contains(file + ":3:23: server.default_token_file: the environment variable "
                                  "`CREDENTIALS_DIRECTORY` is not set; set it, "));
  CHECK(check.err.contains(file + ":8:18: client.default_token: the environment variable `TOKEN` "
                                  "is not set; set it, "));
  CHECK(lines(check.err).size() == 2);
}

/// Returns the flags of a client or a server, `side`, whose tunnel has one service.
std::vector<std::string> flags(const std::string& side, std::uint16_t main, std::uint16_t port,
                               const std::string& token) {
  return {
      side,        side == "client" ? "--remote" : "--bind", "127.0.0.1:" + std::to_string(main),
      "--service", "web=127.0.0.1:" + std::to_string(port),  "--token-file",
      token};
}

TEST_CASE("secrets: client and server run without a file, and use a token that is rotated") {
  const temp_dir folder;
  const service local{echo};
  const reserved_port main;
  const reserved_port port;
  const auto write = [&folder](std::string_view text) {
    const std::string made = folder.write(".token", text);
    fs::permissions(made, fs::perms(0600));
    fs::rename(made, folder.path() / "token");
    return (folder.path() / "token").string();
  };
  const std::string token = write("first\n");
  std::vector<std::string> of_server = flags("server", main, port, token);
  std::vector<std::string> of_client = flags("client", main, local.port(), token);
  bool is_first = true;
  SUBCASE("plain TCP") {}
  SUBCASE("WebSocket, the token of the client by a variable") {
    if (!has_feature("websocket")) return;
    for (auto* const each : {&of_server, &of_client}) {
      each->insert(each->end(), {"--transport", "websocket"});
    }
    of_client.erase(of_client.begin() + 5, of_client.begin() + 7);
    is_first = false;
  }
  process server(our_program(), of_server);
  process client(
      our_program(), of_client,
      is_first ? std::vector<std::string>() : std::vector<std::string>{"RATHOLE_TOKEN=first"});
  INFO(server.output());
  INFO(client.output());
  CHECK(eventually([&port] { return answered(port); }));
  CHECK(server.wait_for("Start watching the config"));
  if (!is_first) return;
  CHECK(client.wait_for("Start watching the config"));
  const std::size_t from = client.output().size();
  write("second\n");
  for (process* each : {&server, &client}) CHECK(each->wait_for(in_use));
  CHECK(client.wait_for("Control channel established", 1, from));
  CHECK(eventually([&port] { return answered(port); }));
  // SIGHUP reads the file of the token again.
  const std::size_t before = server.output().size();
  server.signal(SIGHUP);
  CHECK(server.wait_for("Rescan the configuration", 1, before));
  server.signal(SIGTERM);
  CHECK(server.wait_exit() == 0);
}

TEST_CASE("secrets: an identity and the file of its password are replaced in any order") {
  if (!has_feature("tls")) {
    MESSAGE("skipped: TLS is not built in");
    return;
  }
  authority issuer;
  const identity_files identity = issuer.issue();
  const std::string second = issuer.pack(identity, {"-passout", "pass:second"});
  const temp_dir folder;
  const auto replace = [&folder](const std::string& name, const std::string& content) {
    const std::string made = folder.write("." + name, content);
    fs::permissions(made, fs::perms(0600));
    fs::rename(made, folder.path() / name);
    return (folder.path() / name).string();
  };
  const service local{echo};
  const reserved_port main;
  const reserved_port port;
  const std::string token = replace("token", "a secret of the test");
  std::vector<std::string> words = flags("server", main, port, token);
  words.insert(words.end(), {"--transport", "tls", "--tls-pkcs12",
                             replace("identity.p12", file_text(issuer.pack(identity))),
                             "--tls-pkcs12-password-file", replace("password", "secret\n")});
  process server(our_program(), words);
  std::vector<std::string> of_client = flags("client", main, local.port(), token);
  of_client.insert(of_client.end(), {"--transport", "tls", "--tls-hostname", "localhost",
                                     "--tls-trusted-root", issuer.root()});
  const process client(our_program(), of_client);
  INFO(server.output());
  INFO(client.output());
  CHECK(eventually([&port] { return answered(port); }));
  CHECK(server.wait_for("Start watching the config"));
  const std::size_t from = server.output().size();
  SUBCASE("the password first") {
    replace("password", "second\n");
    CHECK(server.wait_for("the password is wrong", 1, from));
    replace("identity.p12", file_text(second));
  }
  SUBCASE("the identity first") {
    replace("identity.p12", file_text(second));
    CHECK(server.wait_for("Rescan the configuration", 1, from));
    replace("password", "second\n");
  }
  CHECK(server.wait_for(in_use, 1, from));
  CHECK(eventually([&port] { return answered(port); }));
}

TEST_CASE("secrets: without a file a problem names its flag") {
  const temp_dir folder;
  const std::vector<std::string> words = flags("client", 1, 2, (folder.path() / "none").string());
  const finished_run run = run_program(words);
  CHECK(run.status == 1);
  CHECK(run.err.starts_with("--token-file: cannot be read: No such file or directory; "));
}

}  // namespace
}  // namespace rathole::test
