#include "../support/eventually.hpp"
#include "../support/file_text.hpp"
#include "../support/raw_program.hpp"
#include "../support/temp_dir.hpp"

#include <rathole/app/log/line_writer.hpp>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace rathole::app {
namespace {

using namespace std::chrono_literals;
using test::slow_pipe;

std::string dropped(std::uint64_t count) { return std::to_string(count) + " dropped\n"; }

std::size_t lines_in(const std::string& text) {
  return static_cast<std::size_t>(std::ranges::count(text, '\n'));
}

TEST_CASE("line writer: lines of several threads arrive whole, each thread's in order") {
  slow_pipe pipe;
  constexpr int each_writes = 2000;
  std::string text;
  {
    line_writer writer(pipe.writer(), dropped);
    std::vector<std::jthread> threads;
    for (const char* who : {"a", "b", "c"}) {
      threads.emplace_back([&writer, who] {
        for (int i = 0; i < each_writes; ++i)
          writer.add(who + std::string(" ") + std::to_string(i) + "\n");
      });
    }
    threads.clear();
    writer.add("end\n");
    REQUIRE(pipe.read_until("end\n", text));
  }
  for (const std::string who : {"a", "b", "c"}) {
    std::size_t at = 0;
    for (int i = 0; i < each_writes; ++i) {
      at = text.find(who + " " + std::to_string(i) + "\n", at);
      REQUIRE(at != text.npos);
    }
  }
  CHECK(lines_in(text) == 3 * each_writes + 1);
}

/// A line of 32 bytes with a number.
std::string numbered(std::size_t number) {
  const std::string digits = std::to_string(number);
  return std::string(31 - digits.size(), ' ') + digits + '\n';
}

/// What a reader finds in numbered lines, some of which were dropped.
struct numbered_lines {
  /// Reads the whole lines in `text`.
  explicit numbered_lines(const std::string& text) {
    std::istringstream lines(text.substr(0, text.rfind('\n') + 1));
    for (std::string each; std::getline(lines, each);) {
      if (each.ends_with(" dropped")) {
        next += std::stoul(each);
      } else {
        // What filled the pipe comes before the first line.
        is_in_order = is_in_order && (each + '\n').ends_with(numbered(next));
        ++next;
        ++written;
      }
    }
  }

  /// The number of the line that comes next.
  std::size_t next = 0;
  std::size_t written = 0;
  /// Whether each gap was marked where it was.
  bool is_in_order = true;
};

TEST_CASE("line writer: a stalled reader blocks no thread, and dropped lines are marked in place") {
  slow_pipe pipe;
  line_writer writer(pipe.writer(), dropped);
  pipe.fill();
  constexpr std::size_t count = 3 * line_writer::max_backlog / 32;
  for (std::size_t i = 0; i < count; ++i) writer.add(numbered(i));
  CHECK_FALSE(writer.flush(1ms));

  std::string text;
  while (numbered_lines(text).next < count) {
    std::string part;
    REQUIRE(pipe.read_until("\n", part));
    text += part;
  }
  const numbered_lines found(text);
  CHECK(found.next == count);
  CHECK(found.is_in_order);
  // The backlog and the batch being written are bounded.
  CHECK(found.written <= 2 * line_writer::max_backlog / 32 + 1);
  CHECK(found.written >= line_writer::max_backlog / 32);

  writer.add(numbered(count));
  CHECK(pipe.read_until(numbered(count), text));
  CHECK(numbered_lines(text).is_in_order);
  CHECK(writer.flush(test::test_timeout));
}

TEST_CASE("line writer: the destructor waits for lines that can be written, and not for others") {
  slow_pipe pipe;
  {
    line_writer writer(pipe.writer(), dropped);
    for (int i = 0; i < 100; ++i) writer.add("line\n");
    writer.add("last\n");
  }
  std::string text;
  CHECK(pipe.read_until("last\n", text, 0ms));

  std::optional<line_writer> stuck(std::in_place, pipe.writer(), dropped);
  pipe.fill();
  stuck->add("late\n");
  const auto begun = std::chrono::steady_clock::now();
  stuck.reset();
  CHECK(std::chrono::steady_clock::now() - begun < line_writer::flush_timeout + 5s);
  // The writer's thread still owns the line and the pipe.
  CHECK(pipe.read_until("late\n", text));
}

TEST_CASE("line writer: lines that the system refuses are counted and reported later") {
  ::signal(SIGPIPE, SIG_IGN);
  const int to = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  REQUIRE(to >= 0);
  line_writer writer(to, dropped);
  writer.add("no room\n");
  CHECK(writer.flush(test::test_timeout));
  slow_pipe gone;
  gone.close_reader();
  ::dup3(gone.writer(), to, O_CLOEXEC);
  writer.add("no reader\n");
  CHECK(writer.flush(test::test_timeout));
  slow_pipe pipe;
  ::dup3(pipe.writer(), to, O_CLOEXEC);
  writer.add("here\n");
  CHECK(writer.flush(test::test_timeout));
  std::string text;
  CHECK(pipe.read_until("here\n2 dropped\n", text));
  ::close(to);
}

TEST_CASE("line writer: a pipe that nobody reads can be replaced") {
  slow_pipe unread;
  const int to = ::fcntl(unread.writer(), F_DUPFD_CLOEXEC, 0);
  REQUIRE(to >= 0);
  ::fcntl(to, F_SETFL, O_NONBLOCK);
  line_writer writer(to, dropped);
  const std::string line = std::string(4095, 'x') + '\n';
  for (int i = 0; i < 40; ++i) writer.add(line);
  CHECK_FALSE(writer.flush(100ms));
  const test::temp_dir folder;
  const std::string file = folder.write("log", "");
  const int other = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  REQUIRE(other >= 0);
  ::dup3(other, to, O_CLOEXEC);
  ::close(other);
  writer.add("here\n");
  CHECK(writer.flush(test::test_timeout));
  CHECK(test::file_text(file).ends_with("here\n"));
  ::close(to);
}

TEST_CASE("line writer: a line that the disk has no room for does not run into the next one") {
  ::signal(SIGXFSZ, SIG_IGN);
  const test::temp_dir folder;
  const std::string file = folder.write("log", "");
  const int to = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  REQUIRE(to >= 0);
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const rlimit small{.rlim_cur = 10, .rlim_max = before.rlim_max};
  line_writer writer(to, dropped);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  writer.add("whole\n");
  writer.add("cut in two\n");
  const bool is_flushed = writer.flush(test::test_timeout);
  ::setrlimit(RLIMIT_FSIZE, &before);
  CHECK(is_flushed);
  writer.add("next\n");
  CHECK(writer.flush(test::test_timeout));
  CHECK(test::file_text(file) == "whole\ncut \nnext\n1 dropped\n");
  ::close(to);
}

TEST_CASE("line writer: waits for a descriptor in non-blocking mode to become writable") {
  slow_pipe pipe;
  ::fcntl(pipe.writer(), F_SETFL, O_NONBLOCK);
  pipe.fill();
  ::fcntl(pipe.writer(), F_SETFL, O_NONBLOCK);
  line_writer writer(pipe.writer(), dropped);
  writer.add("line\n");
  CHECK_FALSE(writer.flush(1ms));
  std::string text;
  CHECK(pipe.read_until("line\n", text));
}

}  // namespace
}  // namespace rathole::app
