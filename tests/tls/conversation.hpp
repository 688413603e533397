#pragma once

#include "../support/bytes.hpp"

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/layer.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace rathole::test {

/// A layer with what it has sent and received.
template <Layer L>
struct party {
  explicit party(L made) : layer(std::move(made)) {}

  void note(const result<void>& done) {
    if (!done && !error) error = done.error();
  }
  void start() { note(layer.start(wire)); }
  void send(std::string_view in) { note(layer.send(text(in), wire)); }
  void close() { note(layer.close(wire)); }
  void receive(byte_view in) {
    if (!error) note(layer.receive(in, app, wire));
  }
  void poll(time_point now) { note(layer.poll(now, wire)); }
  [[nodiscard]] std::string received() const { return {app.data().begin(), app.data().end()}; }

  L layer;
  byte_buffer wire = {};
  byte_buffer app = {};
  std::error_code error = {};
};

/// Delivers what one end sent to the other, in pieces of `piece` bytes; returns true if there was
/// any.
template <class From, class To>
bool deliver(From& from, To& to, std::size_t piece = 1 << 20) {
  byte_buffer sent;
  sent.swap(from.wire);
  for (byte_view rest = sent.data(); !rest.empty();) {
    const byte_view next = rest.first(std::min(piece, rest.size()));
    to.receive(next);
    rest = rest.subspan(next.size());
  }
  return !sent.empty();
}

/// Delivers the output of both until neither has any.
template <class A, class B>
void settle(A& a, B& b, std::size_t piece = 1 << 20) {
  while (deliver(a, b, piece) || deliver(b, a, piece)) {
  }
}

}  // namespace rathole::test
