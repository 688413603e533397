#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/chunked_buffer.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/mux/flow_handler.hpp>
#include <rathole/io/run/event.hpp>
#include <rathole/io/task.hpp>
#include <rathole/mux/frame.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <system_error>
#include <utility>

namespace rathole::io {

/// The state of one stream of a multiplexed connection, which its `mux_stream`, the operations of
/// that and the connection share.
struct mux_flow {
  /// Makes the state of an open stream on `ex`.
  mux_flow(mux::stream_id number, const executor& ex) : id(number), readable(ex), written(ex) {}

  /// Records why the stream broke, unless it did before, and wakes its operations.
  void fail(std::error_code why) {
    if (!error) error = why;
    wake();
  }

  /// Wakes the operations of the stream, or notifies its handler.
  void wake() {
    readable.notify();
    written.notify();
    if (handler) handler->state_changed();
  }

  /// Returns how many bytes wait to be sent.
  [[nodiscard]] std::size_t unsent() const { return corked.size() + outgoing.size(); }
  /// Moves bytes that have arrived to `out`; returns how many.
  std::size_t take(byte_span out) {
    std::size_t count = 0;
    while (count < out.size() && !received.empty()) {
      const byte_view front = received.front();
      const std::size_t piece = std::min(front.size(), out.size() - count);
      std::memcpy(out.data() + count, front.data(), piece);
      received.consume(piece);
      count += piece;
    }
    return count;
  }

  /// Moves bytes that wait to be sent, of which there must be as many, to `out`. Notifies the
  /// running write if these were its last ones.
  void take_unsent(byte_span out) {
    const std::size_t first = std::min(out.size(), corked.size());
    std::ranges::copy(std::as_const(corked).data().first(first), out.begin());
    std::ranges::copy(outgoing.first(out.size() - first), out.subspan(first).begin());
    corked.consume(first);
    if (corked.empty()) corked.free_memory();
    outgoing = outgoing.subspan(out.size() - first);
    if (outgoing.empty()) written.notify();
  }

  /// Returns whether a read would not wait.
  [[nodiscard]] bool is_readable() const { return !received.empty() || peer_has_ended || error; }
  /// Returns whether both directions have ended.
  [[nodiscard]] bool is_over() const { return has_sent_end && peer_has_ended; }
  /// Returns whether both directions have ended, and all bytes have been read.
  [[nodiscard]] bool is_done() const { return is_over() && received.empty(); }

  /// The number of the stream.
  const mux::stream_id id;
  /// The bytes that have arrived and not been read.
  chunked_buffer received;
  /// The bytes that `write_corked` delays; they precede `outgoing`.
  byte_buffer corked;
  /// The rest of the bytes of the running write.
  byte_view outgoing;
  /// What carries the bytes in the place of operations; null if nothing does.
  mux_flow_handler* handler = nullptr;
  /// Notified when reading may succeed.
  event readable;
  /// Notified when the running write may have ended.
  event written;
  /// Why the stream is broken.
  std::error_code error;
  /// The address of the other end, if it is not that of the connection.
  std::unique_ptr<address> peer;
  /// How many waits for input were cancelled.
  std::uint64_t waits_cancelled = 0;
  /// When the stream was closed from this side.
  time_point closed_at;
  /// Whether the stream has not been closed from this side.
  bool is_open = true;
  /// Whether our direction ends after `outgoing`.
  bool is_ending = false;
  /// Whether the end of our direction has been sent.
  bool has_sent_end = false;
  /// Whether the peer's direction has ended in order.
  bool peer_has_ended = false;
  /// Whether closing the stream resets it; see `socket_options`.
  bool resets_on_close = false;
};

}  // namespace rathole::io
