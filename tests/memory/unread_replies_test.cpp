// Peers that make the product's layers send replies as fast as they can, and read none of them. The
// memory that this takes is bounded, and traffic resumes when the peer reads.

#include "asking_peer.hpp"
#include "support/failing_allocator.hpp"
#include "support/joined_stream.hpp"

#include <rathole/io/asio_runtime.hpp>
#include <rathole/io/relay/relay.hpp>
#include <rathole/io/run/task_group.hpp>
#include <rathole/io/stream/layered_stream.hpp>
#include <rathole/io/tcp/stream.hpp>

#include <asio/io_context.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace rathole::test {

namespace {

using runtime = io::asio_runtime;
using layered = io::layered_stream<runtime, any_layer>;

/// How much memory a connection may hold: the named bound and one reply, in buffers that grow by
/// half and are copied then, and the driver's working buffers.
constexpr std::ptrdiff_t most_memory =
    3 * (max_unsent_wire + max_reply(std::size_t{64} * 1024)) + (std::size_t{512} << 10);
/// How much the peer tries to send; the replies would take as much memory, or three times that.
constexpr std::size_t flood = std::size_t{8} << 20;

/// A layer, and the peer that floods it.
struct conversation {
  std::string name;
  std::function<any_layer()> own;
  std::function<std::unique_ptr<asking_peer>()> peer;
  /// The peer reads the replies, and traffic can resume.
  bool goes_on = true;
  /// The layer closes the connection of a peer that only makes requests.
  bool ends_questions = true;
};

std::vector<conversation> conversations() {
  std::vector<conversation> out;
  const auto kinds = layer_kinds();
  const auto of = [&](std::string_view name) {
    return *std::ranges::find(kinds, name, &layer_kind::name);
  };
  const auto websocket_on_tls = [](bool asks_below) {
    return [=] { return std::make_unique<asking_websocket>(asking_tls::client(), asks_below); };
  };
  out.push_back({"KeyUpdate to a server", of("tls, OpenSSL").server, asking_tls::client});
  out.push_back({"KeyUpdate to a client", of("tls, OpenSSL").client,
                 [] { return asking_tls::server(TLS1_3_VERSION); }});
  for (const char* engine : {"tls, OpenSSL", "tls, Botan"}) {
    // OpenSSL ends a connection whose renegotiation is refused; Botan ends it in the role of the layer.
    out.push_back({"HelloRequest to a client, " + std::string(engine), of(engine).client,
                   [] { return asking_tls::server(TLS1_2_VERSION); }, false});
  }
  out.push_back({"Ping to a server", of("websocket").server,
                 [] { return std::make_unique<asking_websocket>(); }, true, false});
  out.push_back({"Ping to a server on tls", of("websocket on tls").server, websocket_on_tls(false),
                 true, false});
  out.push_back(
      {"KeyUpdate below websocket", of("websocket on tls").server, websocket_on_tls(true)});
  return out;
}

/// Completes the handshake of a layer and its peer.
void open_both(any_layer& own, asking_peer& peer) {
  byte_buffer wire;
  byte_buffer app;
  (void)own.start(wire);
  peer.start();
  while (!wire.empty() || !peer.wire.empty()) {
    byte_buffer in;
    in.swap(peer.wire);
    if (!in.empty()) REQUIRE(own.receive(std::as_const(in).data(), app, wire));
    in.clear();
    in.swap(wire);
    if (!in.empty()) peer.receive(std::as_const(in).data());
  }
  REQUIRE(own.state() == phase::open);
}

/// The outcome of a flood.
struct outcome {
  std::size_t sent = 0;
  /// The connection's largest amount of memory.
  std::ptrdiff_t memory = 0;
};

void send_wire(asking_peer& peer, int socket) {
  const byte_view out = std::as_const(peer.wire).data();
  const auto sent = ::send(socket, out.data(), out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent > 0) peer.wire.consume(static_cast<std::size_t>(sent));
}

/// Floods without reading, until the layer accepts nothing more or enough has been sent.
outcome ask(asio::io_context& context, asking_peer& peer, int socket, bool with_bytes) {
  outcome out;
  const auto before = allocated_bytes();
  for (int idle = 0; idle < 100 && out.sent < flood;) {
    if (peer.wire.empty()) with_bytes ? peer.ask() : peer.only_ask();
    const std::size_t size = peer.wire.size();
    send_wire(peer, socket);
    const std::size_t went = size - peer.wire.size();
    out.sent += went;
    idle = went > 0 ? 0 : idle + 1;
    context.restart();
    context.poll();
    out.memory = std::max(out.memory, allocated_bytes() - before);
  }
  return out;
}

/// Reads until the application data that the peer received ends with `what`.
bool receives(asio::io_context& context, asking_peer& peer, int socket, std::string_view what) {
  std::uint8_t some[65536];
  for (int idle = 0; idle < 1000 && !peer.app.ends_with(what);) {
    if (!peer.wire.empty()) send_wire(peer, socket);
    const auto taken = ::recv(socket, some, sizeof some, MSG_DONTWAIT);
    idle = taken > 0 ? 0 : idle + 1;
    if (taken > 0) peer.receive({some, static_cast<std::size_t>(taken)});
    context.restart();
    context.poll();
  }
  return peer.app.ends_with(what);
}

void floods_relay(const conversation& with, bool with_bytes) {
  asio::io_context context(1);
  auto [plain, service] = joined_stream(context);
  auto [wire, outside] = joined_stream(context);
  const auto peer = with.peer();
  any_layer own = with.own();
  open_both(own, *peer);
  layered stream(runtime(context), std::move(wire), std::move(own));
  io::relay<runtime, io::tcp_stream, layered> relay(runtime(context), std::move(plain),
                                                    std::move(stream));
  std::optional<io::relay_status> status;
  asio::co_spawn(context, relay.run(),
                 [&](std::exception_ptr, io::relay_status ended) { status = ended; });
  const outcome done = ask(context, *peer, outside.get(), with_bytes);
  CAPTURE(done.sent);
  CHECK(done.memory < most_memory);
  MESSAGE(with.name << ": " << done.sent << " bytes taken, " << done.memory << " bytes held");
  if (!with_bytes && with.ends_questions) {
    CHECK((status && status->error));
  } else if (with.goes_on) {
    CHECK_FALSE(status);
    REQUIRE(::send(service.get(), "answer", 6, 0) == 6);
    CHECK(receives(context, *peer, outside.get(), "answer"));
  }
  relay.stop();
  context.restart();
  context.poll();
}

io::awaitable<void> read_all(layered& stream) {
  for (;;) {
    std::uint8_t some[100];
    const byte_span room(some);
    const auto taken = co_await stream.read_some(room);
    if (!taken || *taken == 0) co_return;
  }
}

io::awaitable<void> write_all(layered& stream, const std::string& what) {
  const byte_view bytes(reinterpret_cast<const std::uint8_t*>(what.data()), what.size());
  co_await stream.write(bytes);
}

/// Floods a stream that is being read, and optionally written to at the same time.
void floods_stream(const conversation& with, bool also_writes) {
  asio::io_context context(1);
  auto [wire, outside] = joined_stream(context);
  const auto peer = with.peer();
  any_layer own = with.own();
  open_both(own, *peer);
  layered stream(runtime(context), std::move(wire), std::move(own));
  io::task_group group(context.get_executor());
  const std::string much = std::string(also_writes ? 100'000 : 0, 'w') + "answer";
  if (also_writes) group.spawn(write_all(stream, much));
  group.spawn(read_all(stream));
  const outcome done = ask(context, *peer, outside.get(), true);
  CAPTURE(done.sent);
  CHECK(done.memory < most_memory);
  if (with.goes_on) {
    if (!also_writes) group.spawn(write_all(stream, much));
    CHECK(receives(context, *peer, outside.get(), much));
  }
  stream.close();
  context.restart();
  context.poll();
  CHECK(group.size() == 0);
}

}  // namespace

TEST_SUITE("unread replies of the product's layers") {
  TEST_CASE("unread replies take bounded memory in a relay") {
    ::signal(SIGPIPE, SIG_IGN);
    for (const conversation& each : conversations()) {
      for (const bool with_bytes : {true, false}) {
        CAPTURE(each.name);
        CAPTURE(with_bytes);
        floods_relay(each, with_bytes);
      }
    }
  }

  TEST_CASE("unread replies take bounded memory in a stream") {
    ::signal(SIGPIPE, SIG_IGN);
    for (const conversation& each : conversations()) {
      for (const bool also_writes : {false, true}) {
        CAPTURE(each.name);
        CAPTURE(also_writes);
        floods_stream(each, also_writes);
      }
    }
  }

  TEST_CASE("unread replies do not exist in Noise, which never rekeys by itself") {
    const auto kinds = layer_kinds();
    auto [client, server] = opened(*std::ranges::find(kinds, "noise", &layer_kind::name));
    const std::vector<std::uint8_t> much(100'000, 'x');
    byte_buffer wire;
    byte_buffer app;
    byte_buffer replies;
    REQUIRE(client.send(much, wire));
    REQUIRE(server.receive(std::as_const(wire).data(), app, replies));
    CHECK(app.size() == much.size());
    CHECK(replies.empty());
  }
}

}  // namespace rathole::test
