#include "../support/eventually.hpp"
#include "../support/raw_program.hpp"

#include <rathole/app/log/line_writer.hpp>

#include <doctest/doctest.h>

#include <fcntl.h>
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

TEST_CASE("line writer: a stalled reader blocks no thread, and dropped lines are marked in place") {
  slow_pipe pipe;
  line_writer writer(pipe.writer(), dropped);
  pipe.fill();
  const std::string line = "a line of 32 bytes, this one is\n";
  constexpr std::size_t count = 3 * line_writer::max_backlog / 32;
  for (std::size_t i = 0; i < count; ++i) writer.add(line);
  CHECK_FALSE(writer.flush(1ms));

  // Each batch that the writer's thread takes while lines are being dropped has one gap.
  std::string text;
  std::size_t written = 0;
  std::size_t lost = 0;
  while (written + lost < count) {
    std::string part;
    REQUIRE(pipe.read_until("\n", part));
    text += part;
    written = lost = 0;
    std::istringstream lines(text.substr(0, text.rfind('\n') + 1));
    for (std::string each; std::getline(lines, each);) {
      each.ends_with(" dropped") ? lost += std::stoul(each) : ++written;
    }
  }
  CHECK(written + lost == count);
  CHECK(text.ends_with(" dropped\n"));
  // The backlog and the batch being written are bounded.
  CHECK(written <= 2 * line_writer::max_backlog / 32 + 1);
  CHECK(written >= line_writer::max_backlog / 32);

  writer.add("and on\n");
  CHECK(pipe.read_until("dropped\nand on\n", text));
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
