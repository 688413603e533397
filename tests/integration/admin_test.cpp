#include "../support/authority.hpp"
#include "../support/config_text.hpp"
#include "../support/eventually.hpp"
#include "../support/file_text.hpp"
#include "../support/net.hpp"
#include "../support/network_namespace.hpp"
#include "../support/our_program.hpp"
#include "../support/proc.hpp"
#include "../support/services.hpp"
#include "../support/temp_dir.hpp"
#include "../support/transport_tables.hpp"
#include "../support/visitors.hpp"

#include <doctest/doctest.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

/// A server with an admin API and a folder of services, and a client that has `web` and `more`.
struct operated_tunnel {
  explicit operated_tunnel(const std::string& admin_keys = "") : keys(admin_keys) {
    fs::create_directory(folder.path() / "services.d");
    server.emplace(our_program(), std::vector<std::string>{write_server()});
    client.emplace(
        our_program(),
        std::vector<std::string>{folder.write(
            "client.toml", client_toml(main, {{"web", local.port()}, {"more", local.port()}},
                                       "retry_interval = 1"))});
    INFO(server->output());
    REQUIRE(eventually([this] { return answered(web); }));
  }

  std::string write_server() {
    return folder.write(
        "server.toml",
        server_toml(main, {{"web", web}}, "",
                    "[server.admin]\nbind_addr = \"127.0.0.1:" + std::to_string(admin) +
                        "\"\nservices_dir = \"services.d\"\n" + keys + "\n"));
  }

  /// Returns the answer to a request, with its head.
  [[nodiscard]] std::string ask(const std::string& request, const std::string& body = "") const {
    tcp_socket to = tcp_socket::connect(admin);
    std::string text = request + " HTTP/1.1\r\nHost: localhost\r\nX-Rathole-Request: 1\r\n" +
                       "Connection: close\r\n";
    if (!body.empty()) {
      text += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
              "\r\n";
    }
    to.send_all(text + "\r\n" + body);
    return to.receive_all();
  }
  [[nodiscard]] bool succeeds(const std::string& request, const std::string& body = "") const {
    return ask(request, body).starts_with("HTTP/1.1 20");
  }
  [[nodiscard]] std::string settings(const reserved_port& port) const {
    return R"({"bind_addr":"127.0.0.1:)" + std::to_string(port) + R"(","token":")" +
           std::string(default_token) + "\"}";
  }
  finished_run command(std::vector<std::string> words) const {
    words.insert(words.begin() + 1, (folder.path() / "server.toml").string());
    return run_program(words);
  }

  std::string keys;
  temp_dir folder;
  service local{echo};
  reserved_port main;
  reserved_port web;
  reserved_port admin;
  std::optional<process> server;
  std::optional<process> client;
};

const std::string v1 = "/api/v1/";

TEST_CASE("admin: a service is added, used, changed and removed, and others are not touched") {
  operated_tunnel t;
  INFO(t.server->output());
  const reserved_port more;
  const reserved_port other;
  tcp_socket early = tcp_socket::connect(t.web);
  const auto talk = [&early] {
    early.send_all("more");
    return early.receive(4) == "more";
  };
  REQUIRE(talk());
  CHECK(t.ask("PUT " + v1 + "services/more", t.settings(more)).starts_with("HTTP/1.1 201 Created"));
  CHECK(eventually([&] { return answered(more); }));
  CHECK(t.ask("PUT " + v1 + "services/more", t.settings(other)).starts_with("HTTP/1.1 200 OK"));
  CHECK(eventually([&] { return answered(other) && refused(more); }));
  CHECK(t.ask("DELETE " + v1 + "services/more").starts_with("HTTP/1.1 204 No Content"));
  CHECK(eventually([&] { return refused(other); }));
  CHECK(talk());
  CHECK(t.ask("PUT " + v1 + "services/web", t.settings(other)).starts_with("HTTP/1.1 409"));
}

