// A connection that somebody follows from another thread: its bytes, and its reset at any moment.

#include <rathole/io/live_connection.hpp>
#include <rathole/io/relay/running.hpp>
#include <rathole/io/relay/status.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

namespace rathole::test {

namespace {

struct counting_stopper : io::relay_stopper {
  void request() override { ++requests; }
  std::atomic<int> requests = 0;
};

}  // namespace

TEST_CASE("live connection: it has the bytes of all its relays") {
  counting_stopper stop;
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
  CHECK(stop.requests == 0);
}

TEST_CASE("live connection: a reset reaches the relay that runs, or the next one") {
  const io::relay_status counts;
  io::live_connection live;
  counting_stopper first;
  const io::running_relay one{counts, first};
  live.began(one);
  std::jthread([&] { live.abort(); }).join();
  CHECK(live.is_aborted());
  CHECK(first.requests == 1);
  live.ended();

  counting_stopper second;
  const io::running_relay other{counts, second};
  live.began(other);
  CHECK(second.requests == 1);
  live.ended();
  live.abort();
  CHECK(first.requests == 1);
  CHECK(second.requests == 1);
}

}  // namespace rathole::test
