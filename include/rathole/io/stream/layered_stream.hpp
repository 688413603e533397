#pragma once

#include <rathole/core/layer.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/core/step_deadline.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/run/expensive_turns.hpp>
#include <rathole/io/stream/layered_impl.hpp>
#include <rathole/io/time/alarm.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <utility>

namespace rathole::io {

/// Runs a layer on a stream of the runtime `R`; models `ByteStream`. The stream must outlive its
/// operations: to end one, close the stream. One read and one write may run at a time; replies of
/// the layer itself are sent by whichever operation runs.
template <Runtime R, Layer L>
class layered_stream {
 public:
  /// The type of the stream below.
  using next_type = typename R::stream;

  /// Makes a stream that runs `layer` over `next`, a stream of the runtime `runtime`.
  layered_stream(R runtime, next_type next, L layer)
      : impl_(std::make_unique<impl>(std::move(runtime), std::move(next), std::move(layer))) {}

  /// Performs the handshake; must be called first, and once. Fails with the error of the layer or
  /// of the stream below, or with `errc::end_of_stream`; the final message of the layer, such as an
  /// alert, has then been sent. Each message of the peer that the layer answers, or that ends the
  /// handshake, is a step of `deadline`. The caller must close the stream when the deadline passes.
  task<void> handshake(step_deadline deadline) {
    impl& me = *impl_;
    const auto start = [&me] { return me.layer.start(me.wire); };
    auto done = work(start);
    for (;;) {
      const auto sent = co_await flush_wire();
      if (!done) co_return failure(done.error());
      if (!sent) co_return failure(sent.error());
      if (me.layer.state() != phase::handshaking) co_return result<void>{};
      done = co_await fill();
      const bool is_answered = !me.wire.empty() || me.layer.state() != phase::handshaking;
      if (done && is_answered) deadline.step_done(me.runtime.now());
    }
  }

  /// Reads decoded bytes; see `ByteStream`.
  task<std::size_t> read_some(byte_span out) {
    impl& me = *impl_;
    if (me.app.empty()) {
      const auto ready = co_await wait_readable();
      if (!ready) co_return failure(ready.error());
    }
    const std::size_t count = std::min(out.size(), me.app.size());
    if (count > 0) std::memcpy(out.data(), me.app.data().data(), count);
    me.app.consume(count);
    // An idle stream owns no buffer.
    if (me.app.empty()) me.app.free_memory();
    co_return count;
  }

  /// Encodes and writes `in`; see `ByteStream`.
  task<void> write(byte_view in) { return send(in, false); }
  /// Encodes and writes `in`, which the stream below may delay; see `ByteStream`.
  task<void> write_corked(byte_view in) { return send(in, true); }
  /// Sends the delayed bytes of the stream below; see `ByteStream`.
  void flush() { impl_->next.flush(); }

  /// Waits until a read would not wait; see `ByteStream`.
  task<void> wait_readable() {
    impl& me = *impl_;
    me.wait_cancelled = false;
    for (;;) {
      if (!me.app.empty() || (me.error == std::error_code() && !can_receive(me.layer.state()))) {
        co_return result<void>{};
      }
      if (me.wait_cancelled) co_return failure(errc::stopped);
      const auto filled = co_await fill();
      const auto sent = co_await flush_wire();
      if (!filled) co_return failure(filled.error());
      if (!sent) co_return failure(sent.error());
    }
  }

  /// Cancels a wait; see `ByteStream`.
  void cancel_wait() {
    impl_->wait_cancelled = true;
    impl_->next.cancel_wait();
    impl_->room.notify();
  }

  /// Returns whether the end or an error has arrived; see `ByteStream`.
  bool peer_has_closed() {
    impl& me = *impl_;
    return me.app.empty() &&
           (me.error || !can_receive(me.layer.state()) || me.next.peer_has_closed());
  }

