// Peers that make a layer send replies and do not read them. Once more than `max_unsent_wire` bytes
// wait to be sent, their input stays in the network; traffic resumes when they read.

#include "support/framing_layer.hpp"
#include "support/joined_stream.hpp"
#include "support/replying_layer.hpp"

#include <rathole/core/stacked_layer.hpp>
#include <rathole/io/asio_runtime.hpp>
#include <rathole/io/relay/relay.hpp>
#include <rathole/io/run/task_group.hpp>
#include <rathole/io/stream/layered_stream.hpp>
#include <rathole/io/stream/lingering_close.hpp>
#include <rathole/io/tcp/stream.hpp>

#include <doctest/doctest.h>

#include <asio/io_context.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <csignal>
#include <optional>
#include <string>
#include <utility>

namespace rathole::test {

namespace {

using runtime = io::asio_runtime;

/// How much the peer can send: the bound, in replies of three bytes, plus one read, plus what four
/// sockets hold.
constexpr std::size_t most_taken = std::size_t{1} << 20;
/// How much it tries to send.
constexpr std::size_t flood = std::size_t{16} << 20;

/// The peer of the layer; its own layer is `L`.
template <class L>
struct flooding_peer {
  flooding_peer(io::descriptor at, L own) : socket(std::move(at)), layer(std::move(own)) {
    (void)layer.start(out);
  }

