#pragma once

#include "property.hpp"

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/hex.hpp>
#include <rathole/core/layer.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <ostream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

/// The laws of the concept `Layer`, as properties of any two layers that communicate.
namespace rathole::test::layer_laws {

/// The time at which every conversation begins.
inline constexpr time_point start_of_time{std::chrono::hours(1)};

/// The sizes of the pieces in which bytes arrive, repeated; one piece if there are none.
using pieces = std::vector<std::size_t>;

/// Returns a few ways to split a stream of bytes.
inline rc::Gen<pieces> any_pieces() {
  return rc::gen::map(
      rc::gen::pair(rc::gen::inRange(0, 4),
                    rc::gen::container<pieces>(rc::gen::inRange<std::size_t>(1, 200))),
      [](std::pair<int, pieces> drawn) {
        if (drawn.first == 0) return pieces{1};
        if (drawn.first == 1) return pieces{};
        return std::move(drawn.second);
      });
}

/// Returns `size` different bytes, the same ones each time.
inline byte_vector some_bytes(std::size_t size) {
  byte_vector out(size);
  std::uint32_t state = static_cast<std::uint32_t>(size);
  for (std::uint8_t& byte : out) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<std::uint8_t>(state >> 24);
  }
  return out;
}

/// One end of a conversation: a layer and its driver's buffers. Checks at each step the laws that
/// need one layer only.
template <Layer L>
class end {
 public:
  explicit end(L layer) : layer_(std::move(layer)) {
    RC_ASSERT(layer_.state() == phase::handshaking);
    note(layer_.start(wire_));
    poll();
  }

  void send(byte_view in) {
    RC_ASSERT(can_send(layer_.state()));
    note(layer_.send(in, wire_));
    poll();
  }

  /// Ends the sending. The stream below ends if the layer has not sent its own end.
  void close() {
    const std::size_t before = wire_.size();
    note(layer_.close(wire_));
    if (!error_ && wire_.size() == before && !can_send(layer_.state())) stream_ended_ = true;
    poll();
  }

  /// Receives bytes from the stream below until there is an error; `cut` gives the sizes of the
  /// pieces.
  void receive(byte_view in, const pieces& cut = {}) {
    for (std::size_t i = 0; !in.empty() && !error_; ++i) {
      const std::size_t most = cut.empty() ? in.size() : cut[i % cut.size()];
      const byte_view piece = in.first(std::min(most, in.size()));
      in = in.subspan(piece.size());
      const std::size_t before = wire_.size();
      note(layer_.receive(piece, app_, wire_));
      // What a peer can make the layer send is bounded by what the peer sends.
      RC_ASSERT(wire_.size() - before <= max_reply(piece.size()));
      poll();
    }
  }

  /// Ends the stream below, once.
  void receive_end() {
    if (std::exchange(below_ended_, true) || error_) return;
    note(layer_.receive_end());
    if (!error_ && layer_.state() != phase::handshaking) RC_ASSERT(!can_receive(layer_.state()));
    poll();
  }

  /// Lets time pass until the layer's deadline; returns false if it has none.
  bool pass_time() {
    if constexpr (TimedLayer<L>) {
      const std::optional<time_point> deadline = layer_.deadline();
      if (!deadline) return false;
      now_ = std::max(now_, *deadline);
      poll();
      RC_ASSERT(layer_.deadline().value_or(time_point::max()) > now_);
      return true;
    }
    return false;
  }

  /// The bytes that wait to be sent on the stream below.
  byte_buffer& wire() { return wire_; }
  /// Whether the stream below ends after them.
  [[nodiscard]] bool stream_ended() const { return stream_ended_; }
  /// The bytes received for the application.
  [[nodiscard]] byte_vector received() const {
    const byte_view all = app_.data();
    return {all.begin(), all.end()};
  }
  [[nodiscard]] std::error_code error() const { return error_; }
  [[nodiscard]] phase state() const { return layer_.state(); }
  L& layer() { return layer_; }

 private:
  void note(const result<void>& outcome) {
    check_bounded();
    if (outcome || error_) return;
    error_ = outcome.error();
    stream_ended_ = true;
    check_terminal();
  }

  void poll() {
    if constexpr (TimedLayer<L>) {
      if (!error_) note(layer_.poll(now_, wire_));
    }
  }

  // The layer's buffers are bounded, if they can be measured.
  void check_bounded() {
    if constexpr (requires { layer_.buffered() <= L::max_buffered; }) {
      RC_ASSERT(layer_.buffered() <= L::max_buffered);
    }
  }

  // After an error every call returns that error, and there is nothing more to send.
  void check_terminal() {
    const std::size_t sent = wire_.size();
    const std::size_t received = app_.size();
    RC_ASSERT(error_ != std::error_code());
    RC_ASSERT(!can_send(layer_.state()));
    RC_ASSERT(!can_receive(layer_.state()));
    RC_ASSERT(fails(layer_.receive(byte_vector(300), app_, wire_)));
    RC_ASSERT(fails(layer_.receive_end()));
    RC_ASSERT(fails(layer_.close(wire_)));
    if constexpr (TimedLayer<L>) {
      RC_ASSERT(!layer_.deadline());
      RC_ASSERT(fails(layer_.poll(now_ + std::chrono::hours(1000), wire_)));
    }
    RC_ASSERT(wire_.size() == sent);
    RC_ASSERT(app_.size() == received);
  }

