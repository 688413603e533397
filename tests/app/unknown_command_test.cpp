#include <rathole/app/unknown_command.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

namespace rathole::app {
namespace {

std::string problem_of(const std::vector<std::string>& words, bool is_file = false) {
  static constexpr std::string_view commands[] = {"demo", "status", "services", "kick"};
  return unknown_command(words, commands, [is_file](const std::string&) { return is_file; });
}

TEST_CASE("unknown command: a misspelt command is named with the one that was meant") {
  const std::string expected = "unknown command `statsu`; did you mean `status`?";
  CHECK(problem_of({"statsu", "server.toml"}) == expected);
  CHECK(problem_of({"statsu"}) == expected);
  CHECK(problem_of({"statsu", "--admin", "unix:/run/admin.sock"}) == expected);
  CHECK(problem_of({"-s", "statsu", "server.toml"}) == expected);
  CHECK(problem_of({"--log-format", "json", "statsu"}) == expected);
  CHECK(problem_of({"restart", "server.toml"}) ==
        "unknown command `restart`; the commands are demo, status, services, kick");
}

TEST_CASE("unknown command: what may be the name of a file is no command") {
  for (const std::vector<std::string>& words : {std::vector<std::string>{},
                                                {"status", "server.toml"},
                                                {"kick", "statsu", "1"},
                                                {"server.toml"},
                                                {"a.toml", "b.toml"},
                                                {"./statsu"},
                                                {"--", "statsu", "server.toml"},
                                                {"production"},
                                                {"--genkey", "statsu"},
                                                {"--describe", "bash"},
                                                {""}}) {
    CAPTURE(words.size());
    CHECK(problem_of(words) == "");
  }
  CHECK(problem_of({"statsu"}, true) == "");
  CHECK(problem_of({"statsu", "server.toml"}, true) == "");
}

}  // namespace
}  // namespace rathole::app
