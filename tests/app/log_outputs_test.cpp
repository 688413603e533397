#include "../support/eventually.hpp"
#include "../support/file_text.hpp"
#include "../support/temp_dir.hpp"

#include <rathole/app/log/access_line.hpp>
#include <rathole/app/log/logger.hpp>
#include <rathole/app/log/outputs.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/error.hpp>
#include <rathole/server/events.hpp>

#include <doctest/doctest.h>

#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>

namespace rathole::app {
namespace {

using namespace std::chrono_literals;
using config::log_form;
using config::log_settings;

/// A folder for log files, and the logs of a program.
struct logs {
  test::temp_dir folder;
  logger lines{log_filter()};
  log_outputs outputs{lines};

  [[nodiscard]] std::string path(std::string_view name) const {
    return (folder.path() / name).string();
  }
  /// Returns the lines of a file without their times.
  std::string text(std::string_view name) {
    outputs.flush();
    std::string out = test::file_text(path(name));
    for (auto at = out.find("202"); at != out.npos; at = out.find("202")) {
      out.erase(at, out.find('Z', at) + 1 - at);
    }
    return out;
  }
};

TEST_CASE("logs: the log goes to a file, and to another one after a change") {
  logs to;
  CHECK(to.outputs.apply({.file = to.path("one")}).errors.empty());
  to.lines.write(log_level::info, "rathole::server", "handle{service=a}", "first");
  CHECK(to.outputs.apply({.file = to.path("two"), .form = log_form::json}).errors.empty());
  to.lines.write(log_level::warn, "rathole::server", "handle{service=a}", "a \"word\"");
  to.lines.write(log_level::error, "rathole", "no context");
  CHECK(
      to.text("two") ==
      R"({"time":"","level":"warn","target":"rathole::server","context":"handle{service=a}","message":"a \"word\""})"
      "\n"
      R"({"time":"","level":"error","target":"rathole","message":"no context"})"
      "\n");
  const std::string first = "  INFO handle{service=a}: rathole::server: first\n";
  CHECK(test::eventually([&] { return to.text("one") == first; }));
}

TEST_CASE("logs: a file is appended to, and made for its owner and group") {
  logs to;
  to.folder.write("old", "before\n");
  CHECK(to.outputs.apply({.file = to.path("old")}).errors.empty());
  to.lines.write(log_level::info, "t", "after");
  CHECK(to.text("old") == "before\n  INFO t: after\n");
  CHECK(to.outputs.apply({.file = to.path("new")}).errors.empty());
  struct stat found{};
  REQUIRE(::stat(to.path("new").c_str(), &found) == 0);
  CHECK((found.st_mode & 0137) == 0);
}

TEST_CASE("logs: after a rotation the lines go to the new file") {
  logs to;
  REQUIRE(to.outputs.apply({.file = to.path("log"), .access = to.path("access")}).errors.empty());
  to.lines.write(log_level::info, "t", "one");
  to.outputs.flush();
  std::filesystem::rename(to.path("log"), to.path("log.1"));
  to.lines.write(log_level::info, "t", "two");
  to.outputs.flush();
  CHECK(to.outputs.reopen().empty());
  to.lines.write(log_level::info, "t", "three");
  CHECK(to.text("log") == "  INFO t: three\n");
  CHECK(to.text("log.1") == "  INFO t: one\n  INFO t: two\n");
}

TEST_CASE("logs: what cannot be written is an error, and the old files stay") {
  logs to;
  REQUIRE(to.outputs.apply({.file = to.path("log")}).errors.empty());
  const auto report =
      to.outputs.apply({.file = to.path("gone/log"), .access = to.path("gone/access")});
  REQUIRE(report.errors.size() == 2);
  CHECK(report.errors[0].key == "log_file");
  CHECK(report.errors[0].what == "the file cannot be written: No such file or directory");
  CHECK(report.errors[1].key == "access_log");
  to.lines.write(log_level::info, "t", "still");
  CHECK(to.text("log") == "  INFO t: still\n");
  std::filesystem::create_directory(to.path("gone"));
  CHECK(to.outputs.apply({.file = to.path("gone/log")}).errors.empty());
  std::filesystem::remove_all(to.path("gone"));
  CHECK(to.outputs.reopen().size() == 1);
  CHECK(log_outputs::problems_of({.file = to.path("new"), .access = to.path("log")}).empty());
  CHECK_FALSE(std::filesystem::exists(to.path("new")));
  CHECK(log_outputs::problems_of({.file = to.path(".")})[0].what.ends_with(": Is a directory"));
  // A pipe without a reader would make the program wait.
  REQUIRE(::mkfifo(to.path("pipe").c_str(), 0600) == 0);
  CHECK(to.outputs.apply({.file = to.path("pipe")}).errors.size() == 1);
}