  [[nodiscard]] bool fails(const result<void>& outcome) const {
    return !outcome && outcome.error() == error_;
  }

  L layer_;
  byte_buffer wire_;
  byte_buffer app_;
  std::error_code error_;
  time_point now_ = start_of_time;
  bool stream_ended_ = false;
  bool below_ended_ = false;
};

/// Records what one end sends on the stream below, if requested.
using recording = byte_vector;

namespace detail {

// Delivers one end's bytes, and the end of its stream, to the other; returns true if there was
// anything.
template <Layer From, Layer To>
bool deliver(end<From>& from, end<To>& to, const pieces& cut, recording* output) {
  const bool any = !from.wire().empty();
  byte_buffer bytes;
  bytes.swap(from.wire());
  if (output != nullptr) output->insert(output->end(), bytes.data().begin(), bytes.data().end());
  to.receive(bytes.data(), cut);
  if (from.stream_ended()) to.receive_end();
  return any;
}

}  // namespace detail

/// Says how bytes are delivered between two ends, and records them.
struct exchange {
  pieces to_server = {};
  pieces to_client = {};
  recording client_sent = {};
  recording server_sent = {};
};

/// Delivers what both ends send until they send nothing more.
template <Layer C, Layer S>
void settle(end<C>& client, end<S>& server, exchange& by) {
  for (bool any = true; any;) {
    any = detail::deliver(client, server, by.to_server, &by.client_sent);
    any = detail::deliver(server, client, by.to_client, &by.server_sent) || any;
  }
}

/// Delivers what both ends send, in one piece each, until they send nothing more.
template <Layer C, Layer S>
void settle(end<C>& client, end<S>& server) {
  exchange by;
  settle(client, server, by);
}