  /// Ends our direction; see `ByteStream`.
  task<void> shutdown_send() {
    impl& me = *impl_;
    const std::size_t before = me.wire.size();
    const auto close_layer = [&me] { return me.layer.close(me.wire); };
    const auto closed = work(close_layer);
    const bool said = me.wire.size() > before;
    const auto sent = co_await write_wire(false);
    if (!closed) co_return failure(closed.error());
    if (!sent) co_return failure(sent.error());
    if (can_send(me.layer.state())) {
      // The layer postpones the end, perhaps until a time that the reader does not know yet.
      me.next.cancel_wait();
      co_return result<void>{};
    }
    if (said) co_return result<void>{};
    co_return co_await me.next.shutdown_send();
  }

  /// Limits how many more bytes are read from the stream below, including the layer's own messages.
  /// Further reads fail with `errc::message_too_long`.
  void limit_input(std::size_t bytes) { impl_->input_left = bytes; }

  /// Sets TCP_NODELAY below; see `ByteStream`.
  void set_nodelay(bool on) { impl_->next.set_nodelay(on); }
  /// Sets socket options below; see `ByteStream`.
  void apply(const socket_options& options) { impl_->next.apply(options); }

  /// Announces the end if that can be sent at once, and closes the stream below; see `ByteStream`.
  void close() { impl_->close(); }
  /// Aborts the stream below; see `ByteStream`.
  void abort() { impl_->next.abort(); }

  /// Returns whether the stream is open.
  [[nodiscard]] bool is_open() const { return impl_ && impl_->next.is_open(); }
  /// Returns the address of the peer; see `ByteStream`.
  [[nodiscard]] const address& peer() const { return impl_->next.peer(); }
  /// Replaces the address of the peer; see `ByteStream`.
  void set_peer(const address& where) { impl_->next.set_peer(where); }

  /// Moves the stream to another runtime; see `ByteStream`.
  layered_stream move_to(R& runtime) {
    layered_stream moved(runtime, impl_->next.move_to(runtime), std::move(impl_->layer));
    moved.impl_->app.swap(impl_->app);
    moved.impl_->wire.swap(impl_->wire);
    moved.impl_->error = impl_->error;
    moved.impl_->input_left = impl_->input_left;
    return moved;
  }

  /// Returns the stream below, for a relay that uses it itself; no operation may be running.
  next_type& next() { return impl_->next; }
  /// Returns the layer, for a relay that uses it itself; no operation may be running.
  L& layer() { return impl_->layer; }
  /// Returns the decoded bytes that have not been read, for a relay that uses the layer itself.
  byte_buffer& received() { return impl_->app; }

 private:
  /// How many bytes are read from the stream below at once.
  static constexpr std::size_t read_size = 64 * 1024;
  static constexpr std::size_t write_size = 64 * 1024;

  using impl = layered_impl<R, L>;

  /// Waits for bytes from below, or until the layer must act, and passes the bytes to the layer.
  task<void> fill() {
    impl& me = *impl_;
    if (me.error) co_return failure(me.error);
    co_await wait_for_room();
    if (me.wait_cancelled && me.is_full()) co_return result<void>{};
    if (const auto acted = poll_layer(); !acted) co_return failure(acted.error());
    // Output of the layer is sent before the wait for its answer, by a running write if any.
    if (!me.wire.empty() && !me.writing) co_return result<void>{};
    const bool timed = arm_timer();
    const auto ready = co_await me.next.wait_readable();
    if (timed) me.timer.disarm();
    if (!ready) {
      const bool only_woken = ready.error() == errc::stopped && me.next.is_open();
      if (only_woken) co_return result<void>{};
      co_return failure(ready.error());
    }
    if (me.layer.state() == phase::handshaking) {
      const executor ex = me.runtime.get_executor();
      co_await expensive_turns::of(ex).wait(ex);
      if (!me.next.is_open()) co_return failure(errc::stopped);
      // A flood of connections that are reset at once must not cost a signature each.
      if (me.next.peer_has_closed()) co_return me.fail(errc::end_of_stream);
    }
    // The buffer exists only while there are bytes to read, and belongs to this stream alone.
    const auto storage = std::make_unique_for_overwrite<std::uint8_t[]>(read_size);
    const byte_span room(storage.get(), std::min(read_size, me.input_left));
    if (room.empty()) co_return me.fail(errc::message_too_long);
    const auto taken = co_await me.next.read_some(room);
    if (!taken) co_return failure(taken.error());
    me.input_left -= *taken;
    co_return take(room.first(*taken));
  }

