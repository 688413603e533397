// What the commands that ask a running program print, with answers of a peer that the test plays.

#include "../support/environment.hpp"
#include "../support/net.hpp"
#include "../support/temp_dir.hpp"

#include <rathole/app/cli.hpp>
#include <rathole/app/control/admin_table.hpp>
#include <rathole/app/control/run.hpp>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace rathole::app {
namespace {

using test::temp_dir;
using test::variable;

std::string answer(std::string_view status, std::string_view body,
                   std::string_view type = "application/json") {
  return "HTTP/1.1 " + std::string(status) + "\r\nContent-Type: " + std::string(type) +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

/// Gives each request the answer for its first line, or else the one for "".
class peer {
 public:
  explicit peer(std::map<std::string, std::string> answers)
      : answers_(std::move(answers)), thread_([this] { serve(); }) {}
  ~peer() {
    listener_.shutdown();
    thread_.join();
  }

  [[nodiscard]] std::string address() const {
    return "127.0.0.1:" + std::to_string(listener_.port());
  }
  [[nodiscard]] std::string requests() {
    const std::lock_guard held(guard_);
    return requests_;
  }

 private:
  void serve() {
    while (auto from = listener_.accept()) {
      from->time_limit(std::chrono::seconds(10));
      std::string head;
      while (!head.contains("\r\n\r\n")) {
        const std::string more = from->receive(1);
        if (more.empty()) break;
        head += more;
      }
      const std::lock_guard held(guard_);
      requests_ += head;
      const std::string line = head.substr(0, head.find(" HTTP/"));
      const auto found = answers_.find(line);
      from->try_send_all(found == answers_.end() ? answers_[""] : found->second);
    }
  }

  std::map<std::string, std::string> answers_;
  test::tcp_socket listener_ = test::tcp_socket::listen();
  std::mutex guard_;
  std::string requests_;
  std::thread thread_;
};

struct outcome {
  int status;
  std::string out;
  std::string err;
};

outcome run(std::vector<std::string> words) {
  std::ostringstream out;
  std::ostringstream err;
  const auto asked = parse_command_line(std::move(words), out, err);
  if (!asked) return {asked.error().value, out.str(), err.str()};
  const int status = run_control(asked->control, asked->as_server, asked->as_client, out, err);
  return {status, out.str(), err.str()};
}

constexpr std::string_view problem_type = "application/problem+json";
const std::string not_found = answer("404 Not Found", R"({"detail":"no such"})", problem_type);

TEST_CASE("control: the token that was not accepted is named, and how to give another") {
  const variable no_token("RATHOLE_ADMIN_TOKEN", std::nullopt);
  peer api({{"", answer("401 Unauthorized", R"({"detail":"A token is needed"})", problem_type)}});
  const std::string start = "Error: The admin API at " + api.address();
  CHECK(run({"status", "--admin", api.address()}).err.starts_with(start + " needs a token; "));
  const temp_dir folder;
  const std::string file = folder.write("token", "one\nmore");
  const outcome by_file = run({"status", "--admin", api.address(), "--token-file", file});
  CHECK(by_file.status == 1);
  CHECK(by_file.err.starts_with(start + " does not accept the token of `--token-file`; "));
  CHECK(api.requests().contains("Authorization: Bearer one\r\n"));
  const variable token("RATHOLE_ADMIN_TOKEN", "two");
  CHECK(run({"status", "--admin", api.address()}).err.contains("of the variable RATHOLE_ADMIN"));
  CHECK(api.requests().contains("Authorization: Bearer two\r\n"));
  const std::string settings =
      folder.write("server.toml", "[server]\n[server.admin]\nbind_addr = \"" + api.address() +
                                      "\"\ntoken = \"three\"\n");
  const outcome by_settings = run({"status", settings});
  CHECK(by_settings.err.contains("the token of the configuration file"));
  CHECK(by_settings.err.contains("`token_file` in the table `admin` of " + settings));
  CHECK_FALSE(by_settings.err.contains("three"));
}

TEST_CASE("control: whatever is no admin API is named as such") {
  for (const std::string& page :
       {answer("404 Not Found", "<html>", "text/html"), answer("200 OK", "<html>\n\n</html>"),
        answer("200 OK", "[1]"), answer("302 Found", "{\"detail\":\"moved\"}"),
        answer("500 Oops", "{}"), answer("200 OK", "")}) {
    CAPTURE(page);
    peer other({{"", page}});
    for (const char* command :
         {"status", "services", "connections", "events", "reload", "drain", "log-level"}) {
      CAPTURE(command);
      const outcome got = run({command, "--admin", other.address()});
      CHECK(got.status == 1);
      CHECK(got.out == "");
      CHECK(got.err.starts_with("Error: Something else answers at " + other.address()));
    }
  }
  peer ssh({{"", std::string("SSH-2.0-OpenSSH_9.2\r\n\r\n")}});
  CHECK(run({"status", "--admin", ssh.address()}).err.contains("something else answers there"));
}

TEST_CASE("control: an answer without its members is printed without them") {
  peer api(
      {{"", answer("200 OK", R"({"ready":"yes","services":[{}],"connections":[{"id":"x"}]})")}});
  CHECK(run({"status", "--admin", api.address()}).status == 3);
  CHECK(run({"services", "--admin", api.address()}).out.contains("SERVICE"));
  CHECK(run({"connections", "--admin", api.address()}).out.contains("VISITOR"));
}

TEST_CASE("control: a service with several clients has a row for each") {
  peer api({{"", answer("200 OK", R"({"services":[{"name":"web","type":"tcp","state":"up",
    "addresses":["0.0.0.0:80"],"peer":"a:2","connections":{"active":3},"clients":[
    {"address":"a:1","active":2,"skipped":false},{"address":"a:2","active":1,"skipped":true}]}]})")}});
  const std::string out = run({"services", "--admin", api.address()}).out;
  CHECK(out.contains("2 clients"));
  CHECK(out.contains("a:1"));
  CHECK(out.contains("skipped"));
}

TEST_CASE("control: a failure on one of several servers is a single line") {
  const auto services = [](const std::string& service) {
    peer api({{"", answer("200 OK", R"({"services":[{"name":"dns",)" + service + "}]}")}});
    return run({"services", "--admin", api.address()}).out;
  };
  const std::string none =
      services(R"("state":"down","reason":"Incorrect token","peer":null,"servers":[
      {"server":"a:1","state":"down","reason":"Incorrect token"},{"server":"b:1","state":"unused"}])");
  CHECK(none.contains("- (0 of 2 servers)"));
  CHECK(none.ends_with("\ndns is down at a:1: Incorrect token\n"));
  CHECK_FALSE(none.contains("dns is down: "));
  const std::string other = services(R"("state":"down","reason":"closed by this side","servers":[
      {"server":"a:1","state":"down","reason":"Incorrect token"},{"server":"b:1","state":"unused"}])");
  CHECK(
      other.ends_with("\ndns is down at a:1: Incorrect token\ndns is down: closed by this side\n"));
  // The server may be back, so it is not said to be down.
  const std::string left = services(R"("state":"up","peer":"b:1","servers":[
      {"server":"a:1","state":"unused","reason":"refused"},{"server":"b:1","state":"up"}])");
  CHECK(left.contains("b:1 (1 of 2 servers)"));
  CHECK(left.ends_with("\ndns has left a:1: refused\n"));
}

