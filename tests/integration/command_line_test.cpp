#include "../support/config_text.hpp"
#include "../support/net.hpp"
#include "../support/our_program.hpp"
#include "../support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace rathole::test {
namespace {

bool holds(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

/// Returns the line of `text` that begins with `file:line:`, or an empty one.
std::string problem_at(const std::string& text, const std::string& file, int line) {
  const std::string start = file + ":" + std::to_string(line) + ":";
  for (const std::string& each : lines(text))
    if (const auto at = each.find(start); at != each.npos) return each.substr(at);
  return {};
}

const std::string valid = server_toml(2333, {{"a", 5202}}) + client_toml(2333, {{"a", 80}});

TEST_CASE("command line: help and version go to standard output") {
  for (const char* option : {"-h", "--help"}) {
    CAPTURE(option);
    const finished_run run = run_program({option});
    CHECK(run.status == 0);
    for (const char* word : {"--server", "--client", "--check", "demo", "CONFIG"})
      CHECK(holds(run.out, word));
    CHECK(run.err == "");
  }
  for (const char* option : {"-V", "--version"}) {
    CAPTURE(option);
    const finished_run run = run_program({option});
    CHECK(run.status == 0);
    CHECK(run.out.starts_with("rathole "));
    CHECK(run.err == "");
  }
}

TEST_CASE("command line: usage errors go to standard error with status 2") {
  const temp_dir directory;
  const std::string file = directory.write("valid.toml", valid);
  const std::vector<std::vector<std::string>> wrong = {
      {},
      {"-s", "-c", file},
      {"--server", "--client", file},
      {file, file},
      {"--no-such-option", file},
      {file, "--genkey"},
      {"--server"},
      {"--check"},
      {"demo", "--no-such-option"},
  };
  for (const auto& arguments : wrong) {
    std::string shown;
    for (const std::string& each : arguments) shown += " " + each;
    CAPTURE(shown);
    const finished_run run = run_program(arguments);
    CHECK(run.status == 2);
    CHECK(run.err != "");
    CHECK(run.out == "");
  }
}

TEST_CASE("command line: --check accepts a valid file") {
  const temp_dir directory;
  const finished_run run = run_program({"--check", directory.write("valid.toml", valid)});
  CHECK(run.status == 0);
  CHECK(run.err == "");
}

TEST_CASE("command line: all problems of a file are reported with positions and remedies") {
  const temp_dir directory;
  const std::string file = directory.write("bad.toml",
                                           "[server]\n"
                                           "bind_addr = \"nowhere\"\n"
                                           "[server.services.a]\n"
                                           "bind_addr = 5\n"
                                           "colour = \"red\"\n"
                                           "[client]\n"
                                           "remote_addr = \"example.com:2333\"\n"
                                           "default_token = \"unspeakable\"\n"
                                           "heartbeat_timeout = -1\n"
                                           "[client.services.b]\n"
                                           "type = \"TCP\"\n"
                                           "local_addr = \"127.0.0.1:80\"\n");
  struct expectation {
    int line;
    const char* key;
  };
  const expectation expected[] = {
      {2, "server.bind_addr"},
      {3, "server.services.a"},
      {4, "server.services.a.bind_addr"},
      {5, "server.services.a.colour"},
      {9, "client.heartbeat_timeout"},
      {11, "client.services.b.type"},
  };
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--check", file}, {"--server", file}, {"--client", file}}) {
    CAPTURE(arguments[0]);
    const finished_run run = run_program(arguments);
    CHECK(run.status == 1);
    INFO(run.all);
    for (const auto& [line, key] : expected) {
      CAPTURE(line);
      const std::string problem = problem_at(run.err, file, line);
      CHECK(holds(problem, std::string(": ") + key));
      CHECK(holds(problem, "; "));
    }
    CHECK_FALSE(holds(run.all, "unspeakable"));
  }
}

TEST_CASE("command line: unusable files are reported") {
  const temp_dir directory;
  struct bad_file {
    const char* name;
    const char* text;
    const char* place;
  };
  const bad_file files[] = {
      {"empty.toml", "", ":1:1: "},
      {"syntax.toml", "[server]\nbind_addr = \n", ":2:"},
      {"no_services.toml", "[server]\nbind_addr = \"127.0.0.1:1\"\n", ":1:"},
  };
  for (const bad_file& each : files) {
    const std::string file = directory.write(each.name, each.text);
    CAPTURE(each.name);
    const finished_run check = run_program({"--check", file});
    CHECK(check.status == 1);
    CHECK(holds(check.err, file + each.place));
    const finished_run run = run_program({file});
    CHECK(run.status == 1);
    CHECK(run.err == check.err);
  }
  const std::string missing = (directory.path() / "missing.toml").string();
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{missing},
                                                    {"--check", missing},
                                                    {"-s", missing},
                                                    {directory.path().string()},
                                                    {"--check", directory.path().string()}}) {
    CAPTURE(arguments.back());
    const finished_run run = run_program(arguments);
    CHECK(run.status == 1);
    CHECK(holds(run.err, arguments.back() + ": Failed to read the config"));
    CHECK(lines(run.err).size() == 1);
  }
}