TEST_CASE("admin: commands show and change the running program") {
  operated_tunnel t;
  tcp_socket visitor = tcp_socket::connect(t.web);
  visitor.send_all("hello");
  REQUIRE(visitor.receive(5) == "hello");
  CHECK(t.command({"status"}).out.contains("rathole server "));
  CHECK(t.command({"status", "--json"}).out.starts_with("{\"version\":"));
  const finished_run services = t.command({"services"});
  CHECK(services.out.contains("web "));
  const std::string list = t.command({"connections"}).out;
  CHECK(list.contains("127.0.0.1:"));
  const std::string row = lines(list).at(1);
  const std::string id =
      row.substr(row.find_first_not_of(' '),
                 row.find(' ', row.find_first_of("0123456789")) - row.find_first_not_of(' '));
  CHECK(t.command({"kick", id}).status == 0);
  CHECK(visitor.ends());
  CHECK(eventually(
      [&] { return t.command({"events"}).out.contains("error=reset by the operator"); }));
  CHECK(t.command({"kick", id}).status == 1);
  CHECK(t.command({"kick", "no number"}).status == 2);
  CHECK(t.command({"kick", "99999999999999999999999"}).status == 2);
  CHECK(t.command({"connections", "--service", "web"}).status == 0);
  CHECK(t.command({"connections", "--service", "typo"}).status == 1);
  CHECK(t.command({"drain"}).status == 0);
  CHECK(t.command({"status"}).status == 3);
  CHECK(eventually([&] {
    tcp_socket turned_away = tcp_socket::connect(t.web);
    return turned_away.ends();
  }));
  CHECK(t.command({"undrain"}).status == 0);
  CHECK(t.command({"status"}).status == 0);
  CHECK(answered(t.web));
  CHECK(t.command({"log-level", "debug"}).out == "debug\n");
  CHECK(t.command({"log-level"}).out == "debug\n");
  CHECK(t.command({"log-level", "no level"}).status == 1);
  CHECK(t.command({"log-level", ""}).status == 2);
  const std::string at = "http://127.0.0.1:" + std::to_string(t.admin);
  CHECK(t.command({"status", "--admin", at}).err.contains("CONFIG or --admin, not both"));
  CHECK(t.command({"reload"}).out == "The configuration has not changed.\n");
  const std::string events = t.command({"events"}).out;
  for (const char* each : {"service_up", "connection_started", "connection_ended", "draining"}) {
    CHECK(events.contains(each));
  }
  t.server->signal(SIGTERM);
  CHECK(t.server->wait_exit() == 0);
  CHECK(t.command({"status"}).status == 1);
}

