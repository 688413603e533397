#pragma once

#include <rathole/core/layer.hpp>
#include <rathole/core/step_deadline.hpp>
#include <rathole/io/alarm.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/event.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

namespace rathole::io {

/// A layer on a stream of the runtime `R`; models `ByteStream`. It outlives the operations on it:
/// to end one, close it. One reads and one writes at a time; a reply of the layer's own goes out by
/// whoever is at work.
template <Runtime R, Layer L>
class layered_stream {
 public:
  using next_type = typename R::stream;

  /// `next` lives on `world`.
  layered_stream(R world, next_type next, L layer)
      : body_(std::make_unique<body>(std::move(world), std::move(next), std::move(layer))) {}

  /// Shakes hands, to be done first and once. Fails with the layer's error, the stream's, or with
  /// `errc::end_of_stream`; what the layer said in farewell is sent then. Each message of the peer
  /// that the layer answers, or that ends the handshake, is a step of `deadline`; closing the stream
  /// when it passes is the caller's.
  task<void> handshake(step_deadline deadline) {
    body& me = *body_;
    auto done = me.layer.start(me.wire);
    for (;;) {
      const auto sent = co_await flush_wire();
      if (!done) co_return failure(done.error());
      if (!sent) co_return failure(sent.error());
      if (me.layer.state() != phase::handshaking) co_return result<void>{};
      done = co_await fill();
      const bool is_answered = !me.wire.empty() || me.layer.state() != phase::handshaking;
      if (done && is_answered) deadline.step_done(me.world.now());
    }
  }

  task<std::size_t> read_some(byte_span out) {
    body& me = *body_;
    if (me.app.empty()) {
      const auto ready = co_await wait_readable();
      if (!ready) co_return failure(ready.error());
    }
    const std::size_t count = std::min(out.size(), me.app.size());
    if (count > 0) std::memcpy(out.data(), me.app.data().data(), count);
    me.app.consume(count);
    // A stream that waits owns no buffer.
    if (me.app.empty()) me.app.release();
    co_return count;
  }

  task<void> write(byte_view in) { return send(in, false); }
  task<void> write_held(byte_view in) { return send(in, true); }
  void flush() { body_->next.flush(); }