TEST_CASE("command line: settings that cannot run are refused, by --check too") {
  struct row {
    const char* line;
    const char* diagnostic;
  };
  const row rows[] = {
      {"log = \"loud\"", ":1:7: log: unknown level or directive"},
      {"server.bind_addr = \"*:2333\"", ":1:20: server.bind_addr: `*` is not an address"},
  };
  const temp_dir directory;
  for (const auto& [line, diagnostic] : rows) {
    CAPTURE(line);
    const std::string text = std::string(line) + "\nserver.services = {}\n";
    const std::string file = directory.write("wrong.toml", text);
    for (const std::vector<std::string>& arguments :
         {std::vector<std::string>{"--check", file}, {file}}) {
      const finished_run run = run_program(arguments);
      CHECK(run.status == 1);
      CHECK(holds(run.err, file + diagnostic));
    }
  }
}

TEST_CASE("command line: a file with warnings is usable, and they are logged at start") {
  const temp_dir directory;
  const std::string file = directory.write(
      "warned.toml",
      "[server]\nbind_addr = \":::0\"\ndefault_token = \"use_a_secret_that_only_you_know\"\n"
      "services = {}\n");
  const finished_run check = run_program({"--check", file});
  CHECK(check.status == 0);
  CHECK(holds(check.err, file + ":3:17: warning: server.default_token: "));
  CHECK(holds(check.out, "no errors found"));
  process program(our_program(), {file});
  CHECK(program.wait_for("Listening at [::]:"));
  CHECK(
      holds(program.output(), " WARN rathole::config: " + file + ":3:17: server.default_token: "));
  CHECK_FALSE(holds(program.output(), "use_a_secret_that_only_you_know"));
}

TEST_CASE("command line: a file with both blocks needs --server or --client") {
  const temp_dir directory;
  const std::string both = directory.write("both.toml", valid);
  const std::string server = directory.write("server.toml", server_toml(2333, {}));
  const std::string client = directory.write("client.toml", client_toml(2333, {}));
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{both}, {"--server", client}, {"--client", server}}) {
    CAPTURE(arguments.back());
    const finished_run run = run_program(arguments);
    CHECK(run.status == 1);
    CHECK(lines(run.err).size() == 1);
  }
}

TEST_CASE("command line: a transport that is not built in is refused, with its position") {
  struct part {
    std::string feature;
    const char* tables;
  };
  const temp_dir directory;
  const reserved_port unused_port;
  for (const auto& [feature, tables] :
       {part{"noise",
             "[client.transport]\ntype = \"noise\"\nnoise.pattern = "
             "\"Noise_NN_25519_AESGCM_SHA256\""},
        part{"tls", "[client.transport]\ntype = \"tls\"\ntls = {}"},
        part{"openssl", "[client.transport]\ntype = \"tls\"\ntls = {engine = \"openssl\"}"},
        part{"openssl",
             "[client.transport]\ntype = \"noise\"\nnoise = {pattern = "
             "\"Noise_NN_25519_AESGCM_SHA256\", engine = \"openssl\"}"},
        part{"websocket", "[client.transport]\ntype = \"websocket\"\nwebsocket = {tls = false}"}}) {
    CAPTURE(feature);
    const std::string file =
        directory.write("secure.toml", client_toml(unused_port, {{"a", 80}}, "", tables));
    const finished_run check = run_program({"--check", file});
    CHECK(check.status == (has_feature(feature) ? 0 : 2));
    // Without the transport, the missing transport is reported and not its engine.
    const std::string transport = std::string_view(tables).contains("\"tls\"") ? "tls" : "noise";
    const std::string part = feature == "openssl" && !has_feature(transport) ? transport : feature;
    const std::string message = part + " is not built into this program";
    CHECK(holds(check.all, message) == !has_feature(feature));
    if (!has_feature(feature)) {
      CHECK(check.err.starts_with(file + ':'));
      CHECK_FALSE(check.err.starts_with(file + ": "));
    }
    process program(our_program(), {file});
    if (has_feature(feature)) {
      CHECK(program.wait_for("Connection refused"));
    } else {
      CHECK(program.wait_exit() == 2);
      CHECK(holds(program.output(), message));
    }
  }
}

TEST_CASE("command line: demo --once fetches its own page through the tunnel") {
  const finished_run run = run_program({"demo", "--once"});
  INFO(run.all);
  CHECK(run.status == 0);
  CHECK(holds(run.all, "http://"));
}

TEST_CASE("command line: demo serves its page until it is stopped") {
  process demo(our_program(), {"demo"});
  INFO(demo.output());
  REQUIRE(demo.wait_for("http://"));
  REQUIRE(eventually([&] {
    const std::string output = demo.output();
    return output.find('\n', output.find("http://")) != output.npos;
  }));
  const std::string output = demo.output();
  const auto url = output.find("http://");
  const auto port = std::atoi(output.c_str() + output.find(':', url + 7) + 1);
  tcp_socket visitor = tcp_socket::connect(static_cast<std::uint16_t>(port));
  visitor.send_all("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  const std::string page = visitor.receive_all();
  CHECK(page.starts_with("HTTP/1.1 200"));
  CHECK(holds(page, "\r\n\r\n"));
  demo.signal(SIGINT);
  CHECK(demo.wait_exit() == 0);
}

}  // namespace
}  // namespace rathole::test