/// Round trip: whatever both send arrives in order, however it is split; either may end its sending
/// first while the other continues. Both detect the end, and neither fails.
template <class MakeClient, class MakeServer>
exchange check_conversation(MakeClient make_client, MakeServer make_server) {
  exchange by{.to_server = *any_pieces(), .to_client = *any_pieces()};
  end client(make_client());
  end server(make_server());
  settle(client, server, by);
  RC_ASSERT(client.error() == std::error_code());
  RC_ASSERT(server.error() == std::error_code());
  RC_ASSERT(client.state() == phase::open);
  RC_ASSERT(server.state() == phase::open);

  byte_vector to_server;
  byte_vector to_client;
  bool client_sends = true;
  bool server_sends = true;
  const auto send_traffic = [&](int most) {
    for (int left = *rc::gen::inRange(0, most + 1); left > 0; --left) {
      const bool by_client = server_sends ? client_sends && *rc::gen::arbitrary<bool>() : true;
      // Mostly short ones; seldom more than any buffer holds.
      const bool is_long = *rc::gen::inRange(0, 10) == 0;
      const auto size = *rc::gen::inRange<std::size_t>(1, is_long ? 70'000 : 300);
      const byte_vector message = some_bytes(size);
      (by_client ? to_server : to_client)
          .insert((by_client ? to_server : to_client).end(), message.begin(), message.end());
      if (by_client) {
        client.send(message);
      } else {
        server.send(message);
      }
      if (*rc::gen::arbitrary<bool>()) settle(client, server, by);
    }
  };
  send_traffic(12);
  const bool client_first = *rc::gen::arbitrary<bool>();
  if (client_first) {
    client.close();
    client_sends = false;
  } else {
    server.close();
    server_sends = false;
  }
  if (*rc::gen::arbitrary<bool>()) settle(client, server, by);
  send_traffic(5);
  if (client_first) {
    server.close();
  } else {
    client.close();
  }
  settle(client, server, by);
  // A postponed end is sent at its deadline.
  for (int i = 0; i < 5; ++i) {
    if (client.state() == phase::closed && server.state() == phase::closed) break;
    client.pass_time();
    server.pass_time();
    settle(client, server, by);
  }

  RC_ASSERT(client.error() == std::error_code());
  RC_ASSERT(server.error() == std::error_code());
  RC_ASSERT(server.received() == to_server);
  RC_ASSERT(client.received() == to_client);
  RC_ASSERT(client.state() == phase::closed);
  RC_ASSERT(server.state() == phase::closed);
  client.receive_end();
  server.receive_end();
  RC_ASSERT(client.error() == std::error_code());
  RC_ASSERT(server.error() == std::error_code());
  return by;
}

/// The observable behaviour of a layer.
struct behaviour {
  std::string received;
  std::string output;
  std::error_code error;
  phase state;
  bool operator==(const behaviour&) const = default;
  friend std::ostream& operator<<(std::ostream& out, const behaviour& in) {
    return out << "received " << in.received << ", said " << in.output << ", " << in.error
               << ", phase " << static_cast<int>(in.state);
  }
};

/// Returns the behaviour of a layer that receives `input`, split, and then the end of the stream.
template <Layer L>
behaviour behaviour_of(L layer, byte_view input, const pieces& cut, bool reproducible) {
  end it(std::move(layer));
  it.receive(input, cut);
  it.receive_end();
  return {to_hex(it.received()), reproducible ? to_hex(it.wire().data()) : "", it.error(),
          it.state()};
}

/// Chunking invariance: any split of `input` gives the same behaviour. The output is compared only
/// if it is deterministic, so not if the layer draws random bytes.
template <class Make>
void check_input(Make make, byte_view input, bool reproducible = true) {
  const behaviour whole = behaviour_of(make(), input, {}, reproducible);
  RC_ASSERT(behaviour_of(make(), input, {1}, reproducible) == whole);
  const pieces cut = *any_pieces();
  RC_ASSERT(behaviour_of(make(), input, cut, reproducible) == whole);
}

/// Draws what was sent with a byte changed, truncated, or followed by any bytes; or any bytes.
inline byte_vector any_variation(byte_vector output) {
  switch (*rc::gen::inRange(0, 5)) {
    case 0:
      if (!output.empty()) {
        const auto at = *rc::gen::inRange<std::size_t>(0, output.size());
        output[at] = *rc::gen::arbitrary<std::uint8_t>();
      }
      break;
    case 1: output.resize(*rc::gen::inRange<std::size_t>(0, output.size() + 1)); break;
    case 2: output = std::move(output) + *any_bytes(64); break;
    case 3: output = *any_bytes(400); break;
    default: break;
  }
  return output;
}

/// Authentication: if one bit that an open layer sends is changed, the other fails, and everything
/// it has delivered until then was really sent.
template <class MakeClient, class MakeServer>
void check_tampering(MakeClient make_client, MakeServer make_server) {
  end client(make_client());
  end server(make_server());
  settle(client, server);
  const auto check = [](auto& from, auto& to) {
    byte_vector sent;
    for (int left = *rc::gen::inRange(1, 5); left > 0; --left) {
      const byte_vector message = some_bytes(*rc::gen::inRange<std::size_t>(1, 300));
      from.send(message);
      sent = std::move(sent) + message;
    }
    byte_vector wire(from.wire().data().begin(), from.wire().data().end());
    const auto bit = *rc::gen::inRange<std::size_t>(0, wire.size() * 8);
    wire[bit / 8] = static_cast<std::uint8_t>(wire[bit / 8] ^ 1u << bit % 8);
    to.receive(wire, *any_pieces());
    to.receive_end();
    RC_ASSERT(to.error() != std::error_code());
    const byte_vector received = to.received();
    RC_ASSERT(received.size() < sent.size());
    RC_ASSERT(std::equal(received.begin(), received.end(), sent.begin()));
  };
  if (*rc::gen::arbitrary<bool>()) {
    check(client, server);
  } else {
    check(server, client);
  }
}

/// Truncation: a stream that ends within what an open layer sends is an error.
template <class MakeClient, class MakeServer>
void check_truncation(MakeClient make_client, MakeServer make_server) {
  end client(make_client());
  end server(make_server());
  settle(client, server);
  const auto check = [](auto& from, auto& to) {
    for (int left = *rc::gen::inRange(0, 3); left > 0; --left) from.send(some_bytes(20));
    const std::size_t before = from.wire().size();
    from.send(some_bytes(*rc::gen::inRange<std::size_t>(1, 300)));
    from.wire().truncate(*rc::gen::inRange(before + 1, from.wire().size()));
    to.receive(from.wire().data(), *any_pieces());
    RC_ASSERT(to.error() == std::error_code());
    to.receive_end();
    RC_ASSERT(to.error() == make_error_code(errc::truncated));
  };
  if (*rc::gen::arbitrary<bool>()) {
    check(client, server);
  } else {
    check(server, client);
  }
}

/// Says which laws apply to a pair of layers.
struct traits {
  /// Layers of one factory send the same if they receive the same. (Not so if they draw random
  /// bytes, unless from a script that restarts in each.)
  bool reproducible = true;
  /// A changed bit of the data phase is detected.
  bool authenticated = false;
};

/// Checks all laws on one conversation. The factories make the layers of the two ends.
template <class MakeClient, class MakeServer>
void check(MakeClient make_client, MakeServer make_server, traits what = {}) {
  const exchange by = check_conversation(make_client, make_server);
  if (*rc::gen::arbitrary<bool>()) {
    check_input(make_server, any_variation(what.reproducible ? by.client_sent : byte_vector()),
                what.reproducible);
  } else {
    check_input(make_client, any_variation(what.reproducible ? by.server_sent : byte_vector()),
                what.reproducible);
  }
  check_truncation(make_client, make_server);
  if (what.authenticated) check_tampering(make_client, make_server);
}

}  // namespace rathole::test::layer_laws