  task<void> wait_readable() {
    body& me = *body_;
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

  void cancel_wait() {
    body_->wait_cancelled = true;
    body_->next.cancel_wait();
  }

  bool peer_has_closed() {
    body& me = *body_;
    return me.app.empty() &&
           (me.error || !can_receive(me.layer.state()) || me.next.peer_has_closed());
  }

  task<void> shutdown_send() {
    body& me = *body_;
    const std::size_t before = me.wire.size();
    const auto closed = me.layer.close(me.wire);
    const bool said = me.wire.size() > before;
    const auto sent = co_await write_wire(false);
    if (!closed) co_return failure(closed.error());
    if (!sent) co_return failure(sent.error());
    if (can_send(me.layer.state())) {
      // The end is postponed, perhaps until a time that whoever reads now does not know of.
      me.next.cancel_wait();
      co_return result<void>{};
    }
    if (said) co_return result<void>{};
    co_return co_await me.next.shutdown_send();
  }

  void set_nodelay(bool on) { body_->next.set_nodelay(on); }
  void apply(const socket_options& options) { body_->next.apply(options); }

  void close() { body_->next.close(); }
  void abort() { body_->next.abort(); }

  [[nodiscard]] bool is_open() const { return body_ && body_->next.is_open(); }
  [[nodiscard]] const address& peer() const { return body_->next.peer(); }
  void set_peer(const address& where) { body_->next.set_peer(where); }

  layered_stream rehome(R& world) {
    layered_stream moved(world, body_->next.rehome(world), std::move(body_->layer));
    moved.body_->app.swap(body_->app);
    moved.body_->wire.swap(body_->wire);
    moved.body_->error = body_->error;
    return moved;
  }

  /// The stream below and the layer, for a relay that does its own reading and writing; no operation
  /// is under way on either. `received()` has been decoded and is not read yet.
  next_type& next() { return body_->next; }
  L& layer() { return body_->layer; }
  byte_buffer& received() { return body_->app; }

 private:
  /// Octets that are read from the stream below at once.
  static constexpr std::size_t read_size = 64 * 1024;
  /// Octets that are given to the layer at once.
  static constexpr std::size_t write_size = 64 * 1024;

  struct body {
    body(R runtime, next_type stream, L filter)
        : world(std::move(runtime)),
          next(std::move(stream)),
          layer(std::move(filter)),
          written(world.get_executor()),
          timer(world) {}
    R world;
    next_type next;
    L layer;
    /// Decoded and not read yet.
    byte_buffer app;
    /// Encoded and not given to the stream below yet.
    byte_buffer wire;
    /// Being written.
    byte_buffer sending;
    /// Notified when `writing` has become false.
    event written;
    typename R::timer timer;
    std::error_code error;
    bool writing = false;
    bool wait_cancelled = false;
  };

  /// The octets in it are used before anybody else has a turn.
  static byte_span read_buffer() {
    thread_local const auto octets = std::make_unique_for_overwrite<std::uint8_t[]>(read_size);
    return {octets.get(), read_size};
  }

  /// Waits for octets from below, or until the layer must act, and has the layer take them.
  task<void> fill() {
    body& me = *body_;
    if (me.error) co_return failure(me.error);
    if (const auto acted = poll_layer(); !acted) co_return fail(acted.error());
    // What the layer has to say by itself goes out before the wait for an answer.
    if (!me.wire.empty()) co_return result<void>{};
    const bool timed = arm_timer();
    const auto ready = co_await me.next.wait_readable();
    if (timed) me.timer.disarm();
    if (!ready) {
      const bool only_woken = ready.error() == errc::stopped && me.next.is_open();
      if (only_woken) co_return result<void>{};
      co_return failure(ready.error());
    }
    const byte_span room = read_buffer();
    const auto taken = co_await me.next.read_some(room);
    if (!taken) co_return failure(taken.error());
    const auto received = take(room.first(*taken));
    if (!received) co_return fail(received.error());
    co_return result<void>{};
  }

  result<void> take(byte_view in) {
    body& me = *body_;
    if (!in.empty()) return me.layer.receive(in, me.app, me.wire);
    if (me.layer.state() == phase::handshaking) return failure(errc::end_of_stream);
    return me.layer.receive_end();
  }

  std::unexpected<std::error_code> fail(std::error_code ec) {
    body_->error = ec;
    return failure(ec);
  }

  result<void> poll_layer() {
    if constexpr (TimedLayer<L>) return body_->layer.poll(body_->world.now(), body_->wire);
    return {};
  }

  bool arm_timer() {
    if constexpr (TimedLayer<L>) {
      const auto deadline = body_->layer.deadline();
      if (!deadline) return false;
      body_->timer.arm(*deadline, [me = body_.get()] { me->next.cancel_wait(); });
      return true;
    }
    return false;
  }

  task<void> send(byte_view in, bool held) {
    body& me = *body_;
    while (!in.empty()) {
      if (!is_open()) co_return failure(errc::stopped);
      if (me.error) co_return failure(me.error);
      if (!can_send(me.layer.state())) {
        co_return failure(std::make_error_code(std::errc::broken_pipe));
      }
      const byte_view piece = in.first(std::min(in.size(), write_size));
      in = in.subspan(piece.size());
      const auto encoded = me.layer.send(piece, me.wire);
      if (!encoded) co_return fail(encoded.error());
      const auto sent = co_await write_wire(held);
      if (!sent) co_return failure(sent.error());
    }
    co_return result<void>{};
  }

  /// Sends what the layer wants sent, once nobody else is at it.
  task<void> write_wire(bool held) {
    body& me = *body_;
    for (;;) {
      if (!me.writing) break;
      co_await me.written.wait();
    }
    co_return co_await drain(held);
  }

  /// As `write_wire`, but whoever is at it already takes this along.
  task<void> flush_wire() {
    if (body_->writing || body_->wire.empty()) co_return result<void>{};
    co_return co_await drain(false);
  }

  task<void> drain(bool held) {
    body& me = *body_;
    me.writing = true;
    result<void> sent;
    for (;;) {
      if (!sent || me.wire.empty()) break;
      me.sending.swap(me.wire);
      if (held) {
        sent = co_await me.next.write_held(me.sending.data());
      } else {
        sent = co_await me.next.write(me.sending.data());
      }
      me.sending.clear();
    }
    me.sending.swap(me.wire);
    me.writing = false;
    me.written.notify();
    co_return sent;
  }

  std::unique_ptr<body> body_;
};

}  // namespace rathole::io