TEST_CASE("admin: a program that stops is not ready") {
  operated_tunnel t;
  const std::string ready = "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n";
  tcp_socket visitor = tcp_socket::connect(t.web);
  visitor.send_all("hello");
  REQUIRE(visitor.receive(5) == "hello");
  tcp_socket asking = tcp_socket::connect(t.admin);
  asking.send_all(ready);
  REQUIRE(asking.receive(12) == "HTTP/1.1 200");
  t.server->signal(SIGTERM);
  REQUIRE(eventually([&] { return refused(t.web); }));
  // The connection is open still, and the rest of the first answer comes before the second.
  asking.send_all("GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  const std::string rest = asking.receive_all();
  CHECK(rest.contains("HTTP/1.1 503"));
  CHECK(rest.ends_with("stopping\n"));
}

TEST_CASE("admin: commands ask a running program whose file has an error by now") {
  operated_tunnel t;
  const std::string file = (t.folder.path() / "server.toml").string();
  t.folder.write("server.toml", "nonsense = 1\n" + file_text(file));
  REQUIRE(t.server->wait_for("unknown field `nonsense`"));
  CHECK(t.command({"reload"}).err.contains("server.toml:1:1: nonsense: "));
  CHECK(t.command({"events"}).out.contains("reload_failed detail=" + file + ":1:1: nonsense: "));
  CHECK(run_program({"--check", file}).status == 1);
  CHECK(t.command({"status"}).status == 0);
}

TEST_CASE("admin: commands ask an API at an IPv6 address") {
  const temp_dir folder;
  const reserved_port main;
  const reserved_port admin;
  const std::string at = "[::1]:" + std::to_string(admin);
  const std::string file = folder.write(
      "server.toml", server_toml(main, {}, "", "[server.admin]\nbind_addr = \"" + at + "\"\n"));
  process server(our_program(), {file});
  if (!server.wait_for("Start watching the config")) return;
  CHECK(run_program({"status", file}).status == 0);
  CHECK(run_program({"status", "--admin", "http://" + at}).status == 0);
}

TEST_CASE("admin: no answer and no log line has a secret") {
  operated_tunnel t(
      "token = \"the admin's own secret\"\nmetrics_token = \"the reader's secret\"\n");
  const auto ask = [&](const std::string& request, const std::string& body = "") {
    tcp_socket to = tcp_socket::connect(t.admin);
    to.send_all(
        request + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" +
        "Authorization: Bearer the admin's own secret\r\nContent-Type: application/json\r\n" +
        "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    return to.receive_all();
  };
  const reserved_port port;
  std::string all;
  all += ask("PUT " + v1 + "services/more", t.settings(port));
  all += ask("PUT " + v1 + "services/more",
             R"({"bind_addr":"x","token":")" + std::string(default_token) + "\"}");
  for (const std::string each :
       {"status", "services", "services/web", "services/more", "connections", "traffic", "config",
        "log/level", "openapi.json", "events?last_event_id=0&follow=false"}) {
    const std::string got = ask("GET " + v1 + each);
    CHECK(got.starts_with("HTTP/1.1 200"));
    all += got;
  }
  all += ask("GET /metrics");
  t.server->signal(SIGTERM);
  CHECK(t.server->wait_exit() == 0);
  all += t.server->output();
  for (const std::string_view secret : {default_token, std::string_view("the admin's own secret"),
                                        std::string_view("the reader's secret")}) {
    CHECK_FALSE(all.contains(secret));
  }
  CHECK(file_text(t.folder.path() / "services.d/more.toml").contains(default_token));
}

TEST_CASE("admin: a changed table restarts the API, and a wrong one leaves the old") {
  operated_tunnel t;
  const reserved_port next;
  const std::string before = file_text(t.folder.path() / "server.toml");
  const auto rewrite = [&](const std::string& from, const std::string& to) {
    std::string text = before;
    text.replace(text.find(from), from.size(), to);
    t.folder.write("server.toml", text);
  };
  const std::string at = "127.0.0.1:" + std::to_string(t.admin);
  rewrite(at, "127.0.0.1:" + std::to_string(next));
  CHECK(eventually([&] { return refused(t.admin) && !refused(next); }));
  const std::size_t from = t.server->output().size();
  rewrite(at, "127.0.0.1:" + std::to_string(t.local.port()));
  CHECK(t.server->wait_for("Cannot serve the admin API at", 1, from));
  CHECK(eventually([&] { return !refused(next); }));
  CHECK(answered(t.web));
  // The same address with a token: the one that serves gets it.
  rewrite(at + "\"\n", "127.0.0.1:" + std::to_string(next) + "\"\ntoken = \"new\"\n");
  const auto status_of = [&](const std::string& field) {
    tcp_socket to = tcp_socket::connect(next);
    to.send_all("GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + field +
                "\r\n");
    return to.receive_all().substr(0, 12);
  };
  CHECK(eventually([&] { return status_of("") == "HTTP/1.1 401"; }));
  CHECK(status_of("Authorization: Bearer new\r\n") == "HTTP/1.1 200");
  // Another address at the same port: the old listener would be in the way.
  rewrite("\"" + at + "\"\n",
          "\"0.0.0.0:" + std::to_string(next) + "\"\ntoken = \"new\"\nallow_plaintext = true\n");
  CHECK(t.server->wait_for("Serving the admin API at 0.0.0.0:" + std::to_string(next)));
  CHECK(eventually([&] { return status_of("Authorization: Bearer new\r\n") == "HTTP/1.1 200"; }));
  rewrite("[server.admin]", "[server.unused_admin]");
  rewrite("[server.admin]\nbind_addr = \"" + at + "\"\nservices_dir = \"services.d\"\n", "");
  CHECK(eventually([&] { return refused(next); }));
  CHECK(answered(t.web));
}

TEST_CASE("admin: without its table no thread and no descriptor is used") {
  temp_dir folder;
  const reserved_port main;
  const reserved_port admin;
  const auto write = [&](const std::string& tables) {
    return folder.write("server.toml", server_toml(main, {}, "", tables));
  };
  const std::string table = "[server.admin]\nbind_addr = " + quoted_address(admin) + "\n";
  process server(our_program(), {write("")});
  REQUIRE(server.wait_for("Listening at"));
  // The thread of the API lets those of the tunnel go first.
  const auto threads = [&] { return threads_with_nice(server, 10); };
  CHECK(threads() == 0);
  write(table);
  CHECK(eventually([&] { return !refused(admin) && threads() == 1; }));
  const std::size_t all = threads_of(server);
  const std::size_t descriptors = open_descriptors(server);
  write("");
  // Its epoll set, eventfd and timerfd, and its listener, are the least that it uses.
  CHECK(eventually([&] {
    return threads() == 0 && threads_of(server) < all &&
           open_descriptors(server) + 4 <= descriptors;
  }));
}

TEST_CASE("admin: a port that is in use keeps the program from starting") {
  operated_tunnel t;
  temp_dir folder;
  const reserved_port main;
  const auto ended = run_program({folder.write(
      "server.toml", server_toml(main, {}, "",
                                 "[server.admin]\nbind_addr = \"127.0.0.1:" +
                                     std::to_string(t.admin) + "\"\ntoken = \"x y z\"\n"))});
  CHECK(ended.status == 5);
  CHECK(ended.err.starts_with("Error: Cannot serve the admin API at 127.0.0.1:"));
}

TEST_CASE(
    "admin: a Unix-domain socket has its permissions, and one that was left behind is replaced") {
  temp_dir folder;
  const reserved_port main;
  const std::string socket = (folder.path() / "admin.sock").string();
  const std::string file = folder.write(
      "server.toml",
      server_toml(main, {}, "",
                  "[server.admin]\nbind_addr = \"unix:" + socket + "\"\nmode = \"0660\"\n"));
  std::optional<process> server(std::in_place, our_program(), std::vector<std::string>{file});
  REQUIRE(eventually([&] { return run_program({"status", file}).status == 0; }));
  struct stat found{};
  REQUIRE(::stat(socket.c_str(), &found) == 0);
  CHECK((found.st_mode & 0777) == 0660);
  // Another program cannot take it.
  const reserved_port other;
  const auto second = run_program({folder.write(
      "other.toml",
      server_toml(other, {}, "", "[server.admin]\nbind_addr = \"unix:" + socket + "\"\n"))});
  CHECK(second.status == 5);
  CHECK(second.err.contains("Address already in use"));
  CHECK(run_program({"status", file}).status == 0);
  // One that was removed is there again after a reload.
  fs::remove(socket);
  CHECK(run_program({"status", file}).status == 1);
  server->signal(SIGHUP);
  CHECK(eventually([&] { return run_program({"status", file}).status == 0; }));
  server->signal(SIGKILL);
  server->wait_exit();
  CHECK(fs::exists(socket));
  server.emplace(our_program(), std::vector<std::string>{file});
  CHECK(eventually([&] { return run_program({"status", file}).status == 0; }));
}

TEST_CASE("admin: TLS with the keys of the table") {
  authority issuer;
  const auto keys = issuer.issue({.names = "DNS:localhost,IP:127.0.0.1"});
  operated_tunnel t("token = \"x y z\"\n[server.admin.tls]\n" + pem_keys(keys));
  CHECK(t.command({"status", "--ca-file", issuer.root()}).status == 0);
  // Without it the keys of the file are trusted.
  CHECK(t.command({"status"}).status == 0);
  const std::string token = t.folder.write("token", "x y z\n");
  const std::string url = "https://localhost:" + std::to_string(t.admin);
  const finished_run untrusted = run_program({"status", "--admin", url, "--token-file", token});
  CHECK(untrusted.status == 1);
  CHECK(untrusted.err.contains("--ca-file"));
  const finished_run trusted =
      run_program({"status", "--admin", url, "--token-file", token, "--ca-file", issuer.root()});
  INFO(trusted.all);
  CHECK(trusted.status == 0);
  const std::string file =
      t.folder.write("wrong.toml",
                     "[server]\nbind_addr = \"127.0.0.1:1\"\n[server.services]\n[server.admin]\n"
                     "bind_addr = \"127.0.0.1:2\"\ntoken = \"x y z\"\n[server.admin.tls]\n"
                     "cert = \"missing.pem\"\nkey = \"missing.pem\"\n");
  const finished_run checked = run_program({"--check", file});
  CHECK(checked.status == 1);
  CHECK(checked.all.contains(file + ":7:1: server.admin.tls: "));
  CHECK(checked.all.contains("missing.pem"));
  tcp_socket plain = tcp_socket::connect(t.admin);
  plain.send_all("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK_FALSE(plain.receive_all().contains("ok"));
}

TEST_CASE("admin: whenever the program is killed in an edit, the file is the old or the new one") {
  operated_tunnel t;
  const reserved_port one;
  const reserved_port two;
  REQUIRE(t.succeeds("PUT " + v1 + "services/more", t.settings(one)));
  const fs::path file = t.folder.path() / "services.d/more.toml";
  const std::string first = file_text(file);
  REQUIRE(t.succeeds("PUT " + v1 + "services/more", t.settings(two)));
  const std::string second = file_text(file);
  for (int round = 0; round < 20; ++round) {
    CAPTURE(round);
    // The edit takes a few milliseconds, and the signal comes at another of its steps each time.
    tcp_socket to = tcp_socket::connect(t.admin);
    const std::string body = t.settings(round % 2 == 0 ? one : two);
    to.send_all("PUT " + v1 +
                "services/more HTTP/1.1\r\nHost: localhost\r\nX-Rathole-Request: 1\r\n" +
                "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
                "\r\n\r\n" + body);
    const auto until = std::chrono::steady_clock::now() + 200us * round;
    while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
    t.server->signal(SIGKILL);
    t.server->wait_exit();
    const std::string found = file_text(file);
    CHECK((found == first || found == second));
    t.server.emplace(our_program(),
                     std::vector<std::string>{(t.folder.path() / "server.toml").string()});
    REQUIRE(eventually([&] { return !refused(t.admin); }));
    std::size_t entries = 0;
    for ([[maybe_unused]] const auto& each :
         fs::directory_iterator(t.folder.path() / "services.d")) {
      ++entries;
    }
    CHECK(entries == 1);
  }
}

TEST_CASE("admin: a disk that is full is an error, and the old file stays") {
  if (!network_namespace::is_permitted()) return;
  const temp_dir folder;
  fs::create_directory(folder.path() / "services.d");
  const std::string small = (folder.path() / "services.d").string();
  const network_namespace where("mount -t tmpfs -o size=16k tmpfs " + small);
  const std::string file = folder.write("server.toml", R"([server]
bind_addr = "127.0.0.1:2333"
default_token = "of the test"
services = {}
[server.admin]
bind_addr = "127.0.0.1:9090"
token = "x y z"
services_dir = "services.d"
)");
  inside_process server(where, {our_program(), file});
  REQUIRE(server.wait_for("Start watching the config"));
  const std::string said = where.run_python(R"(
import sys, urllib.error, urllib.request
def put(name, port):
    request = urllib.request.Request(
        "http://127.0.0.1:9090/api/v1/services/" + name, method="PUT",
        data=('{"bind_addr":"127.0.0.1:%d"}' % port).encode(),
        headers={"Authorization": "Bearer x y z", "Content-Type": "application/json"})
    try:
        return urllib.request.urlopen(request).status
    except urllib.error.HTTPError as error:
        return error.code
print(put("web", 8080))
before = open(sys.argv[1] + "/web.toml").read()
try:
    with open(sys.argv[1] + "/filler", "wb") as filler:
        while True:
            filler.write(b"x" * 512)
            filler.flush()
except OSError:
    pass
print(put("web", 8081), put("new", 8082))
print(open(sys.argv[1] + "/web.toml").read() == before)
import os
print(sorted(os.listdir(sys.argv[1])))
os.remove(sys.argv[1] + "/filler")
print(put("web", 8081))
)",
                                            {small});
  CHECK(said == "201\n507 507\nTrue\n['filler', 'web.toml']\n200\n");
}

}  // namespace
}  // namespace rathole::test