TEST_CASE("logs: a level that was set stays until the configured one changes") {
  logs to;
  REQUIRE(to.outputs.apply({.filter = "warn"}).errors.empty());
  CHECK(to.outputs.level() == "warn");
  CHECK(to.outputs.set_level("debug"));
  REQUIRE(to.outputs.apply({.filter = "warn", .access = to.path("access")}).errors.empty());
  CHECK(to.outputs.level() == "debug");
  REQUIRE(to.outputs.apply({.access = to.path("access")}).errors.empty());
  CHECK(to.outputs.level() == "info");
}

TEST_CASE("logs: the command line decides about the form") {
  logs to;
  log_outputs forced(to.lines, log_form::json);
  CHECK(forced.apply({.file = to.path("log")}).errors.empty());
  to.lines.write(log_level::info, "t", "m");
  CHECK(to.text("log").starts_with("{"));
}

TEST_CASE("logs: a JSON line has a bounded size and stays valid") {
  logs to;
  REQUIRE(to.outputs.apply({.file = to.path("log"), .form = log_form::json}).errors.empty());
  to.lines.write(log_level::info, "t", std::string(5000, '"'), std::string(50'000, '\\'));
  const std::string text = to.text("log");
  CHECK(text.size() <= max_log_line);
  CHECK(text.ends_with("...\"}\n"));
}

TEST_CASE("access log: a line says who came, when, for how long, and how it ended") {
  using namespace std::chrono;
  access_record record{.service = "my web",
                       .visitor = "203.0.113.9:51000",
                       .began = sys_days(2024y / January / 31) + 12h + 250ms,
                       .lasted = 3250ms,
                       .received = 10,
                       .sent = 20,
                       .error = {}};
  CHECK(access_line(record, false) ==
        "2024-01-31T12:00:00.250Z my\\x20web 203.0.113.9:51000 3.250 10 20 ok\n");
  CHECK(access_line(record, true) ==
        R"({"began":"2024-01-31T12:00:00.250Z","service":"my web","visitor":"203.0.113.9:51000",)"
        R"("seconds":3.250,"received":10,"sent":20})"
        "\n");
  record.service = "a\n\"b";
  record.visitor = "";
  record.error = errc::timed_out;
  const std::string why = record.error.message();
  CHECK(access_line(record, false) ==
        "2024-01-31T12:00:00.250Z a\\n\"b - 3.250 10 20 " + why + '\n');
  CHECK(access_line(record, true) ==
        R"({"began":"2024-01-31T12:00:00.250Z","service":"a\u000a\"b","seconds":3.250,)"
        R"("received":10,"sent":20,"error":")" +
            why + "\"}\n");
}

TEST_CASE("access log: it gets a line for each connection that ends, and none for anything else") {
  logs to;
  const address visitor{"203.0.113.9", 51000};
  const server_side::forward_ended ended{"web", visitor, 1, 10, 20, {}, false, 2s};
  notify(to.outputs.access(), ended);
  REQUIRE(to.outputs.apply({.access = to.path("access")}).errors.empty());
  notify(to.outputs.access(), ended);
  notify(to.outputs.access(), client_side::forward_ended{"web", 1, 1, 2, {}, 1ms});
  notify(to.outputs.access(), server_side::ready{});
  CHECK(to.text("access") == " web 203.0.113.9:51000 2.000 10 20 ok\n web - 0.001 1 2 ok\n");
  REQUIRE(to.outputs.apply({}).errors.empty());
  notify(to.outputs.access(), ended);
  CHECK(to.text("access") == " web 203.0.113.9:51000 2.000 10 20 ok\n web - 0.001 1 2 ok\n");
}

}  // namespace
}  // namespace rathole::app