  /// Waits while the laws of `Layer` forbid to give it input, unless the wait is cancelled.
  awaitable<void> wait_for_room() {
    impl& me = *impl_;
    for (;;) {
      if (!me.is_full() || !me.writing || me.wait_cancelled) break;
      co_await me.room.wait();
    }
  }

  result<void> take(byte_view in) {
    impl& me = *impl_;
    if (in.empty() && me.layer.state() == phase::handshaking) return me.fail(errc::end_of_stream);
    return work([&] {
      return in.empty() ? me.layer.receive_end() : me.layer.receive(in, me.app, me.wire);
    });
  }

  /// Lets the layer act, unless the stream has failed. An error makes the stream fail permanently.
  template <class F>
  result<void> work(F what) {
    impl& me = *impl_;
    if (me.error) return failure(me.error);
    const result<void> done = catch_bad_alloc(what);
    if (!done && done.error() == out_of_memory()) return me.fail_and_discard_output(done.error());
    if (!done) return me.fail(done.error());
    return done;
  }

  result<void> poll_layer() {
    if constexpr (TimedLayer<L>) {
      return work([me = impl_.get()] { return me->layer.poll(me->runtime.now(), me->wire); });
    }
    return {};
  }

  bool arm_timer() {
    if constexpr (TimedLayer<L>) {
      const auto deadline = impl_->layer.deadline();
      if (!deadline) return false;
      impl_->timer.arm(*deadline, [me = impl_.get()] { me->next.cancel_wait(); });
      return true;
    }
    return false;
  }

  task<void> send(byte_view in, bool held) {
    impl& me = *impl_;
    while (!in.empty()) {
      if (!is_open()) co_return failure(errc::stopped);
      if (me.error) co_return failure(me.error);
      if (!can_send(me.layer.state())) {
        co_return failure(std::make_error_code(std::errc::broken_pipe));
      }
      const byte_view piece = in.first(std::min(in.size(), write_size));
      in = in.subspan(piece.size());
      const auto encode = [&me, piece] { return me.layer.send(piece, me.wire); };
      const auto encoded = work(encode);
      if (!encoded) co_return failure(encoded.error());
      const auto sent = co_await write_wire(held);
      if (!sent) co_return failure(sent.error());
    }
    co_return result<void>{};
  }

  task<void> write_wire(bool held) {
    impl& me = *impl_;
    for (;;) {
      if (!me.writing) break;
      co_await me.written.wait();
    }
    co_return co_await send_pending_wire(held);
  }

  /// Sends the output of the layer, or leaves it to the write that is running.
  task<void> flush_wire() {
    if (impl_->writing || impl_->wire.empty()) co_return result<void>{};
    co_return co_await send_pending_wire(false);
  }

  /// Sends the output of the layer, and what is added to it meanwhile.
  task<void> send_pending_wire(bool held) {
    impl& me = *impl_;
    const write_guard turn(me);
    result<void> sent;
    try {
      for (;;) {
        if (!sent || me.wire.empty()) break;
        me.sending.swap(me.wire);
        if (held) {
          sent = co_await me.next.write_corked(me.sending.data());
        } else {
          sent = co_await me.next.write(me.sending.data());
        }
        me.sending.clear();
        me.room.notify();
      }
    } catch (const std::bad_alloc&) {
      sent = me.fail_and_discard_output(out_of_memory());
    }
    me.sending.swap(me.wire);
    co_return sent;
  }

  std::unique_ptr<impl> impl_;
};

}  // namespace rathole::io
