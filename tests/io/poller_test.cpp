// A watch that takes over the descriptor of another one.

#include "support/joined_stream.hpp"

#include <rathole/io/poll/poller.hpp>

#include <doctest/doctest.h>

#include <asio/io_context.hpp>

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cstdint>

namespace rathole::test {

namespace {

/// Counts its events.
struct counting_poll_watch final : io::poll_watch {
  explicit counting_poll_watch(asio::io_context& context)
      : poll_watch(io::poller::of(context.get_executor())) {}
  void ready(std::uint32_t) override {
    ++events;
    stop();
  }
  int events = 0;
};

}  // namespace

TEST_CASE("a watch that takes over a descriptor gets its events, and the other one gets none") {
  for (const bool wants : {true, false}) {
    CAPTURE(wants);
    asio::io_context context(1);
    auto [stream, end] = joined_stream(context);
    const io::descriptor inside = stream.release();
    counting_poll_watch before(context);
    counting_poll_watch after(context);
    counting_poll_watch other(context);
    auto [marker, marker_end] = joined_stream(context);
    const io::descriptor marked = marker.release();
    REQUIRE_FALSE(before.want_once(inside.get(), EPOLLIN));
    after.take_over(before);
    REQUIRE_FALSE(after.want(inside.get(), wants ? std::uint32_t{EPOLLIN} : 0));
    REQUIRE_FALSE(other.want(marked.get(), EPOLLIN));
    CHECK(::send(end.get(), "x", 1, 0) == 1);
    CHECK(::send(marker_end.get(), "x", 1, 0) == 1);
    while (other.events == 0) context.run_one();
    context.poll();
    CHECK(before.events == 0);
    CHECK(after.events == (wants ? 1 : 0));
    before.stop();
    after.stop();
  }
}

}  // namespace rathole::test
