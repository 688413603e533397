#include "../support/temp_dir.hpp"

#include <rathole/config/interpolation.hpp>
#include <rathole/config/limits.hpp>
#include <rathole/config/load.hpp>
#include <rathole/config/parse.hpp>

#include <doctest/doctest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace rathole::config {
namespace {

using kind = interpolation_error::kind;
using texts = std::vector<std::string>;

/// Returns the values of the variables of the tests.
std::optional<std::string> value_of(const std::string& name) {
  static const std::map<std::string, std::string> values = {
      {"A", "alpha"},
      {"_b2", "beta"},
      {"EMPTY", ""},
      {"NESTED", "${A} $${A}"},
      {"BINARY", "\xff"},
      {"QUOTE", "\""},
      {"PLACE", "h:2333"},
      {"TOKEN", "a secret of the test"},
      {"LONG", std::string(limits::interpolated_size, 'x')}};
  const auto found = values.find(name);
  return found == values.end() ? std::nullopt : std::optional(found->second);
}

TEST_CASE("interpolation: variables, defaults and escapes") {
  struct expectation {
    const char* text;
    const char* result;
  };
  const expectation cases[] = {
      {"", ""},
      {"plain $A $(A) {A} $ $$", "plain $A $(A) {A} $ $$"},
      {"${A}", "alpha"},
      {"<${A}${_b2}>", "<alphabeta>"},
      {"${A:-x}", "alpha"},
      {"${NONE:-x}", "x"},
      {"${NONE:-}", ""},
      {"${NONE:-a b:-$c{d}", "a b:-$c{d"},
      {"${EMPTY}", ""},
      {"${EMPTY:-x}", "x"},
      {"$${A}", "${A}"},
      {"$$${A}", "$${A}"},
      {"${A}$${A}${A}", "alpha${A}alpha"},
      {"$${", "${"},
      {"${NESTED}", "${A} $${A}"},
      {"\xe2\x82\xac${A}\xe2\x82\xac",
       "\xe2\x82\xac"
       "alpha\xe2\x82\xac"},
      {"$$$", "$$$"},
  };
  for (const auto& [text, result] : cases) {
    CAPTURE(text);
    const auto made = interpolate(text, value_of, 1000);
    REQUIRE(made);
    CHECK(*made == result);
    const bool is_changed = std::string(text) != result;
    if (has_variables(text)) CHECK(is_changed);
  }
}

TEST_CASE("interpolation: an error says what and where") {
  struct expectation {
    const char* text;
    interpolation_error error;
  };
  const expectation cases[] = {
      {"${NONE}", {kind::unset, 0, "NONE"}},
      {"ab${A}${none}", {kind::unset, 6, "none"}},
      {"$${A}${NONE}", {kind::unset, 5, "NONE"}},
      {"${", {kind::malformed, 0, {}}},
      {"${}", {kind::malformed, 0, {}}},
      {"x${A", {kind::malformed, 1, {}}},
      {"${A-x}", {kind::malformed, 0, {}}},
      {"${A:x}", {kind::malformed, 0, {}}},
      {"${A:}", {kind::malformed, 0, {}}},
      {"${1}", {kind::malformed, 0, {}}},
      {"${A B}", {kind::malformed, 0, {}}},
      {"${ A}", {kind::malformed, 0, {}}},
      {"${NONE:-${A}}", {kind::malformed, 0, {}}},
      {"${\xc3\xa4}", {kind::malformed, 0, {}}},
      {"x${BINARY}", {kind::not_utf8, 1, "BINARY"}},
  };
  for (const auto& [text, error] : cases) {
    CAPTURE(text);
    const auto made = interpolate(text, value_of, 1000);
    REQUIRE_FALSE(made);
    CHECK(made.error() == error);
    CHECK(has_variables(text));
  }
}

TEST_CASE("interpolation: what a text becomes is bounded") {
  CHECK(interpolate("${A}", value_of, 5) == "alpha");
  CHECK(interpolate("${A}", value_of, 4).error() == interpolation_error{kind::too_long, 0, "A"});
  CHECK(interpolate("ab${A}", value_of, 6).error() == interpolation_error{kind::too_long, 2, "A"});
  CHECK(interpolate("${A}cd", value_of, 6).error() == interpolation_error{kind::too_long, 4, ""});
  CHECK(interpolate("$${", value_of, 1).error() == interpolation_error{kind::too_long, 0, ""});
  CHECK(interpolate("no variable", value_of, 0) == "no variable");
}

/// Reads `text` with the variables of the tests.
auto read_text(const std::string& text) {
  return read(text, "c.toml", nullptr,
              {.files = nullptr, .depends_on = nullptr, .variables = value_of});
}

/// Returns the problems of `text`, one a line.
texts problems(const std::string& text) {
  const auto found = read_text(text);
  texts out;
  for (const problem& each : found ? found->warnings : found.error()) {
    out.push_back(to_string(each));
  }
  return out;
}

TEST_CASE("interpolation: all strings have variables, and keys have none") {
  const auto loaded = read_text(
      "log = \"${NONE:-warn}\"\n[client]\nremote_addr = \"${PLACE}\"\ndefault_token = '${TOKEN}'\n"
      "transport = { type = \"${NONE:-websocket}\", websocket = { tls = false, headers = { a = "
      "\"${A}\" } } }\n[client.services.\"${A}\"]\nlocal_addr = \"127.0.0.1:${PORT:-80}\"\n"
      "[server]\nbind_addr = [\"${_b2}:1\", \"h:${NONE:-2}\"]\nservices = {}\n");
  for (const problem& each : loaded ? std::vector<problem>() : loaded.error()) {
    FAIL_CHECK(to_string(each));
  }
  REQUIRE(loaded);
  CHECK(loaded->interpolates);
  CHECK(loaded->settings.log.filter == "warn");
  const client& dials = *loaded->settings.client;
  CHECK(dials.remote_addr == address{"h", 2333});
  CHECK(dials.transport.websocket->headers.front().second.view() == "alpha");
  CHECK(dials.services.front().name == "${A}");
  CHECK(dials.services.front().local_addr == address{"127.0.0.1", 80});
  CHECK(dials.services.front().token.view() == "a secret of the test");
  CHECK(loaded->settings.server->bind_addr.front() == address{"beta", 1});
}

TEST_CASE("interpolation: a value is a text, whatever it has") {
  const auto loaded = read_text(
      "[server]\nbind_addr = \"h:1\"\ndefault_token = \"${QUOTE}\"\n"
      "[server.services.a]\nbind_addr = \"h:2\"\n");
  REQUIRE(loaded);
  CHECK(loaded->settings.server->services.front().token.view() == "\"");
}

TEST_CASE("interpolation: a problem has its exact place, and there is one for each text") {
  const std::string server = "[server]\nservices = {}\n";
  CHECK(problems(server + "bind_addr = \"h:${PORT}\"\n") ==
        texts{"c.toml:3:16: server.bind_addr: the environment variable `PORT` is not set; set it, "
              "or write a default as in `${PORT:-default}`; `$${` stands for the characters `${`"});
  CHECK(problems(server + "bind_addr = 'h\xc3\xa4${A}:${PORT}'\n")
            .front()
            .starts_with("c.toml:3:21: "));
  // With escapes, the place is the beginning of the text.
  CHECK(
      problems(server + "bind_addr = \"\\u0068:${PORT}\"\n").front().starts_with("c.toml:3:13: "));
  CHECK(problems(server + "bind_addr = [\"h:1\", \"x:${PORT}\"]\n")
            .front()
            .starts_with(
                "c.toml:3:24: server.bind_addr: the environment variable `PORT` is not set"));
  CHECK(
      problems(server + "bind_addr = \"${LONG}:1\"\n") ==
      texts{"c.toml:3:21: server.bind_addr: the text is too long with the values of its variables; "
            "shorten them: a text has at most 65536 bytes, and all of them together 16 MiB"});
  CHECK(problems(server + "bind_addr = \"h:1\"\ndefault_token = \"${ but $HOME\"\n") ==
        texts{"c.toml:4:18: server.default_token: `${` does not begin a variable such as `${NAME}` "
              "or `${NAME:-default}`; write `$${` for the characters `${`"});
  CHECK(problems(server + "bind_addr = \"h:1\"\ndefault_token = \"${BINARY}\"\n") ==
        texts{"c.toml:4:18: server.default_token: the environment variable `BINARY` is not UTF-8; "
              "give it another value"});
}

TEST_CASE("interpolation: all texts with variables together are bounded") {
  std::string text = "[server]\nbind_addr = \"h:1\"\nservices = {}\n[server.x]\n";
  const std::size_t fitting = limits::file_size / limits::interpolated_size;
  // Tables are read in the order of their keys.
  for (std::size_t i = 0; i <= fitting; ++i) {
    text += "k" + std::to_string(1000 + i) + " = \"${LONG}\"\n";
  }
  const texts found = problems(text);
  REQUIRE(found.size() == 2);
  CHECK(found.back().starts_with("c.toml:" + std::to_string(5 + fitting) + ":"));
  CHECK(found.back().contains("the text is too long with the values of its variables"));
}

TEST_CASE("interpolation: it can be switched off, so that a text is what it was") {
  const auto loaded = read_text(
      "interpolate = false\n[server]\nbind_addr = \"h:1\"\ndefault_token = \"x${A}$${\"\n"
      "[server.services.a]\nbind_addr = \"h:2\"\n");
  REQUIRE(loaded);
  CHECK_FALSE(loaded->interpolates);
  CHECK(loaded->settings.server->services.front().token.view() == "x${A}$${");
  CHECK(problems("interpolate = \"no\"\n[server]\nbind_addr = \"h:1\"\nservices = {}\n") ==
        texts{"c.toml:1:15: interpolate: invalid type: string, expected a boolean; write `true` or "
              "`false` without quotes"});
  CHECK(problems("[server]\nbind_addr = \"h:1\"\nservices = {}\ninterpolate = false\n") ==
        texts{"c.toml:4:1: server.interpolate: unknown field `interpolate`; write it above the "
              "first table of the file"});
}

TEST_CASE("interpolation: files that are included have variables if the main file has") {
  const test::temp_dir folder;
  const auto load_main = [&](const std::string& first) {
    return load_document(folder.write("main.toml", first +
                                                       "include = \"${NO_SUCH_VARIABLE:-a}.toml\"\n"
                                                       "[server]\nbind_addr = \"h:1\"\n"));
  };
  folder.write("a.toml",
               "[server.services.a]\nbind_addr = \"h:2\"\ntoken = \"${NO_SUCH_VARIABLE:-t}\"\n");
  const auto with = load_main("");
  REQUIRE(with);
  CHECK(with->settings.server->services.front().token.view() == "t");
  folder.write("${NO_SUCH_VARIABLE:-a}.toml",
               "[server.services.a]\nbind_addr = \"h:2\"\ntoken = \"${NO_SUCH_VARIABLE:-t}\"\n");
  const auto without = load_main("interpolate = false\n");
  REQUIRE(without);
  CHECK(without->settings.server->services.front().token.view() == "${NO_SUCH_VARIABLE:-t}");
  folder.write("a.toml", "interpolate = false\n");
  const auto moved = load_main("");
  REQUIRE_FALSE(moved);
  CHECK(to_string(moved.error().back())
            .contains("a.toml:1:15: interpolate: the main file says this for all files; move the "
                      "key to "));
}

}  // namespace
}  // namespace rathole::config
