#include "../support/config_text.hpp"
#include "../support/file_text.hpp"
#include "../support/our_program.hpp"
#include "../support/raw_program.hpp"
#include "../support/services.hpp"
#include "../support/temp_dir.hpp"
#include "../support/visitors.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::test {
namespace {

/// A server and a client, one of which writes its log to a pipe that the test controls.
struct logged_tunnel {
  explicit logged_tunnel(bool of_server) {
    const std::vector<std::string> verbose = {"RATHOLE_LOG=debug"};
    const std::string server = folder.write("server.toml", server_toml(main, {{name, port}}));
    const std::string client = folder.write(
        "client.toml", client_toml(main, {{name, local.port()}}, "retry_interval = 1"));
    log.fill();
    logged.emplace(std::vector<std::string>{of_server ? server : client}, verbose, log.writer(),
                   nowhere);
    other.emplace(std::vector<std::string>{of_server ? client : server},
                  std::vector<std::string>{"RATHOLE_LOG=off"}, nowhere, nowhere);
  }
  ~logged_tunnel() { ::close(nowhere); }

  /// The name is long so that log lines are long.
  const std::string name = std::string(120, 'n');
  temp_dir folder;
  service local{echo};
  reserved_port main;
  reserved_port port;
  int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  slow_pipe log;
  std::optional<raw_program> logged;
  std::optional<raw_program> other;
};

constexpr std::size_t visitors = 1000;

void serve_with_a_stuck_log(bool of_server) {
  CAPTURE(of_server);
  logged_tunnel t(of_server);
  REQUIRE(eventually([&] { return round_trip(t.port); }));
  std::size_t served = 0;
  for (std::size_t i = 0; i < visitors; ++i)
    served += round_trip(t.port, "hello", {}, std::chrono::seconds{10}) ? 1 : 0;
  CHECK(served == visitors);

  // The test reads again.
  constexpr std::string_view notice =
      " log lines were dropped because the log could not be written\n";
  std::string text;
  REQUIRE(t.log.read_until(notice, text));
  text.resize(text.find(notice) + notice.size());
  const std::vector<std::string> all = lines(text);
  const auto number = all.back().find("rathole: ");
  REQUIRE(number != std::string::npos);
  CHECK(all.back().find(" WARN rathole: ") != std::string::npos);
  const auto dropped = std::stoul(all.back().substr(number + 9));
  // Each visitor causes two lines; the visitors that checked the tunnel add some.
  CHECK(dropped > 0);
  const std::size_t written = all.size() - 1;
  CHECK(written + dropped >= 2 * visitors);
  CHECK(written + dropped <= 2 * visitors + 200);
  CHECK(round_trip(t.port));
  std::string after;
  CHECK(t.log.read_until(": rathole::", after));

  // The last lines are written.
  t.logged->signal(SIGTERM);
  CHECK(t.logged->wait_exit() == 0);
  CHECK(t.log.read_until(": Shutdown\n", after));
}

TEST_CASE("log: visitors are served although nobody reads the log, and lost lines are counted") {
  for (const bool of_server : {true, false}) serve_with_a_stuck_log(of_server);
}

TEST_CASE("log: signals are handled although nobody reads the log") {
  for (const bool of_server : {true, false}) {
    for (const int signals : {1, 2}) {
      CAPTURE(of_server);
      CAPTURE(signals);
      logged_tunnel t(of_server);
      REQUIRE(eventually([&] { return round_trip(t.port); }));
      tcp_socket visitor = tcp_socket::connect(t.port);
      visitor.send_all("stays");
      REQUIRE(visitor.receive(5) == "stays");
      if (signals == 1) visitor.close();
      const auto begun = std::chrono::steady_clock::now();
      t.logged->signal(SIGTERM);
      if (signals == 2) {
        // The first signal was handled.
        CHECK(eventually([&] { return refused(t.port); }));
        t.logged->signal(SIGTERM);
      }
      CHECK(t.logged->wait_exit() == 0);
      CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds{8});
    }
  }
}

TEST_CASE("log: a closed log reader does not stop the program") {
  logged_tunnel t(true);
  t.log.close_reader();
  REQUIRE(eventually([&] { return round_trip(t.port); }));
  for (int i = 0; i < 20; ++i) CHECK(round_trip(t.port));
  t.logged->signal(SIGTERM);
  CHECK(t.logged->wait_exit() == 0);
}

