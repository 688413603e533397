// A connection that somebody follows from another thread: its bytes, and its reset at any moment.

#include <rathole/io/live_connection.hpp>
#include <rathole/io/relay/running.hpp>
#include <rathole/io/relay/status.hpp>

#include <doctest/doctest.h>

#include <asio/io_context.hpp>

#include <optional>
#include <thread>

namespace rathole::test {

TEST_CASE("live connection: it has the bytes of all its relays") {
  asio::io_context context;
  io::relay_stop stop({}, context.get_executor(), [] {});
  io::live_connection live;
  CHECK(live.carried() == io::carried_bytes{0, 0});
  {
    io::relay_status first;
    const io::running_relay relay{first, stop};
    live.began(relay);
    first.forth += 3;
    first.back += 4;
    CHECK(live.carried() == io::carried_bytes{3, 4});
    live.ended();
  }
  CHECK(live.carried() == io::carried_bytes{3, 4});
  io::relay_status second;
  second.forth += 5;
  const io::running_relay relay{second, stop};
  live.began(relay);
  CHECK(live.carried() == io::carried_bytes{5, 0});
  live.ended();
}

TEST_CASE("live connection: a reset reaches the relay that runs, or the next one") {
  asio::io_context context;
  const io::relay_status counts;
  io::live_connection live;
  int stopped = 0;
  std::optional<io::relay_stop> stop;
  std::optional<io::running_relay> relay;
  const auto begin = [&] {
    stop.emplace(io::relay_stop::tokens{}, context.get_executor(), [&] { ++stopped; });
    relay.emplace(counts, *stop);
    live.began(*relay);
  };
  begin();
  std::jthread([&] { live.abort(); }).join();
  CHECK(live.is_aborted());
  CHECK(stopped == 0);
  context.poll();
  CHECK(stopped == 1);

  // The relay ends before the request reaches it.
  live.abort();
  live.ended();
  stop.reset();
  context.restart();
  context.poll();
  CHECK(stopped == 1);

  begin();
  context.restart();
  context.poll();
  CHECK(stopped == 2);
  live.ended();
  live.abort();
  context.restart();
  context.poll();
  CHECK(stopped == 2);
}

}  // namespace rathole::test
