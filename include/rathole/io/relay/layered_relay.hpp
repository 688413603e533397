#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/layer.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/relay/idle_watch.hpp>
#include <rathole/io/relay/layer_scratch.hpp>
#include <rathole/io/relay/layered_socket_stream.hpp>
#include <rathole/io/relay/limits.hpp>
#include <rathole/io/relay/side.hpp>
#include <rathole/io/relay/socket_relay.hpp>
#include <rathole/io/relay/status.hpp>
#include <rathole/io/run/event.hpp>
#include <rathole/io/socket/descriptor.hpp>
#include <rathole/io/socket/nonblocking.hpp>
#include <rathole/io/time/deadline_timer.hpp>

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <new>
#include <system_error>
#include <utility>

namespace rathole::io {

/// Relays between a bare socket and a layer on a bare socket, with no coroutine and no buffer while
/// it waits. The layer works in memory that all relays of the thread share. Bytes count as traffic
/// once the destination socket has accepted them, or all that the layer made of them.
template <Runtime R, Layer L>
class layered_relay {
 public:
  /// Makes a relay between two streams of the runtime `runtime`.
  template <SocketStream Plain, LayeredSocketStream Wired>
  layered_relay(const R& runtime, Plain plain, Wired wired, const relay_limits& limits = {})
      : layered_relay(runtime, plain, wired, limits, true) {}
  /// Makes a relay between two streams of the runtime `runtime`.
  template <LayeredSocketStream Wired, SocketStream Plain>
  layered_relay(const R& runtime, Wired wired, Plain plain, const relay_limits& limits = {})
      : layered_relay(runtime, plain, wired, limits, false) {}

  /// Runs the relay to its end; returns the byte counts. The relay must outlive the call.
  awaitable<relay_status> run() {
    if (!plain_.socket.is_open() || !wired_.socket.is_open()) fail(make_error_code(errc::stopped));
    turn([this](scratch& use) {
      idle_.start();
      push_app();
      // Usually the visitor has sent something already.
      encode(use);
    });
    if (!over_ && wired_.is_corked) uncork(wired_.socket.get());
    try {
      co_await ended_.wait();
    } catch (const std::bad_alloc&) {
      fail(out_of_memory());
    }
    co_return status_;
  }

  /// Aborts both streams; `run` then ends with `errc::stopped`.
  void stop() { fail(make_error_code(errc::stopped)); }
  /// Ends the relay like `stop`, once it has been idle for `idle`.
  void drain(duration idle) { idle_.drain(idle); }

  /// Returns the byte counts so far. Must be called on the thread of its runtime.
  [[nodiscard]] const relay_status& status() const { return status_; }

 private:
  static constexpr std::size_t read_size = 64 * 1024;
  /// How many reads are done before other work runs.
  static constexpr unsigned reads_per_turn = 16;
  using side = relay_side<layered_relay>;
  using idle_watch_type = idle_watch<R, layered_relay>;
  using scratch = layer_scratch;
  friend side;
  friend idle_watch_type;

  template <class Plain, class Wired>
  layered_relay(const R& runtime, Plain& plain, Wired& wired, const relay_limits& limits,
                bool plain_is_first)
      : runtime_(runtime),
        encoded_(plain_is_first ? status_.forth : status_.back),
        decoded_(plain_is_first ? status_.back : status_.forth),
        plain_is_first_(plain_is_first),
        plain_(*this, runtime_.get_executor(), false, plain.release()),
        wired_(*this, runtime_.get_executor(), wired.next().is_corked(), wired.next().release()),
        layer_(std::move(wired.layer())),
        timer_(runtime_),
        idle_(runtime_, *this, limits),
        ended_(runtime_.get_executor()) {
    app_.swap(wired.received());
  }

  void ready(const side& at, std::uint32_t events) {
    const bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
    turn([this, is_plain = &at == &plain_, readable = broken || (events & EPOLLIN),
          writable = broken || (events & EPOLLOUT)](scratch& use) {
      if (writable) is_plain ? push_app() : push_wire();
      if (readable) is_plain ? encode(use) : decode(use);
    });
  }

  /// Runs `work(scratch&)` and the consequences. An error in it ends only this relay, and leaves
  /// nothing in the scratch memory.
  template <class F>
  void turn(F work) {
    if (over_) return;
    try {
      auto use = shared_scratch::of_thread().lend();
      if (!use) return fail(use.error());
      work(**use);
      settle(**use);
      // Bytes that are left here would be lost unnoticed.
      if (!over_ && !(*use)->empty()) fail(std::make_error_code(std::errc::state_not_recoverable));
    } catch (const std::bad_alloc&) {
      fail(out_of_memory());
    }
  }

  /// Reads from the plain side and encodes.
  void encode(scratch& use) {
    for (unsigned reads = 0; reads < reads_per_turn; ++reads) {
      if (over_ || !may_encode()) return;
      const auto taken = receive_nonblocking(plain_.socket.get(), use.read, read_size);
      if (!taken) return fail_of(plain_, taken.error());
      if (!*taken) return;
      if (**taken == 0) return end_sending(use);
      const auto sent = layer_.send(std::as_const(use.read).data(), use.wire);
      use.read.clear();
      encoded_unsent_ += **taken;
      send_wire(use);
      if (!sent) return fail(sent.error());
      if (**taken < read_size) return;
    }
  }

