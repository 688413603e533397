// Compares the counts of two relays, with a layer of the product between them, with the bytes that
// their sockets carried, however the connection ends.

#include "layer_kinds.hpp"
#include "support/joined_stream.hpp"
#include "support/net.hpp"

#include <rathole/io/asio_runtime.hpp>
#include <rathole/io/relay/relay.hpp>
#include <rathole/io/run/task_group.hpp>
#include <rathole/io/stream/layered_stream.hpp>
#include <rathole/io/tcp/stream.hpp>
#include <rathole/sim/seeded_rng.hpp>

#include <doctest/doctest.h>

#include <asio/io_context.hpp>

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace rathole::test {

namespace {

using runtime = io::asio_runtime;
using layered = io::layered_stream<runtime, any_layer>;
using near_relay = io::relay<runtime, io::tcp_stream, layered>;
using far_relay = io::relay<runtime, layered, io::tcp_stream>;

/// A relay reads this much at once. A piece whose encoding failed is not counted.
constexpr std::size_t piece = std::size_t{64} * 1024;

enum class ending : std::uint8_t {
  in_order,
  half_closed,
  reset_on_the_left,
  reset_on_the_right,
  stopped
};

/// The outer end of a connection.
struct outer_end {
  /// Sends and reads without waiting. Ends its direction when everything has been sent, if it
  /// `may_end`.
  void pump(std::size_t most, bool may_end) {
    if (!socket.is_open()) return;
    const std::string some(most, 'x');
    const std::size_t count = std::min(most, to_send - sent);
    if (count > 0) {
      const auto went = ::send(socket.get(), some.data(), count, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (went > 0) sent += static_cast<std::size_t>(went);
    }
    if (sent == to_send && may_end && !std::exchange(has_ended, true)) {
      ::shutdown(socket.get(), SHUT_WR);
    }
    std::string room(most, '\0');
    const auto taken = ::recv(socket.get(), room.data(), room.size(), MSG_DONTWAIT);
    if (taken > 0) got += static_cast<std::size_t>(taken);
    if (taken == 0) has_received_end = true;
  }

  io::descriptor socket;
  std::size_t to_send = 0;
  std::size_t sent = 0;
  std::size_t got = 0;
  bool has_ended = false;
  bool has_received_end = false;
};

/// A TCP connection, the one between client and server.
std::pair<io::tcp_stream, io::tcp_stream> joined_by_tcp(asio::io_context& context) {
  tcp_socket listening = tcp_socket::listen();
  const tcp_socket one = tcp_socket::connect(listening.port());
  const auto other = listening.accept();
  REQUIRE(other);
  const auto stream_on = [&context](const tcp_socket& socket) {
    io::descriptor own(::fcntl(socket.fd(), F_DUPFD_CLOEXEC, 0));
    ::fcntl(own.get(), F_SETFL, ::fcntl(own.get(), F_GETFL) | O_NONBLOCK);
    return io::tcp_stream(context.get_executor(), std::move(own), {});
  };
  return {stream_on(one), stream_on(*other)};
}

template <class Relay>
io::awaitable<void> run(Relay& relay, std::optional<io::relay_status>& status) {
  status = co_await relay.run();
}

/// Runs a connection over `kind` that ends as `how` says.
void connect(const layer_kind& kind, ending how, std::uint64_t seed) {
  CAPTURE(kind.name);
  CAPTURE(static_cast<int>(how));
  CAPTURE(seed);
  asio::io_context context(1);
  sim::seeded_rng chosen(seed);
  outer_end left;
  outer_end right;
  left.to_send = chosen.between(0, 300'000);
  right.to_send = chosen.between(0, 300'000);
  auto [near_plain, left_socket] = joined_stream(context);
  auto [far_plain, right_socket] = joined_stream(context);
  left.socket = std::move(left_socket);
  right.socket = std::move(right_socket);
  auto [near_wire, far_wire] = joined_by_tcp(context);
  auto [client, server] = opened(kind);
  near_relay near(runtime(context), std::move(near_plain),
                  layered(runtime(context), std::move(near_wire), std::move(client)));
  far_relay far(runtime(context), layered(runtime(context), std::move(far_wire), std::move(server)),
                std::move(far_plain));
  std::optional<io::relay_status> near_status;
  std::optional<io::relay_status> far_status;
  io::task_group group(context.get_executor());
  group.spawn(run(far, far_status));
  group.spawn(run(near, near_status));

  const bool is_orderly = how == ending::in_order || how == ending::half_closed;
  const std::uint64_t breaks_at = chosen.between(1, 60);
  for (std::uint64_t turn = 0; turn < 100'000 && !(near_status && far_status); ++turn) {
    left.pump(chosen.between(1, 9'000), is_orderly);
    // If one side ends first, the other waits for that end.
    const bool waits = how == ending::half_closed && !right.has_received_end;
    right.pump(chosen.between(1, 9'000), is_orderly && !waits);
    if (turn == breaks_at) {
      if (how == ending::reset_on_the_left) left.socket.close();
      if (how == ending::reset_on_the_right) right.socket.close();
      if (how == ending::stopped) chosen.next() % 2 == 0 ? near.stop() : far.stop();
    }
    // The remaining bytes may wait for the other side, which does not end here.
    if (!is_orderly && turn == breaks_at + 1000) {
      near.stop();
      far.stop();
    }
    context.restart();
    context.poll();
  }
  REQUIRE(near_status);
  REQUIRE(far_status);
  for (int i = 0; i < 100; ++i) {
    left.pump(9'000, false);
    right.pump(9'000, false);
  }
  if (is_orderly) {
    CHECK_FALSE(near_status->error);
    CHECK_FALSE(far_status->error);
    CHECK(near_status->forth == left.to_send);
    CHECK(far_status->forth == left.to_send);
    CHECK(right.got == left.to_send);
    CHECK(near_status->back == right.to_send);
    CHECK(far_status->back == right.to_send);
    CHECK(left.got == right.to_send);
    return;
  }
  CHECK(right.got <= far_status->forth);
  CHECK(far_status->forth <= near_status->forth + piece);
  CHECK(near_status->forth <= left.sent);
  CHECK(left.got <= near_status->back);
  CHECK(near_status->back <= far_status->back + piece);
  CHECK(far_status->back <= right.sent);
}

}  // namespace

TEST_SUITE("relay counts over the product's layers") {
  TEST_CASE("relays count exactly the bytes that were delivered, however the connection ends") {
    ::signal(SIGPIPE, SIG_IGN);
    for (const layer_kind& kind : layer_kinds()) {
      for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        for (const ending how : {ending::in_order, ending::half_closed, ending::reset_on_the_left,
                                 ending::reset_on_the_right, ending::stopped}) {
          // This engine postpones an end until the other side is idle.
          const bool is_orderly = how == ending::in_order || how == ending::half_closed;
          if (is_orderly && kind.name == "tls, Botan") continue;
          connect(kind, how, seed);
        }
      }
    }
  }
}

}  // namespace rathole::test
