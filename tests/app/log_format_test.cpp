#include <rathole/app/log/logger.hpp>

#include <doctest/doctest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::app {
namespace {

/// Returns a line at `level` in the given format.
std::string line_of(log_level level, log_format form) {
  std::ostringstream text;
  logger log(log_filter(log_level::trace), std::make_shared<spdlog::sinks::ostream_sink_st>(text),
             form);
  log.write(level, "t", "m");
  return text.str();
}

TEST_CASE("log: format of the levels on a terminal and in the journal") {
  struct example {
    log_level level;
    std::string coloured;
    std::string journal;
  };
  const example examples[] = {
      {log_level::trace, "\033[37mTRACE\033[m", "<7>TRACE"},
      {log_level::debug, "\033[36mDEBUG\033[m", "<7>DEBUG"},
      {log_level::info, "\033[32m INFO\033[m", "<6>INFO"},
      {log_level::warn, "\033[33m\033[1m WARN\033[m", "<4>WARN"},
      {log_level::error, "\033[31m\033[1mERROR\033[m", "<3>ERROR"},
  };
  for (const auto& [level, coloured, journal] : examples) {
    CHECK(line_of(level, log_format::coloured).ends_with("Z " + coloured + " t: m\n"));
    CHECK(line_of(level, log_format::journal) == journal + " t: m\n");
  }
}

TEST_CASE("log: a long line is truncated at a character boundary") {
  for (const std::size_t before : {0UL, 1UL, 2UL, 3UL}) {
    spdlog::memory_buf_t line;
    const std::string start(before, 'x');
    line.append(start.data(), start.data() + start.size());
    while (line.size() < 2 * max_log_line) {
      const std::string_view euro = "\xe2\x82\xac";
      line.append(euro.data(), euro.data() + euro.size());
    }
    const std::string_view text = detail::cut(line);
    CHECK(text.size() <= max_log_line);
    CHECK(text.size() > max_log_line - 4);
    CHECK(text.ends_with("\xe2\x82\xac...\n"));
    CHECK((text.size() - before - 4) % 3 == 0);
  }
}

TEST_CASE("log: the journal is detected by JOURNAL_STREAM") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  struct stat found{};
  REQUIRE(::fstat(ends[1], &found) == 0);
  const std::string device = std::to_string(found.st_dev);
  const std::string inode = std::to_string(found.st_ino);
  const auto matches = [&](const std::string& value) { return is_journal(ends[1], value.c_str()); };
  CHECK(matches(device + ":" + inode));
  CHECK_FALSE(matches(device + ":" + std::to_string(found.st_ino + 1)));
  CHECK_FALSE(matches(std::to_string(found.st_dev + 1) + ":" + inode));
  const std::vector<std::string> wrong = {
      "",           ":", "x:" + inode, device + ":", device + inode, device + ":" + inode + " ",
      "-1:" + inode};
  for (const std::string& each : wrong) CHECK_FALSE(matches(each));
  CHECK_FALSE(is_journal(ends[1], nullptr));
  ::close(ends[0]);
  ::close(ends[1]);
  CHECK_FALSE(matches(device + ":" + inode));
}

TEST_CASE("log: journal lines of errors begin with their priority") {
  std::ostringstream out;
  {
    const error_priority priority(out);
    out << "one\n" << "two" << ' ' << 2 << '\n' << std::flush;
    out << "three";
  }
  out << "\nfour\n";
  CHECK(out.str() == "<3>one\n<3>two 2\n<3>three\nfour\n");
}

}  // namespace
}  // namespace rathole::app