  /// Reads from the layer's side and decodes.
  void decode(scratch& use) {
    for (unsigned reads = 0; reads < reads_per_turn; ++reads) {
      if (over_ || !may_decode()) return;
      const auto taken = receive_nonblocking(wired_.socket.get(), use.read, read_size);
      if (!taken) return fail_of(wired_, taken.error());
      if (!*taken) return;
      const auto received = **taken == 0
                                ? layer_.receive_end()
                                : layer_.receive(std::as_const(use.read).data(), use.app, use.wire);
      use.read.clear();
      send_app(use);
      send_wire(use);
      if (!received) return fail_of(wired_, received.error());
      if (**taken < read_size) return;
    }
  }

  [[nodiscard]] bool may_encode() const {
    return wire_.empty() && !plain_ended_ && can_send(layer_.state());
  }
  /// Returns whether input can be decoded now. The second condition is a law of drivers in `Layer`.
  [[nodiscard]] bool may_decode() const {
    return app_.empty() && wire_.size() <= max_unsent_wire && can_receive(layer_.state());
  }

  void end_sending(scratch& use) {
    plain_ended_ = true;
    const auto closed = layer_.close(use.wire);
    fin_is_end_ = use.wire.empty() && !can_send(layer_.state());
    send_wire(use);
    if (!closed) fail(closed.error());
  }

  void push_app() {
    decoded_ += send(plain_, app_);
    if (app_.empty()) app_.release();
  }
  void push_wire() {
    send(wired_, wire_);
    if (wire_.empty()) wire_.release();
    note_encoded();
  }

  /// Sends the decoded bytes; empties `use.app`.
  void send_app(scratch& use) {
    decoded_ += send(plain_, use.app);
    keep(use.app, app_);
  }
  /// Sends the encoded bytes, after those that could not be sent before; empties `use.wire`.
  void send_wire(scratch& use) {
    if (wire_.empty()) send(wired_, use.wire);
    keep(use.wire, wire_);
    note_encoded();
  }

  /// Keeps the bytes for which the socket had no room.
  void keep(byte_buffer& rest, byte_buffer& kept) {
    if (!over_) rest.drain_into(kept);
    rest.clear();
  }

  void note_encoded() {
    if (!over_ && wire_.empty()) encoded_ += std::exchange(encoded_unsent_, 0);
  }

  /// Sends what it can of `from` without waiting; returns how many bytes.
  std::size_t send(side& to, byte_buffer& from) {
    std::size_t sent = 0;
    if (over_) return sent;
    if (const auto ec = send_nonblocking(to.socket.get(), from, sent)) fail_of(to, ec);
    return sent;
  }

  /// Runs the layer, passes ends on, and updates the events that the sockets are watched for.
  void settle(scratch& use) {
    if (over_ || !poll_layer(use)) return;
    const phase now = layer_.state();
    if (!can_send(now) && !can_receive(now) && wire_.empty() && app_.empty()) return end();
    if (fin_is_end_ && wire_.empty()) {
      fin_is_end_ = false;
      ::shutdown(wired_.socket.get(), SHUT_WR);
    }
    if (!can_receive(now) && app_.empty() && !end_passed_) {
      end_passed_ = true;
      ::shutdown(plain_.socket.get(), SHUT_WR);
    }
    if (plain_ended_ || !can_receive(now)) idle_.half_closed();
    const auto events = [](bool in, bool out) {
      return (in ? std::uint32_t{EPOLLIN} : 0) | (out ? std::uint32_t{EPOLLOUT} : 0);
    };
    auto ec = plain_.want(plain_.socket.get(), events(may_encode(), !app_.empty()));
    if (!ec) ec = wired_.want(wired_.socket.get(), events(may_decode(), !wire_.empty()));
    if (ec) fail(ec);
  }

  /// Lets the layer act on the time; returns whether the relay continues.
  bool poll_layer(scratch& use) {
    if constexpr (TimedLayer<L>) {
      // Sending the output comes first, and brings the next turn.
      if (wire_.size() > max_unsent_wire) return true;
      const auto acted = layer_.poll(runtime_.now(), use.wire);
      send_wire(use);
      if (!acted) fail(acted.error());
      if (over_) return false;
      timer_.set(layer_.deadline(), [this] { turn([](scratch&) {}); });
    }
    return true;
  }

  [[nodiscard]] relay_traffic traffic() const {
    return {status_.forth + status_.back,
            app_.size() + wire_.size() + plain_.unacknowledged() + wired_.unacknowledged()};
  }

  /// Ends the relay because the stream `at` broke.
  void fail_of(const side& at, std::error_code reason) {
    if (!over_) status_.first_broke = (&at == &plain_) == plain_is_first_;
    fail(reason);
  }

  void fail(std::error_code reason) {
    if (over_) return;
    status_.error = reason;
    plain_.abort();
    wired_.abort();
    end();
  }

  void end() {
    over_ = true;
    idle_.stop();
    timer_.stop();
    plain_.finish();
    wired_.finish();
    shared_scratch::of_thread().wipe();
    ended_.notify();
  }

  R runtime_;
  relay_status status_;
  std::uint64_t& encoded_;
  std::uint64_t& decoded_;
  const bool plain_is_first_;
  side plain_;
  side wired_;
  L layer_;
  /// The decoded bytes for which the plain socket had no room.
  byte_buffer app_;
  /// The encoded bytes for which the wired socket had no room.
  byte_buffer wire_;
  /// How many bytes of the plain side are encoded and not fully sent.
  std::uint64_t encoded_unsent_ = 0;
  deadline_timer<R> timer_;
  idle_watch_type idle_;
  event ended_;
  /// Whether the plain side has ended its direction.
  bool plain_ended_ = false;
  /// Whether the end of our direction is signalled by the socket below the layer.
  bool fin_is_end_ = false;
  /// Whether the end of the peer's direction was passed to the plain side.
  bool end_passed_ = false;
  bool over_ = false;
};

}  // namespace rathole::io
