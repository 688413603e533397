#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/layer.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/run/event.hpp>

#include <cstddef>
#include <limits>
#include <system_error>
#include <utility>

namespace rathole::io {

/// The parts of a `layered_stream` at an address that does not change.
template <Runtime R, Layer L>
struct layered_impl {
  /// Makes the state of a stream that runs `over` on `below`, in the runtime `on`.
  layered_impl(R on, typename R::stream below, L over)
      : runtime(std::move(on)),
        next(std::move(below)),
        layer(std::move(over)),
        written(runtime.get_executor()),
        room(runtime.get_executor()),
        timer(runtime) {}

  /// Returns whether too much output is unsent for the layer to get more input; see the laws of
  /// `Layer`.
  [[nodiscard]] bool is_full() const { return wire.size() + sending.size() > max_unsent_wire; }

  /// Records that the stream has failed permanently. Returns the error for the caller to return.
  std::unexpected<std::error_code> fail(std::error_code ec) {
    error = ec;
    return failure(ec);
  }

  /// Records a failure for lack of memory inside the layer or the stream below. The output is
  /// dropped because it may be incomplete.
  std::unexpected<std::error_code> fail_and_discard_output(std::error_code ec) {
    wire.clear();
    sending.clear();
    return fail(ec);
  }

  /// Closes the stream below, and announces the end before that.
  void close() {
    announce_end();
    next.close();
  }

  /// Sends the layer's last message, such as the close_notify of TLS, as far as the stream below
  /// accepts it at once, because closing a stream must not wait. Does nothing while a write is
  /// under way, which may have sent a part of a message.
  void announce_end() {
    if constexpr (requires { next.send_last(wire.data()); }) {
      if (error || writing || !next.is_open() || !can_send(layer.state())) return;
      const auto close = [this] { return layer.close(wire); };
      if (catch_bad_alloc(close) && !wire.empty()) next.send_last(wire.data());
      wire.clear();
    }
  }

  /// The runtime.
  R runtime;
  /// The stream below.
  typename R::stream next;
  /// The layer.
  L layer;
  /// The decoded bytes that have not been read.
  byte_buffer app;
  /// The encoded bytes that have not been passed to the stream below.
  byte_buffer wire;
  /// The encoded bytes that are being written.
  byte_buffer sending;
  /// Notified when `writing` becomes false.
  event written;
  /// Notified when the unsent output shrinks, and when a wait is cancelled.
  event room;
  /// Runs out at the deadline of the layer.
  typename R::timer timer;
  /// The permanent error, if any.
  std::error_code error;
  /// How many bytes may still be read from the stream below.
  std::size_t input_left = std::numeric_limits<std::size_t>::max();
  /// Whether a write on the stream below is running.
  bool writing = false;
  /// Whether the current wait for input was cancelled.
  bool wait_cancelled = false;
};

/// Marks a write on the stream below as running while it exists.
template <class Body>
class write_guard {
 public:
  /// Sets `writing`.
  explicit write_guard(Body& of) : of_(of) { of_.writing = true; }
  write_guard(const write_guard&) = delete;
  write_guard& operator=(const write_guard&) = delete;
  /// Clears `writing` and notifies the coroutines that wait for it.
  ~write_guard() {
    of_.writing = false;
    of_.written.notify();
    of_.room.notify();
  }

 private:
  Body& of_;
};

}  // namespace rathole::io