TEST_CASE("control: on a client failed data channels are no refused visitors") {
  const auto status = [](const std::string& mode) {
    peer api({{"", answer("200 OK", R"({"mode":")" + mode + R"(","visitors_refused":26})")}});
    return run({"status", "--admin", api.address()}).out;
  };
  CHECK(status("client").ends_with("  failed        26 data channels\n"));
  CHECK(status("server").ends_with("  refused       26 visitors\n"));
}

TEST_CASE("control: the connections of a service that does not exist are an error") {
  const std::string none = answer("200 OK", R"({"connections":[],"total":0})");
  peer api({{"GET /api/v1/connections?limit=1000&service=typo", none},
            {"GET /api/v1/connections?limit=1000&service=web", none},
            {"GET /api/v1/connections?limit=1000", none},
            {"GET /api/v1/services/web", answer("200 OK", R"({"name":"web"})")},
            {"", not_found}});
  const outcome typo = run({"connections", "--admin", api.address(), "--service", "typo"});
  CHECK(typo.status == 1);
  CHECK(typo.out == "");
  CHECK(typo.err == "Error: There is no service `typo`; `services` lists them.\n");
  CHECK(run({"connections", "--admin", api.address(), "--service", "typo", "--json"}).out == "");
  CHECK(run({"connections", "--admin", api.address(), "--service", "web"}).status == 0);
  CHECK(run({"connections", "--admin", api.address()}).status == 0);
}

TEST_CASE("control: events as JSON have their number beside the members of their data") {
  peer api({{"", std::string("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
                             "id: 7\nevent: connection_started\ndata: {\"time\":\"t\",\"id\":3}\n\n"
                             "event: missed\ndata: {\"count\":2}\n\n")}});
  const outcome got = run({"events", "--admin", api.address(), "--json"});
  CHECK(got.status == 0);
  CHECK(got.out ==
        "{\"event\":\"connection_started\",\"event_id\":7,\"time\":\"t\",\"id\":3}\n"
        "{\"event\":\"missed\",\"count\":2}\n");
  CHECK(run({"events", "--admin", api.address()}).out ==
        "t connection_started id=3\n- missed count=2\n");
}

