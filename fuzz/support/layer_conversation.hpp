#pragma once

#include "check.hpp"
#include "fuzz_input.hpp"

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/layer.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::fuzz {

/// One end of a conversation: a layer and what its driver keeps.
template <Layer L>
struct conversation_end {
  explicit conversation_end(L made) : layer(std::move(made)) { note(layer.start(wire)); }

  void note(const result<void>& done) {
    if (!done && !error) error = done.error();
  }
  void send(byte_view in) {
    if (error || in.empty() || closed || !can_send(layer.state())) return;
    sent.insert(sent.end(), in.begin(), in.end());
    note(layer.send(in, wire));
  }
  void close() {
    if (error || layer.state() == phase::handshaking) return;
    closed = true;
    note(layer.close(wire));
  }
  void pass(duration time) {
    now += time;
    if constexpr (TimedLayer<L>) {
      if (!error) note(layer.poll(now, wire));
    }
  }

  L layer;
  byte_buffer wire;
  byte_buffer app;
  std::vector<std::uint8_t> sent;
  std::error_code error;
  time_point now{std::chrono::hours(1)};
  bool closed = false;
};

/// Delivers bytes to the other end in pieces, possibly with one byte changed; returns whether it
/// was.
template <Layer L>
bool deliver(conversation_end<L>& from, conversation_end<L>& to, fuzz_input& in) {
  byte_buffer bytes;
  bytes.swap(from.wire);
  const byte_span all = bytes.data();
  const std::size_t place = in.byte() * 256u + in.byte();
  const std::uint8_t change = in.byte();
  const std::size_t piece = 1u + 16u * in.byte();
  const bool changes = change != 0 && place < all.size();
  if (changes) all[place] ^= change;
  for (byte_view rest = all; !rest.empty() && !to.error;) {
    const byte_view part = rest.first(std::min(piece, rest.size()));
    to.note(to.layer.receive(part, to.app, to.wire));
    rest = rest.subspan(part.size());
  }
  return changes;
}

/// Runs a conversation in which the fuzzer's input may change bytes: nothing arrives that was not
/// sent, and neither end fails unless a byte was changed.
template <Layer L>
void check_exchange(L one_end, L other_end, fuzz_input& in) {
  conversation_end client(std::move(one_end));
  conversation_end server(std::move(other_end));
  bool changed = false;
  while (!in.empty()) {
    auto& one = in.flag() ? client : server;
    auto& other = &one == &client ? server : client;
    switch (in.below(5)) {
      case 0: one.send(in.bytes()); break;
      case 1: one.close(); break;
      case 2: one.pass(in.time()); break;
      default: changed = deliver(one, other, in) || changed; break;
    }
  }
  const auto arrived = [](const auto& from, const auto& to) {
    const byte_view got = to.app.data();
    return got.size() <= from.sent.size() && std::equal(got.begin(), got.end(), from.sent.begin());
  };
  check(arrived(client, server) && arrived(server, client));
  check(changed || (!client.error && !server.error));
}

}  // namespace rathole::fuzz
