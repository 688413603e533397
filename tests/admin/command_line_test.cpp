// The commands that ask a running program, on the command line and in the manual page.

#include "../support/parsed_command_line.hpp"

#include <rathole/app/cli.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <expected>
#include <string>
#include <utility>
#include <vector>

namespace rathole::app {
namespace {

static_assert(has_admin);

TEST_CASE("command line: the words of a command that asks a running program are sorted") {
  struct example {
    std::vector<std::string> words;
    control_arguments asked;
  };
  const example examples[] = {
      {{"status", "c.toml"}, {.command = "status", .config = "c.toml"}},
      {{"status", "--admin", "unix:/a"}, {.command = "status", .admin = "unix:/a"}},
      {{"kick", "c.toml", "12"}, {.command = "kick", .config = "c.toml", .operand = "12"}},
      {{"kick", "12", "--admin", "[::1]:80"},
       {.command = "kick", .operand = "12", .admin = "[::1]:80"}},
      {{"log-level", "c.toml"}, {.command = "log-level", .config = "c.toml"}},
      {{"log-level", "c.toml", "debug"},
       {.command = "log-level", .config = "c.toml", .operand = "debug"}},
      {{"log-level", "--admin", "http://h:1", "debug"},
       {.command = "log-level", .operand = "debug", .admin = "http://h:1"}},
      {{"events", "c.toml", "--token-file", "t", "--ca-file", "root.pem"},
       {.command = "events", .config = "c.toml", .token_file = "t", .ca_file = "root.pem"}},
      {{"status", "--admin", "https://h:1", "--ca-file", "root.pem"},
       {.command = "status", .admin = "https://h:1", .ca_file = "root.pem"}},
      {{"connections", "c.toml", "--service", "web", "--limit", "5"},
       {.command = "connections", .config = "c.toml", .service = "web", .limit = 5}},
  };
  for (const auto& [words, asked] : examples) {
    CAPTURE(words.front());
    const auto got = parse(words);
    REQUIRE(got.asked);
    const control_arguments& is = got.asked->control;
    CHECK(is.command == asked.command);
    CHECK(is.config == asked.config);
    CHECK(is.operand == asked.operand);
    CHECK(is.admin == asked.admin);
    CHECK(is.token_file == asked.token_file);
    CHECK(is.ca_file == asked.ca_file);
    CHECK(is.service == asked.service);
    CHECK(is.limit == asked.limit);
  }
}

TEST_CASE("command line: a wrong command that asks a running program ends with its usage") {
  struct example {
    std::vector<std::string> words;
    const char* message;
    const char* usage;
  };
  const char* const of_status = "Usage: rathole status [OPTIONS] CONFIG\n";
  const char* const of_kick = "Usage: rathole kick [OPTIONS] CONFIG ID\n";
  const char* const of_all = "Usage: rathole [OPTIONS] CONFIG\n";
  const example examples[] = {
      {{"status"}, "needs CONFIG or --admin", of_status},
      {{"status", "--admin", "ftp://x"}, "--admin is not unix:PATH", of_status},
      {{"status", "--admin", ""}, "--admin is not unix:PATH", of_status},
      {{"status", "c.toml", "d.toml"}, "d.toml", of_status},
      {{"status", "c.toml", "d.toml", "e.toml"}, "e.toml", of_status},
      {{"status", "--admin", "h:1", "--ca-file", "root.pem"}, "https://HOST:PORT", of_status},
      {{"kick", "c.toml"}, "kick needs ID", of_kick},
      {{"kick", "c.toml", "abc"}, "ID is a number", of_kick},
      {{"kick", "c.toml", "1x"}, "ID is a number", of_kick},
      {{"kick", "--admin", "h:1", "1", "2"}, "kick takes CONFIG or --admin, not both", of_kick},
      {{"kick", "c.toml", "1", "2"}, "2", of_kick},
      {{"kick", "c.toml", ""}, "kick takes no empty word", of_kick},
      {{"statsu", "c.toml"}, "unknown command `statsu`; did you mean `status`?", of_all},
      {{"statsu"}, "unknown command `statsu`; did you mean `status`?", of_all},
      {{"restart", "c.toml", "--json"},
       "the commands are client, server, diagnose, demo, status, ",
       of_all},
  };
  for (const auto& [words, message, usage] : examples) {
    CAPTURE(message);
    const auto got = parse(words);
    REQUIRE_FALSE(got.asked);
    CHECK(got.asked.error().value == 2);
    CHECK(got.out == "");
    CHECK(got.err.substr(0, got.err.find('\n')).contains(message));
    CHECK(got.err.contains(usage));
  }
}

TEST_CASE("command line: the help of a command has its own usage, operands and statuses") {
  const std::string kick = parse({"kick", "--help"}).out;
  CHECK(kick.contains("\nUsage: rathole kick [OPTIONS] CONFIG ID\n"));
  CHECK(kick.contains("\n  ID  "));
  CHECK(kick.contains("--ca-file FILE"));
  CHECK(kick.contains("\n  2  the command line is wrong\n"));
  CHECK_FALSE(kick.contains("NO_COLOR"));
  CHECK(parse({"log-level", "--help"}).out.contains("log-level [OPTIONS] CONFIG [LEVEL]\n"));
  CHECK_FALSE(parse({"status", "--help"}).out.contains("EXCESS"));
}

TEST_CASE("command line: the manual page says each option of several commands once") {
  const std::string page = parse({"--describe", "man"}).out;
  const auto count = [&page](const std::string& text) {
    std::size_t out = 0;
    for (auto at = page.find(text); at != page.npos; at = page.find(text, at + 1)) ++out;
    return out;
  };
  CHECK(count("\n\\fB\\-h\\fR, ") == 1);
  const auto times = [&count](const std::string& option) {
    return count("\n\\fB\\-\\-" + option + "\\fR");
  };
  for (const char* option : {"admin", "ca\\-file", "json", "limit"}) {
    CAPTURE(option);
    CHECK(times(option) == 1);
  }
  // The commands `client` and `server` have options of these names, too.
  for (const char* option : {"token\\-file", "service"}) {
    CAPTURE(option);
    CHECK(times(option) == 3);
  }
  CHECK(count("\n.SS kick CONFIG ID\n") == 1);
  for (const char* operand : {"ID", "LEVEL"}) {
    CHECK(count("\n\\fI" + std::string(operand) + "\\fR\n") == 1);
  }
}

}  // namespace
}  // namespace rathole::app
