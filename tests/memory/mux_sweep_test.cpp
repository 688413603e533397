// Memory that runs out anywhere in a multiplexed connection costs streams, or the connection, and
// never gives a stream bytes of another one, or an end that is none.

#include "support/failing_allocator.hpp"
#include "support/mux_pair.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <new>
#include <string>
#include <utility>

namespace rathole::test {

namespace {

using namespace std::chrono_literals;

/// More than the first window of a stream.
constexpr std::size_t size = 40'000;

/// What one stream should receive, and what it has received.
struct transfer {
  std::string expected;
  std::string got;
  bool has_ended = false;
};

io::awaitable<void> receive(io::mux_stream& from, transfer& into) {
  try {
    std::array<std::uint8_t, 3000> buffer;
    for (;;) {
      const byte_span room(buffer);
      const auto count = co_await from.read_some(room);
      if (!count) co_return;
      if (*count == 0) {
        into.has_ended = true;
        co_return;
      }
      const failing_allocator::spared mine;
      into.got.append(reinterpret_cast<const char*>(buffer.data()), *count);
    }
  } catch (const std::bad_alloc&) {
    from.abort();
  }
}

io::awaitable<void> send(io::mux_stream& to, const std::string& what) {
  try {
    const byte_view all = bytes(what);
    const byte_view first = all.first(100);
    const byte_view rest = all.subspan(100);
    if (!co_await to.write_corked(first)) co_return;
    if (!co_await to.write(rest)) co_return;
    co_await to.shutdown_send();
  } catch (const std::bad_alloc&) {
    to.abort();
  }
}

/// Runs six streams, and fails `count` allocations, beginning with number `failing`. Returns whether
/// that number was reached.
bool exchange(std::uint64_t failing, std::uint64_t count) {
  sim_mux both;
  both.bench.world.net().complete_at_once(0);
  std::deque<std::pair<io::mux_stream, io::mux_stream>> streams;
  std::deque<transfer> transfers;
  for (std::uint64_t number = 0; number < 6; ++number) {
    streams.push_back(both.open());
    transfers.push_back({mixed_bytes(size, 2 * number), {}});
    transfers.push_back({mixed_bytes(size, 2 * number + 1), {}});
  }
  for (std::size_t number = 0; number < streams.size(); ++number) {
    auto& [near, far] = streams[number];
    both.bench.tasks.spawn(send(near, transfers[2 * number].expected));
    both.bench.tasks.spawn(receive(far, transfers[2 * number]));
    both.bench.tasks.spawn(send(far, transfers[2 * number + 1].expected));
    both.bench.tasks.spawn(receive(near, transfers[2 * number + 1]));
  }
  bool has_failed = false;
  {
    const failing_allocator allocator(failing, count);
    const failing_allocator::armed armed;
    for (;;) {
      try {
        // A stream may be opened meanwhile, and nobody uses it.
        const auto opened = both.client->open();
        both.bench.world.run_for(1s);
        break;
      } catch (const std::bad_alloc&) {
      }
    }
    has_failed = allocator.has_failed();
  }
  std::size_t complete = 0;
  for (const transfer& each : transfers) {
    CHECK(each.expected.starts_with(each.got));
    if (each.has_ended) CHECK(each.got == each.expected);
    complete += each.has_ended;
  }
  if (!has_failed) CHECK(complete == transfers.size());
  both.accepted.clear();
  streams.clear();
  both.client->close();
  both.server->close();
  both.bench.world.run_for(1min);
  CHECK(both.client_end->has_value());
  CHECK(both.server_end->has_value());
  CHECK(both.bench.world.net().in_use().streams == 0);
  CHECK(both.bench.world.net().in_use().timers == 0);
  return has_failed;
}

}  // namespace

TEST_CASE("memory: a shortage anywhere in a multiplexed connection loses no byte unnoticed") {
  for (const std::uint64_t count : {1U, 3U}) {
    CAPTURE(count);
    std::uint64_t failing = 1;
    for (; exchange(failing, count); ++failing) CAPTURE(failing);
    CHECK(failing > 50);
  }
}

}  // namespace rathole::test
