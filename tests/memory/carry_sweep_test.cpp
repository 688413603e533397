// A connection that moves to another executor, of whose allocations each fails in turn: it is carried
// to its end, or breaks for both of its peers.

#include "support/failing_allocator.hpp"
#include "support/joined_stream.hpp"

#include <rathole/io/asio_runtime.hpp>
#include <rathole/io/carry.hpp>
#include <rathole/io/run/task_group.hpp>

#include <doctest/doctest.h>

#include <asio/io_context.hpp>

#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace rathole::test {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t bulk = io::move_after + 100'000;

/// Counts the executors on which the connection runs.
struct counting_watch {
  int* executors;
  void began(const io::running_relay&) { ++*executors; }
  void ended() {}
  bool is_aborted() const { return false; }
};

io::awaitable<void> carry(asio::io_context& home, asio::io_context& away, io::tcp_stream first,
                          io::tcp_stream second, io::drain_stops& stops, int& executors) {
  const counting_watch watch{&executors};
  const io::relay_limits limits;
  co_await io::carry(io::asio_runtime(home), io::asio_runtime(away), std::move(first),
                     std::move(second), limits, stops, watch);
}

/// Sends `bulk` bytes through a connection of whose allocations number `failing` fails; returns how
/// many there were.
std::uint64_t life(std::uint64_t failing) {
  asio::io_context home(1);
  asio::io_context away(1);
  io::prepare_thread_check(home.get_executor());
  io::prepare_thread_check(away.get_executor());
  auto [first, left] = joined_stream(home);
  auto [second, right] = joined_stream(home);
  io::drain_stops stops;
  int executors = 0;
  std::optional<io::task_group> group(home.get_executor());
  group->spawn(carry(home, away, std::move(first), std::move(second), stops, executors));
  failing_allocator memory(failing);
  const std::string sent(bulk, 'x');
  std::size_t given = 0;
  std::size_t taken = 0;
  bool is_over = false;
  bool is_broken = false;
  const auto deadline = std::chrono::steady_clock::now() + 5s;
  while (!is_over) {
    {
      const failing_allocator::armed now;
      home.restart();
      home.poll();
      away.restart();
      away.poll();
    }
    if (given < bulk) {
      const auto count =
          ::send(left.get(), sent.data() + given, bulk - given, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (count > 0) given += static_cast<std::size_t>(count);
      if (given == bulk) ::shutdown(left.get(), SHUT_WR);
    }
    char some[8192];
    const auto count = ::recv(right.get(), some, sizeof some, MSG_DONTWAIT);
    if (count > 0) taken += static_cast<std::size_t>(count);
    is_broken = count < 0 && errno != EAGAIN;
    is_over = count == 0 || is_broken;
    if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error("it hangs");
  }
  // Sockets of this kind signal a reset by an end; what breaks is never complete.
  CHECK((taken == bulk || memory.has_failed()));
  CHECK((executors == 2 || memory.has_failed()));
  stops.end_all();
  group.reset();
  for (int i = 0; i < 3; ++i) {
    away.restart();
    away.poll();
    home.restart();
    home.poll();
  }
  return memory.count();
}

}  // namespace

TEST_CASE("each allocation of a connection that moves fails once") {
  ::signal(SIGPIPE, SIG_IGN);
  const std::uint64_t allocations = life(0);
  CHECK(allocations > 5);
  for (std::uint64_t failing = 1; failing <= allocations; ++failing) {
    CAPTURE(failing);
    try {
      life(failing);
    } catch (const std::exception& wrong) {
      FAIL_CHECK(std::string(wrong.what()));
    }
  }
}

}  // namespace rathole::test