TEST_CASE("log: files are opened again at SIGUSR1, and follow the configuration") {
  const temp_dir folder;
  const service local{echo};
  const reserved_port main;
  const reserved_port port;
  const auto path = [&folder](const std::string& name) { return (folder.path() / name).string(); };
  const auto has = [&path](const std::string& name, std::string_view text) {
    return eventually([&] {
      return std::filesystem::exists(path(name)) && file_text(path(name)).contains(text);
    });
  };
  const std::string keys =
      "log_file = \"" + path("log") + "\"\naccess_log = \"" + path("access") + "\"\n";
  const std::string tables = server_toml(main, {{"a", port}}, "");
  process server{our_program(), {folder.write("server.toml", keys + tables)}};
  process client{our_program(),
                 {folder.write("client.toml", client_toml(main, {{"a", local.port()}}))}};
  REQUIRE(has("log", "Start watching the config"));
  REQUIRE(eventually([&] { return round_trip(port); }));
  CHECK(has("access", " a 127.0.0.1:"));
  CHECK(server.standard_output().empty());

  for (const char* name : {"log", "access"}) {
    std::filesystem::rename(path(name), path(name) + ".1");
  }
  server.signal(SIGUSR1);
  CHECK(has("log", "The log files were opened again"));
  CHECK(round_trip(port));
  CHECK(has("access", " a 127.0.0.1:"));

  folder.write("server.toml", "log_format = \"json\"\n" + keys + tables);
  CHECK(eventually([&] {
    server.signal(SIGUSR1);
    return file_text(path("log")).contains(R"("message":"The log files were opened again"})");
  }));
  CHECK(round_trip(port));
  CHECK(has("access", R"("service":"a","visitor":"127.0.0.1:)"));

  folder.write("server.toml", tables);
  CHECK(eventually([&] {
    server.signal(SIGUSR1);
    return server.standard_output().contains("The log files were opened again");
  }));
  server.signal(SIGTERM);
  CHECK(server.wait_exit() == 0);
  CHECK(server.standard_output().contains("Shutdown"));
}

TEST_CASE("log: a file that cannot be written keeps the program from starting") {
  const temp_dir folder;
  const reserved_port main;
  const std::string missing = (folder.path() / "gone/log").string();
  const std::string file =
      folder.write("server.toml", "log_file = \"" + missing + "\"\n" + server_toml(main, {}, ""));
  const std::string problem =
      file +
      ":1:12: log_file: the file cannot be written: No such file or directory; "
      "create its folder, correct the permissions, or name another file\n";
  for (const auto& ended : {run_program({file}), run_program({"--check", file})}) {
    CHECK(ended.status == 1);
    CHECK(ended.err == problem);
  }
}

TEST_CASE("log: --log-format writes JSON to standard output, without colours") {
  const temp_dir folder;
  const reserved_port main;
  process server{our_program(),
                 {"--log-format", "json", folder.write("server.toml", server_toml(main, {}, ""))}};
  REQUIRE(server.wait_for("Start watching the config"));
  server.signal(SIGTERM);
  CHECK(server.wait_exit() == 0);
  for (const std::string& each : lines(server.standard_output())) {
    CAPTURE(each);
    CHECK(each.starts_with(R"({"time":")"));
    CHECK(each.ends_with("\"}"));
  }
}

TEST_CASE("log: the journal gets priorities instead of timestamps and colours") {
  const temp_dir folder;
  reserved_port main;
  reserved_port port;
  const std::string file = folder.write("server.toml", server_toml(main, {{"a", port}}));
  slow_pipe out;
  slow_pipe err;
  raw_program program({file}, {out.as_journal_stream()}, out.writer(), err.writer());
  std::string text;
  REQUIRE(out.read_until("Start watching", text));
  CAPTURE(text);
  CHECK(text.find("<6>INFO rathole::server: Listening at 127.0.0.1:") != text.npos);
  for (const std::string& each : lines(text)) CHECK(each.starts_with("<6>"));

  // A second server finds the port in use. It logs that to the journal if JOURNAL_STREAM names its
  // output; other output is unchanged.
  slow_pipe elsewhere;
  raw_program second({file}, {err.as_journal_stream()}, elsewhere.writer(), err.writer());
  std::string output;
  REQUIRE(err.read_until("Failed to listen", output));
  CHECK(output.starts_with("<3>"));
  CHECK(second.wait_exit() == 5);
  std::string plain;
  REQUIRE(elsewhere.read_until("File descriptor limit", plain));
  CHECK(plain.find("Z  INFO rathole: ") != plain.npos);
  CHECK(plain.find('<') == plain.npos);
}

}  // namespace
}  // namespace rathole::test
