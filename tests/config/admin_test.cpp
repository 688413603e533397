#include "../support/temp_dir.hpp"

#include <rathole/config/load.hpp>
#include <rathole/config/parse.hpp>
#include <rathole/config/toml_admin.hpp>
#include <rathole/config/validate.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

namespace rathole::config {
namespace {

using texts = std::vector<std::string>;

std::string file_with(const std::string& admin) {
  return "[server]\nbind_addr = \"0.0.0.0:2333\"\nservices = {}\n[server.admin]\n" + admin;
}

/// Returns the problems of the table, errors and warnings, without file and position.
texts problems(const std::string& admin) {
  const auto parsed = read(file_with(admin), "f");
  texts out;
  for (const auto& each : parsed ? parsed->warnings : parsed.error()) {
    out.push_back(each.key + ": " + each.what);
  }
  return out;
}

const std::string loopback = "bind_addr = \"127.0.0.1:9090\"\n";
const std::string token = "token = \"a secret of the test\"\n";

TEST_CASE("admin: all keys are read") {
  const test::temp_dir folder;
  const std::string file = folder.write("token", "from the file\nmore\n");
  const auto parsed = parse(file_with("bind_addr = \"0.0.0.0:9090\"\ntoken_file = \"" + file +
                                      "\"\nmetrics_token = \"for reading\"\nhosts = \"a.example\"\n"
                                      "dashboard = false\nallow_plaintext = true\n"),
                            "f");
  REQUIRE(parsed);
  const admin_options& options = *parsed->server->admin;
  CHECK(options.bind_addr == "0.0.0.0:9090");
  CHECK(options.token.view() == "from the file");
  CHECK(options.metrics_token.view() == "for reading");
  CHECK(options.hosts == texts{"a.example"});
  CHECK_FALSE(options.dashboard);
  CHECK(options.allow_plaintext);
  CHECK(options.mode == 0600);
  const auto socket =
      parse(file_with("bind_addr = \"unix:/run/admin.sock\"\nmode = \"0660\"\n"), "f");
  REQUIRE(socket);
  CHECK(socket->server->admin->mode == 0660);
  CHECK(problems("bind_addr = \"unix:/run/admin.sock\"\n").empty());
  CHECK(problems(loopback + token).empty());
  CHECK(problems("bind_addr = \"[::1]:9090\"\n" + token).empty());
  CHECK(problems("bind_addr = \"localhost:9090\"\n" + token).empty());
}

TEST_CASE("admin: what others can reach needs a token and TLS") {
  const std::string open = "bind_addr = \"0.0.0.0:9090\"\n";
  CHECK(problems(open).size() == 2);
  CHECK(problems(open + token) == texts{"server.admin.bind_addr: others than this host can reach "
                                        "it, and it is not served by TLS"});
  CHECK(problems(open + token + "allow_plaintext = true\n").empty());
  CHECK(problems(open + token + "[server.admin.tls]\ncert = \"c\"\nkey = \"k\"\n").empty());
  CHECK(problems(loopback) == texts{"server.admin.bind_addr: without a token every user of this "
                                    "host can change the services"});
}

TEST_CASE("admin: wrong values are problems") {
  struct example {
    std::string text;
    std::string problem;
  };
  const example examples[] = {
      {"", "server.admin: missing field `bind_addr`"},
      {"bind_addr = \"example.com:80\"\n" + token,
       "server.admin.bind_addr: not an address of the form IP:port or unix:PATH"},
      {"bind_addr = \"unix:\"\n",
       "server.admin.bind_addr: the path of a Unix-domain socket has 1 to 107 bytes"},
      {"bind_addr = \"unix:" + std::string(108, 'x') + "\"\n",
       "server.admin.bind_addr: the path of a Unix-domain socket has 1 to 107 bytes"},
      {"bind_addr = \"unix:/s\"\nmode = \"rw\"\n",
       "server.admin.mode: not the permissions of a file"},
      {"bind_addr = \"unix:/s\"\nmode = \"08\"\n",
       "server.admin.mode: not the permissions of a file"},
      {"bind_addr = \"unix:/s\"\n[server.admin.tls]\ncert = \"c\"\nkey = \"k\"\n",
       "server.admin.tls: a Unix-domain socket is not served by TLS"},
      {loopback + token + "mode = \"0600\"\n",
       "server.admin.mode: only a Unix-domain socket has permissions"},
      {"bind_addr = \"127.0.0.1:0\"\n" + token,
       "server.admin.bind_addr: port 0, so nobody would know where the API is"},
      {loopback + "token = \"\"\n", "server.admin.token: an empty token"},
      {loopback + token + "token_file = \"t\"\n",
       "server.admin.token_file: both `token` and `token_file`"},
      {loopback + "token_file = \"/nonexistent/token\"\n",
       "server.admin.token_file: cannot be read: No such file or directory"},
      {loopback + token + "metrics_token = \"\"\n", "server.admin.metrics_token: an empty token"},
      {loopback + token + "metrics_token = \"a secret of the test\"\n",
       "server.admin.metrics_token: the same as the token, so whoever reads the metrics may change "
       "everything"},
      {"bind_addr = \"unix:/s\"\nmode = \"7777\"\n",
       "server.admin.mode: not the permissions of a file"},
      {loopback + token + "services_dir = \"\"\n", "server.admin.services_dir: an empty path"},
      {loopback + token + "[server.admin.tls]\ncert = \"c\"\n",
       "server.admin.tls: missing field `key`"},
      {loopback + token + "unknown = 1\n", "server.admin.unknown: unknown field `unknown`"},
  };
  for (const auto& [text, problem] : examples) {
    CAPTURE(text);
    const texts found = problems(text);
    CHECK(std::ranges::find(found, problem) != found.end());
  }
}

TEST_CASE("admin: the services of its folder are included") {
  const test::temp_dir folder;
  const std::string main =
      folder.write("main.toml", file_with(loopback + token + "services_dir = \"services.d\"\n"));
  const auto missing = load(main);
  REQUIRE(!missing);
  CHECK(missing.error().front().key == "server.admin.services_dir");
  std::filesystem::create_directory(folder.path() / "services.d");
  folder.write("services.d/web.toml",
               "[server.services.web]\nbind_addr = \"0.0.0.0:80\"\ntoken = \"t\"\n");
  const auto loaded = load(main);
  REQUIRE(loaded);
  CHECK(loaded->server->services.size() == 1);
}

TEST_CASE("admin: paths begin at the folder of the configuration") {
  const test::temp_dir folder;
  folder.write("token", "from the file\n");
  const auto loaded = load(folder.write(
      "main.toml", file_with("bind_addr = \"unix:admin.sock\"\ntoken_file = \"token\"\n")));
  REQUIRE(loaded);
  CHECK(loaded->server->admin->bind_addr == "unix:" + (folder.path() / "admin.sock").string());
  CHECK(loaded->server->admin->token.view() == "from the file");
  const auto encrypted = load(folder.write(
      "main.toml", file_with("bind_addr = \"0.0.0.0:9090\"\n" + token +
                             "[server.admin.tls]\ncert = \"c.pem\"\nkey = \"/k.pem\"\n")));
  REQUIRE(encrypted);
  CHECK(encrypted->server->admin->cert == (folder.path() / "c.pem").string());
  CHECK(encrypted->server->admin->key == "/k.pem");
}

TEST_CASE("admin: a listener of the tunnel cannot have the address of the API") {
  const auto parsed =
      parse("[server]\nbind_addr = \"0.0.0.0:9090\"\n[server.services]\n[server.admin]\n" +
                loopback + token,
            "f");
  REQUIRE(!parsed);
  CHECK(parsed.error().front().key == "server.admin.bind_addr");
}

TEST_CASE("admin: a file whose services are made by the API needs no table of them") {
  const test::temp_dir folder;
  std::filesystem::create_directory(folder.path() / "services.d");
  const auto loaded =
      load(folder.write("main.toml", "[server]\nbind_addr = \"0.0.0.0:1\"\n[server.admin]\n" +
                                         loopback + token + "services_dir = \"services.d\"\n"));
  REQUIRE(loaded);
  CHECK(loaded->server->services.empty());
}

TEST_CASE("admin: clients and servers in other programs have no admin API") {
  server settings{.bind_addr = address{"0.0.0.0", 1}};
  CHECK(settings_problems(settings).empty());
  settings.admin = admin_options{.bind_addr = "127.0.0.1:1"};
  REQUIRE(settings_problems(settings).size() == 1);
  CHECK(settings_problems(settings)[0].key == "server.admin");
}

}  // namespace
}  // namespace rathole::config