  /// Sends up to `total` bytes of the flood; returns how many were sent.
  std::size_t send(asio::io_context& context, std::size_t total) {
    std::size_t sent = 0;
    const std::string some(4096, 'p');
    for (int idle = 0; idle < 100 && sent < total;) {
      if (out.empty()) {
        (void)layer.send({reinterpret_cast<const std::uint8_t*>(some.data()), some.size()}, out);
        sent += some.size();
      }
      const auto taken =
          ::send(socket.get(), out.data().data(), out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (taken > 0) out.consume(static_cast<std::size_t>(taken));
      idle = taken > 0 ? 0 : idle + 1;
      context.restart();
      context.poll();
    }
    return sent;
  }

  /// Reads until `count` bytes of application data and replies have arrived; returns them.
  std::string receive(asio::io_context& context, std::size_t count) {
    byte_buffer app;
    std::uint8_t some[65536];
    for (int idle = 0; idle < 1000 && app.size() < count;) {
      if (!out.empty()) {
        const auto sent =
            ::send(socket.get(), out.data().data(), out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) out.consume(static_cast<std::size_t>(sent));
      }
      const auto taken = ::recv(socket.get(), some, sizeof some, MSG_DONTWAIT);
      idle = taken > 0 ? 0 : idle + 1;
      if (taken > 0) (void)layer.receive({some, static_cast<std::size_t>(taken)}, app, out);
      context.restart();
      context.poll();
    }
    return {app.data().begin(), app.data().end()};
  }

  io::descriptor socket;
  L layer;
  byte_buffer out;
};

/// Passes everything on.
struct plain_layer : replying_layer {
  result<void> receive(byte_view in, byte_buffer& app, byte_buffer&) {
    app.append(in);
    return {};
  }
};

/// Floods a relay with the layer `own`, and then exchanges data through it.
template <class Own, class Peer>
void floods_relay(Own own, Peer theirs) {
  ::signal(SIGPIPE, SIG_IGN);
  asio::io_context context(1);
  auto [plain, service] = joined_stream(context);
  auto [wire, outside] = joined_stream(context);
  flooding_peer<Peer> peer(std::move(outside), std::move(theirs));
  io::layered_stream<runtime, Own> layered(runtime(context), std::move(wire), std::move(own));
  // The handshake is complete before the relay gets the layer.
  byte_buffer hello;
  byte_buffer none;
  REQUIRE(layered.layer().start(hello));
  if (!hello.empty()) REQUIRE(peer.layer.receive(std::as_const(hello).data(), none, none));
  if (!peer.out.empty()) {
    REQUIRE(layered.layer().receive(std::as_const(peer.out).data(), none, none));
    peer.out.clear();
  }
  io::relay<runtime, io::tcp_stream, io::layered_stream<runtime, Own>> relay(
      runtime(context), std::move(plain), std::move(layered));
  std::optional<io::relay_status> status;
  asio::co_spawn(context, relay.run(),
                 [&](std::exception_ptr, io::relay_status ended) { status = ended; });
  const std::size_t sent = peer.send(context, flood);
  CHECK(sent < most_taken);
  CHECK_FALSE(status);
  const bool all_came = peer.receive(context, 3 * sent) == std::string(3 * sent, 'r');
  CHECK(all_came);

  REQUIRE(::send(service.get(), "answer", 6, 0) == 6);
  CHECK(peer.receive(context, 6) == "answer");
  relay.stop();
  context.restart();
  context.poll();
}

template <class L>
io::awaitable<void> read_all(io::layered_stream<runtime, L>& stream) {
  for (;;) {
    const auto ready = co_await stream.wait_readable();
    if (!ready) co_return;
    std::uint8_t some[100];
    const byte_span room(some);
    const auto taken = co_await stream.read_some(room);
    if (!taken || *taken == 0) co_return;
  }
}

template <class L>
io::awaitable<void> write_much(io::layered_stream<runtime, L>& stream, const std::string& what) {
  const byte_view bytes(reinterpret_cast<const std::uint8_t*>(what.data()), what.size());
  co_await stream.write(bytes);
}

/// Floods a stream that is being read, and optionally written to at the same time.
void floods_stream(bool also_writes) {
  ::signal(SIGPIPE, SIG_IGN);
  asio::io_context context(1);
  auto [wire, outside] = joined_stream(context);
  flooding_peer<plain_layer> peer(std::move(outside), plain_layer());
  io::layered_stream<runtime, replying_layer> stream(runtime(context), std::move(wire), {});
  (void)stream.layer().start(peer.out);
  io::task_group group(context.get_executor());
  const std::string much(also_writes ? 100'000 : 0, 'w');
  if (also_writes) group.spawn(write_much(stream, much));
  group.spawn(read_all(stream));
  const std::size_t sent = peer.send(context, flood);
  CHECK(sent < most_taken);
  CHECK(group.size() == (also_writes ? 2 : 1));
  const std::string got = peer.receive(context, 3 * sent + much.size());
  CHECK(static_cast<std::size_t>(std::ranges::count(got, 'r')) == 3 * sent);
  CHECK(static_cast<std::size_t>(std::ranges::count(got, 'w')) == much.size());
  stream.close();
  context.restart();
  context.poll();
  CHECK(group.size() == 0);
}

}  // namespace

TEST_SUITE("unread replies") {
  TEST_CASE("unread replies do not pile up in a relay") {
    floods_relay(replying_layer(), plain_layer());
  }

  TEST_CASE("unread replies do not pile up in a relay with two layers") {
    floods_relay(stacked_layer(replying_layer(), framing_layer()),
                 stacked_layer(plain_layer(), framing_layer()));
  }

  TEST_CASE("unread replies do not pile up in a stream") {
    for (const bool also_writes : {false, true}) {
      CAPTURE(also_writes);
      floods_stream(also_writes);
    }
  }

  TEST_CASE("unread replies are bounded by the limits of a lingering close") {
    asio::io_context context(1);
    auto [wire, outside] = joined_stream(context);
    flooding_peer<plain_layer> peer(std::move(outside), plain_layer());
    io::layered_stream<runtime, replying_layer> stream(runtime(context), std::move(wire), {});
    (void)stream.layer().start(peer.out);
    runtime runs_on(context);
    io::task_group group(context.get_executor());
    group.spawn(io::lingering_close(runs_on, stream, time_point::max()));
    CHECK(peer.send(context, flood) < most_taken);
    CHECK_FALSE(stream.is_open());
    CHECK(group.size() == 0);
  }

  TEST_CASE("unread replies do not prevent a cancelled reader from continuing") {
    asio::io_context context(1);
    auto [wire, outside] = joined_stream(context);
    flooding_peer<plain_layer> peer(std::move(outside), plain_layer());
    io::layered_stream<runtime, replying_layer> stream(runtime(context), std::move(wire), {});
    (void)stream.layer().start(peer.out);
    io::task_group group(context.get_executor());
    const std::string much(100'000, 'w');
    group.spawn(write_much(stream, much));
    context.poll();
    group.spawn(read_all(stream));
    CHECK(peer.send(context, flood) < most_taken);
    CHECK(group.size() == 2);
    stream.cancel_wait();
    context.restart();
    context.poll();
    CHECK(group.size() == 1);
    stream.close();
    context.restart();
    context.poll();
    CHECK(group.size() == 0);
  }
}

}  // namespace rathole::test
