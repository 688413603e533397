// Corked bytes are sent with the bytes that follow, or once it is clear that nothing follows.

#include "io/relay_fixture.hpp"

#include <doctest/doctest.h>
#include <asio/detached.hpp>

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <array>
#include <cstdint>
#include <optional>
#include <utility>

namespace rathole::test {

namespace {

/// Returns how many bytes were written to a socket and have not been sent.
int unsent(int socket) {
  int count = -1;
  ::ioctl(socket, SIOCOUTQNSD, &count);
  return count;
}

/// A stream with four corked bytes, and its other end.
struct holding_stream {
  holding_stream() {
    tcp_socket listener = tcp_socket::listen();
    outside = tcp_socket::connect(listener.port());
    inside = listener.accept();
    const int fd = ::dup(inside->fd());
    ::fcntl(fd, F_SETFL, O_NONBLOCK);
    stream.emplace(context.get_executor(), io::descriptor(fd), address{"127.0.0.1", 1});
    const std::array<std::uint8_t, 4> bytes{1, 2, 3, 4};
    asio::co_spawn(context, stream->write_corked(bytes), asio::detached);
    context.run();
    context.restart();
    REQUIRE(stream->is_corked());
    REQUIRE(unsent(inside->fd()) == 4);
  }

  asio::io_context context{1};
  tcp_socket outside;
  std::optional<tcp_socket> inside;
  std::optional<io::tcp_stream> stream;
};

}  // namespace

TEST_SUITE("corked write") {
  TEST_CASE("flush sends held bytes once") {
    holding_stream held;
    held.stream->flush();
    CHECK_FALSE(held.stream->is_corked());
    CHECK(unsent(held.inside->fd()) == 0);
    CHECK(held.outside.receive(4) == "\1\2\3\4");
  }

  TEST_CASE("the next write sends held bytes too") {
    holding_stream held;
    const std::array<std::uint8_t, 1> more{5};
    asio::co_spawn(held.context, held.stream->write(more), asio::detached);
    held.context.run();
    CHECK_FALSE(held.stream->is_corked());
    CHECK(unsent(held.inside->fd()) == 0);
    CHECK(held.outside.receive(5) == "\1\2\3\4\5");
  }

  TEST_CASE("a relay sends held bytes if its first side sends nothing") {
    holding_stream held;
    tcp_socket listener = tcp_socket::listen();
    tcp_socket silent = tcp_socket::connect(listener.port());
    auto first = listener.accept();
    const int fd = ::dup(first->fd());
    ::fcntl(fd, F_SETFL, O_NONBLOCK);
    io::relay<io::asio_runtime, io::tcp_stream, io::tcp_stream> relay(
        io::asio_runtime(held.context),
        io::tcp_stream(held.context.get_executor(), io::descriptor(fd), address{"127.0.0.1", 2}),
        std::move(*held.stream));
    asio::co_spawn(held.context, relay.run(), asio::detached);
    held.context.poll();
    CHECK(unsent(held.inside->fd()) == 0);
    CHECK(held.outside.receive(4) == "\1\2\3\4");
    relay.stop();
    held.context.run();
  }
}

}  // namespace rathole::test