TEST_CASE("control: the file of the token may be a pipe, and has a token") {
  peer api({{"", answer("200 OK", "{\"level\":\"info\"}")}});
  const temp_dir folder;
  const std::string pipe = (folder.path() / "pipe").string();
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  std::thread writer([&pipe] {
    const int to = ::open(pipe.c_str(), O_WRONLY | O_CLOEXEC);
    static_cast<void>(::write(to, "piped\n", 6));
    ::close(to);
  });
  CHECK(run({"log-level", "--admin", api.address(), "--token-file", pipe}).out == "info\n");
  writer.join();
  CHECK(api.requests().contains("Authorization: Bearer piped\r\n"));
  const outcome empty = run(
      {"log-level", "--admin", api.address(), "--token-file", folder.write("empty", "\nmore\n")});
  CHECK(empty.status == 1);
  CHECK(empty.err.contains("`--token-file`"));
  CHECK(empty.err.contains("is empty"));
  const outcome none = run({"log-level", "--admin", api.address(), "--token-file", "/nowhere"});
  CHECK(none.err ==
        "Error: Cannot read the file of `--token-file`, /nowhere: "
        "No such file or directory\n");
}

TEST_CASE("control: a program that does not run, and authorities that do not fit") {
  const temp_dir folder;
  const test::reserved_port unused;
  const std::string at = "127.0.0.1:" + std::to_string(unused);
  const std::string file =
      folder.write("server.toml", "[server]\n[server.admin]\nbind_addr = \"" + at + "\"\n");
  const outcome got = run({"status", file});
  CHECK(got.status == 1);
  CHECK(got.err == "Error: Cannot ask the admin API at " + at +
                       ": Connection refused; is the program running with " + file + "?\n");
  CHECK(run({"status", file, "--ca-file", "root.pem"}).err.starts_with("Error: `--ca-file` is "));
  CHECK(run({"status", "--admin", "https://" + at, "--ca-file", "/nowhere.pem"})
            .err.contains("/nowhere.pem"));
}

TEST_CASE("control: only the table `admin` of a file is read") {
  constexpr const char* table = "[server.admin]\nbind_addr = \"127.0.0.1:9091\"\n";
  const auto read = [](const std::string& text, bool as_server = false, bool as_client = false) {
    return read_admin_table(text, "f.toml", as_server, as_client);
  };
  const auto got =
      read(std::string("nonsense = 1\n[server]\nbind_addr = 5\n[server.services.a]\n") + table +
           "token = \"a secret\"\n[extra]\n");
  REQUIRE(got);
  CHECK(got->bind_addr == "127.0.0.1:9091");
  CHECK(got->token.view() == "a secret");

  struct example {
    std::string text;
    const char* error;
  };
  const example examples[] = {
      {"[server]\nbind_addr = \"x\"\n", "f.toml has no [server.admin]"},
      {"[server", "f.toml:1:"},
      {"", "Neither of `[server]` or `[client]`"},
      {std::string(table) + "[client]\n", "say --server or --client"},
      {"[server.admin]\n", "missing field `bind_addr`"},
      {"include = \"absent.toml\"\n[server]\n", "cannot read the file: No such file"},
      {std::string(table) + "token_file = \"/nowhere\"\n",
       "server.admin.token_file: cannot be read"},
  };
  for (const auto& [text, error] : examples) {
    CAPTURE(text);
    const auto failed = read(text);
    REQUIRE_FALSE(failed);
    REQUIRE(failed.error().size() == 1);
    CHECK(failed.error().front().contains(error));
    CHECK_FALSE(failed.error().front().contains("warning"));
  }
  CHECK(read(std::string(table) + "[client]\n", true));
  CHECK(read(std::string("include = \"absent.toml\"\n") + table));
  CHECK(read(std::string(table), false, true).error().front().contains("`[client]`"));
}

TEST_CASE(
    "control: a file that cannot be used is no obstacle with --admin, and the error says so") {
  const temp_dir folder;
  for (const std::string& file :
       {folder.write("wrong.toml", "[server"), (folder.path() / "absent.toml").string(),
        folder.write("other.toml", "[server]\n"),
        folder.write("port.toml", "[server.admin]\nbind_addr = \"[::1]:0\"\n")}) {
    const outcome got = run({"status", file});
    CHECK(got.status == 1);
    CHECK(got.err.starts_with("Error: "));
    CHECK(got.err.contains("--admin URL"));
  }
}

TEST_CASE("control: an included file may have the table") {
  const temp_dir folder;
  folder.write("admin.toml", "[server.admin]\nbind_addr = \"127.0.0.1:9091\"\n");
  folder.write("wrong.toml", "[server.services.a]\nnonsense = 1\n");
  const auto got = load_admin_table(
      folder.write("main.toml", "include = [\"admin.toml\", \"wrong.toml\"]\n[server]\n"), false,
      false);
  REQUIRE(got);
  CHECK(got->bind_addr == "127.0.0.1:9091");
}

}  // namespace
}  // namespace rathole::app
