#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/layer.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/event.hpp>

#include <cstddef>
#include <limits>
#include <system_error>
#include <utility>

namespace rathole::io {

/// What a `layered_stream` is made of, in a place that does not change.
template <Runtime R, Layer L>
struct layered_body {
  layered_body(R runtime, typename R::stream stream, L filter)
      : world(std::move(runtime)),
        next(std::move(stream)),
        layer(std::move(filter)),
        written(world.get_executor()),
        room(world.get_executor()),
        timer(world) {}

  /// Whether the driver's law of `Layer` forbids to give the layer input.
  [[nodiscard]] bool is_full() const { return wire.size() + sending.size() > max_unsent_wire; }

  /// The stream is broken for good. Returns the error, to be returned.
  std::unexpected<std::error_code> fail(std::error_code ec) {
    error = ec;
    return failure(ec);
  }

  /// As `fail`, where memory ran out while the layer or the stream below was at work: how far that
  /// came is not known, so nothing of it is sent any more.
  std::unexpected<std::error_code> drop(std::error_code ec) {
    wire.clear();
    sending.clear();
    return fail(ec);
  }

  R world;
  typename R::stream next;
  L layer;
  /// Decoded and not read yet.
  byte_buffer app;
  /// Encoded and not given to the stream below yet.
  byte_buffer wire;
  /// Being written.
  byte_buffer sending;
  /// Notified when `writing` has become false.
  event written;
  /// Notified when less than before waits to be written, and when a wait is cancelled.
  event room;
  typename R::timer timer;
  std::error_code error;
  /// Bytes that may still be read from the stream below.
  std::size_t input_left = std::numeric_limits<std::size_t>::max();
  bool writing = false;
  bool wait_cancelled = false;
};

/// The right to write on the stream below, which ends however the writing does.
template <class Body>
class writing_turn {
 public:
  explicit writing_turn(Body& of) : of_(of) { of_.writing = true; }
  writing_turn(const writing_turn&) = delete;
  writing_turn& operator=(const writing_turn&) = delete;
  ~writing_turn() {
    of_.writing = false;
    of_.written.notify();
    of_.room.notify();
  }

 private:
  Body& of_;
};

}  // namespace rathole::io
