// A relay counts what its sockets have accepted, including bytes that arrived before it began.

#include "support/framing_layer.hpp"
#include "support/joined_stream.hpp"

#include <rathole/io/asio_runtime.hpp>
#include <rathole/io/relay/relay.hpp>
#include <rathole/io/run/task_group.hpp>
#include <rathole/io/stream/layered_stream.hpp>
#include <rathole/io/tcp/stream.hpp>

#include <doctest/doctest.h>

#include <asio/io_context.hpp>

#include <sys/socket.h>

#include <csignal>
#include <optional>
#include <string>
#include <utility>

namespace rathole::test {

namespace {

using runtime = io::asio_runtime;
using layered = io::layered_stream<runtime, framing_layer>;

/// Lets the stream decode something first, and then runs a relay on it.
io::awaitable<void> decode_and_relay(runtime on, layered wired, io::tcp_stream plain,
                                     std::optional<io::relay_status>& status) {
  const auto ready = co_await wired.wait_readable();
  REQUIRE(ready);
  io::relay<runtime, layered, io::tcp_stream> relay(on, std::move(wired), std::move(plain));
  status = co_await relay.run();
}

}  // namespace

TEST_SUITE("relay counts") {
  TEST_CASE("bytes decoded before the relay begins, and bytes waiting to be sent, are counted") {
    ::signal(SIGPIPE, SIG_IGN);
    asio::io_context context(1);
    auto [plain, service] = joined_stream(context);
    auto [wire, peer] = joined_stream(context);
    const std::string question(150'000, 'q');
    const std::string answer(100'000, 'a');
    framing_layer theirs;
    byte_buffer to_send;
    byte_buffer app;
    REQUIRE(theirs.start(to_send));
    layered wired(runtime(context), std::move(wire), framing_layer());
    byte_buffer hello;
    REQUIRE(wired.layer().start(hello));
    REQUIRE(theirs.receive(std::as_const(hello).data(), app, to_send));
    // The handshake is complete before the relay gets the layer.
    byte_buffer none;
    REQUIRE(wired.layer().receive(std::as_const(to_send).data(), none, hello));
    to_send.clear();
    REQUIRE(theirs.send({reinterpret_cast<const std::uint8_t*>(question.data()), question.size()},
                        to_send));
    REQUIRE(theirs.close(to_send));

    std::optional<io::relay_status> status;
    io::task_group group(context.get_executor());
    group.spawn(decode_and_relay(runtime(context), std::move(wired), std::move(plain), status));
    std::size_t received = 0;
    std::size_t answered = 0;
    char some[5000];
    std::uint8_t coded[5000];
    for (int idle = 0; idle < 1000 && !status; ++idle) {
      const byte_view out = std::as_const(to_send).data();
      const auto sent = ::send(peer.get(), out.data(), out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent > 0) to_send.consume(static_cast<std::size_t>(sent)), idle = 0;
      const auto taken = ::recv(service.get(), some, sizeof some, MSG_DONTWAIT);
      if (taken > 0) received += static_cast<std::size_t>(taken), idle = 0;
      if (answered < answer.size()) {
        const auto went = ::send(service.get(), answer.data() + answered, answer.size() - answered,
                                 MSG_DONTWAIT | MSG_NOSIGNAL);
        if (went > 0) answered += static_cast<std::size_t>(went), idle = 0;
        if (answered == answer.size()) ::shutdown(service.get(), SHUT_WR);
      }
      const auto came = ::recv(peer.get(), coded, sizeof coded, MSG_DONTWAIT);
      if (came > 0) {
        idle = 0;
        REQUIRE(theirs.receive({coded, static_cast<std::size_t>(came)}, app, to_send));
      }
      context.restart();
      context.poll();
    }
    // The relay ends once its sockets have accepted everything; the bytes may be read afterwards.
    for (ssize_t taken; (taken = ::recv(service.get(), some, sizeof some, MSG_DONTWAIT)) > 0;) {
      received += static_cast<std::size_t>(taken);
    }
    for (ssize_t came; (came = ::recv(peer.get(), coded, sizeof coded, MSG_DONTWAIT)) > 0;) {
      REQUIRE(theirs.receive({coded, static_cast<std::size_t>(came)}, app, to_send));
    }
    REQUIRE(status);
    CHECK_FALSE(status->error);
    CHECK(received == question.size());
    CHECK(app.size() == answer.size());
    CHECK(status->forth == question.size());
    CHECK(status->back == answer.size());
  }
}

}  // namespace rathole::test
