#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/layer.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/relay/base.hpp>
#include <rathole/io/relay/layer_buffers.hpp>
#include <rathole/io/relay/layered_socket_stream.hpp>
#include <rathole/io/relay/side.hpp>
#include <rathole/io/relay/socket_relay.hpp>
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
class layered_relay : public relay_base<R, layered_relay<R, L>> {
 public:
  /// Makes a relay between two streams of the runtime `on`.
  template <SocketStream Plain, LayeredSocketStream Wired>
  layered_relay(const R& on, Plain plain, Wired wired, const relay_limits& limits = {})
      : layered_relay(on, plain, wired, limits, relay_stream::first) {}
  /// Makes a relay between two streams of the runtime `on`.
  template <LayeredSocketStream Wired, SocketStream Plain>
  layered_relay(const R& on, Wired wired, Plain plain, const relay_limits& limits = {})
      : layered_relay(on, plain, wired, limits, relay_stream::second) {}

  /// Makes a relay of the runtime `on` that continues `paused`; see `pause_after`.
  layered_relay(const R& on, layered_relay& paused)
      : base(on, &paused),
        encoded_(count_from(paused.plain_at_)),
        decoded_(count_from(other(paused.plain_at_))),
        plain_at_(paused.plain_at_),
        plain_(*this, runtime().get_executor(), paused.plain_),
        wired_(*this, runtime().get_executor(), paused.wired_),
        layer_(std::move(paused.layer_)),
        timer_(runtime()),
        ended_(runtime().get_executor()) {}

  /// Runs the relay until it has ended or pauses; returns the byte counts. The relay must outlive
  /// the call.
  awaitable<relay_status> run() {
    if (!plain_.socket.is_open() || !wired_.socket.is_open()) this->stop();
    run_step([this](layer_buffers& use) {
      ends().start();
      perform_actions();
      push_app();
      // Usually the visitor has sent something already.
      encode(use);
    });
    if (!is_over() && wired_.is_corked) uncork(wired_.socket.get());
    try {
      co_await ended_.wait();
    } catch (const std::bad_alloc&) {
      fail(out_of_memory());
    }
    co_return counts();
  }

 private:
  static constexpr std::size_t read_size = 64 * 1024;
  /// How many reads are done before other work runs.
  static constexpr unsigned reads_per_turn = 16;
  using base = relay_base<R, layered_relay>;
  using side = relay_side<layered_relay>;
  friend base;
  friend side;
  using base::broke;
  using base::counts;
  using base::ends;
  using base::fail;
  using base::is_over;
  using base::is_pause_due;
  using base::perform_actions;
  using base::runtime;

  template <class Plain, class Wired>
  layered_relay(const R& on, Plain& plain, Wired& wired, const relay_limits& limits,
                relay_stream plain_at)
      : base(on, limits),
        encoded_(count_from(plain_at)),
        decoded_(count_from(other(plain_at))),
        plain_at_(plain_at),
        plain_(*this, runtime().get_executor(), plain),
        wired_(*this, runtime().get_executor(), wired.next()),
        layer_(std::move(wired.layer())),
        timer_(runtime()),
        ended_(runtime().get_executor()) {
    app_.swap(wired.received());
  }

  /// Returns the count of the bytes that come from `source`.
  byte_count& count_from(relay_stream source) {
    return source == relay_stream::first ? counts().forth : counts().back;
  }

  void ready(const side& at, std::uint32_t events) {
    const bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
    run_step([this, is_plain = &at == &plain_, readable = broken || (events & EPOLLIN),
              writable = broken || (events & EPOLLOUT)](layer_buffers& use) {
      if (writable) is_plain ? push_app() : push_wire();
      if (readable) is_plain ? encode(use) : decode(use);
    });
  }

  /// Runs `work(layer_buffers&)` and the consequences. An error in it ends only this relay, and
  /// leaves nothing in the buffers.
  template <class F>
  void run_step(F work) {
    if (is_over()) return;
    try {
      auto use = thread_layer_buffers::of_thread().lend();
      if (!use) return fail(use.error());
      work(**use);
      run_layer_and_update_events(**use);
      // Bytes that are left here would be lost unnoticed.
      if (!is_over() && !(*use)->empty())
        fail(std::make_error_code(std::errc::state_not_recoverable));
      if (is_pause_due() && may_pause()) pause();
    } catch (const std::bad_alloc&) {
      fail(out_of_memory());
    }
  }

  /// Reads from the plain side and encodes.
  void encode(layer_buffers& use) {
    for (unsigned reads = 0; reads < reads_per_turn; ++reads) {
      if (is_over() || !may_encode()) return;
      const auto taken = receive_nonblocking(plain_.socket.get(), use.read, read_size);
      if (!taken) return broke(plain_at_, taken.error());
      if (!*taken) return;
      if (**taken == 0) return plain_ended(use);
      const auto sent = layer_.send(std::as_const(use.read).data(), use.wire);
      use.read.clear();
      encoded_unsent_ += **taken;
      send_wire(use);
      if (!sent) return broke(wired_at(), sent.error());
      if (**taken < read_size) return;
    }
  }

  /// Reads from the layer's side and decodes.
  void decode(layer_buffers& use) {
    for (unsigned reads = 0; reads < reads_per_turn; ++reads) {
      if (is_over() || !may_decode()) return;
      const auto taken = receive_nonblocking(wired_.socket.get(), use.read, read_size);
      if (!taken) return broke(wired_at(), taken.error());
      if (!*taken) return;
      const auto received = **taken == 0
                                ? layer_.receive_end()
                                : layer_.receive(std::as_const(use.read).data(), use.app, use.wire);
      use.read.clear();
      send_app(use);
      send_wire(use);
      if (!received) return broke(wired_at(), received.error());
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

  /// Returns whether both directions are open and nothing is on its way.
  [[nodiscard]] bool may_pause() const {
    return !is_over() && may_encode() && may_decode() && !fin_is_end_;
  }
  void pause() {
    plain_.stop();
    wired_.stop();
    timer_.stop();
    base::pause();
    ended_.notify();
  }

  [[nodiscard]] relay_stream wired_at() const { return other(plain_at_); }

  /// Passes the end of the plain side on to the layer.
  void plain_ended(layer_buffers& use) {
    plain_ended_ = true;
    ends().source_ended(plain_at_);
    ends().all_written(wired_at());
    perform_actions();
    if (!std::exchange(must_close_layer_, false)) return;
    const auto closed = layer_.close(use.wire);
    fin_is_end_ = use.wire.empty() && !can_send(layer_.state());
    send_wire(use);
    if (!closed) broke(wired_at(), closed.error());
  }

  /// Reports what has ended now that the layer receives nothing more.
  void wired_ended() {
    ends().source_ended(wired_at());
    // A layer may have a last message until both of its directions have ended.
    if (!can_send(layer_.state()) && wire_.empty()) ends().sending_ended(wired_at());
    if (app_.empty()) ends().all_written(plain_at_);
    perform_actions();
  }

  void push_app() {
    decoded_ += send(plain_, app_);
    if (app_.empty()) app_.free_memory();
  }
  void push_wire() {
    send(wired_, wire_);
    if (wire_.empty()) wire_.free_memory();
    note_encoded();
  }

  /// Sends the decoded bytes; empties `use.app`.
  void send_app(layer_buffers& use) {
    decoded_ += send(plain_, use.app);
    keep(use.app, app_);
  }
  /// Sends the encoded bytes, after those that could not be sent before; empties `use.wire`.
  void send_wire(layer_buffers& use) {
    if (wire_.empty()) send(wired_, use.wire);
    keep(use.wire, wire_);
    note_encoded();
  }

  /// Keeps the bytes for which the socket had no room.
  void keep(byte_buffer& rest, byte_buffer& kept) {
    if (!is_over()) rest.drain_into(kept);
    rest.clear();
  }

  void note_encoded() {
    if (!is_over() && wire_.empty()) encoded_ += std::exchange(encoded_unsent_, 0);
  }

  /// Sends what it can of `from` without waiting; returns how many bytes.
  std::size_t send(side& to, byte_buffer& from) {
    std::size_t sent = 0;
    if (is_over()) return sent;
    if (const auto ec = send_nonblocking(to.socket.get(), from, sent)) {
      broke(&to == &plain_ ? plain_at_ : wired_at(), ec);
    }
    return sent;
  }

  /// Runs the layer, passes ends on, and updates the events that the sockets are watched for.
  void run_layer_and_update_events(layer_buffers& use) {
    if (is_over() || !poll_layer(use)) return;
    const phase now = layer_.state();
    if (!can_receive(now) && !(end_passed_ && can_send(now))) wired_ended();
    if (is_over()) return;
    if (fin_is_end_ && wire_.empty()) {
      fin_is_end_ = false;
      ::shutdown(wired_.socket.get(), SHUT_WR);
    }
    const auto events = [](bool in, bool out) {
      return (in ? std::uint32_t{EPOLLIN} : 0) | (out ? std::uint32_t{EPOLLOUT} : 0);
    };
    auto ec = plain_.want(plain_.socket.get(), events(may_encode(), !app_.empty()));
    if (!ec) ec = wired_.want(wired_.socket.get(), events(may_decode(), !wire_.empty()));
    if (ec) fail(ec);
  }

  /// Lets the layer act on the time; returns whether the relay continues.
  bool poll_layer(layer_buffers& use) {
    if constexpr (TimedLayer<L>) {
      // Sending the output comes first, and brings the next turn.
      if (wire_.size() > max_unsent_wire) return true;
      const auto acted = layer_.poll(runtime().now(), use.wire);
      send_wire(use);
      if (!acted) broke(wired_at(), acted.error());
      if (is_over()) return false;
      timer_.set(layer_.deadline(), [this] { run_step([](layer_buffers&) {}); });
    }
    return true;
  }

  void perform(const end_sending& action) {
    if (action.at != plain_at_) {
      // That needs the thread's buffers, which `plain_ended` has.
      must_close_layer_ = true;
      return;
    }
    end_passed_ = true;
    // Closing the socket signals the last end.
    if (!action.is_last) ::shutdown(plain_.socket.get(), SHUT_WR);
    ends().sending_ended(plain_at_);
  }
  void close_both() {
    plain_.finish();
    wired_.finish();
    finish();
  }
  void abort_both() {
    plain_.abort();
    wired_.abort();
    finish();
  }
  void finish() {
    timer_.stop();
    thread_layer_buffers::of_thread().wipe();
    ended_.notify();
  }

  static constexpr std::uint64_t pending_at_start = relay_traffic::undetermined;
  [[nodiscard]] relay_traffic traffic() {
    return {counts().forth + counts().back,
            app_.size() + wire_.size() + plain_.unacknowledged() + wired_.unacknowledged()};
  }

  byte_count& encoded_;
  byte_count& decoded_;
  const relay_stream plain_at_;
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
  event ended_;
  /// Whether the plain side has ended its direction.
  bool plain_ended_ = false;
  /// Whether the end of our direction is signalled by the socket below the layer.
  bool fin_is_end_ = false;
  /// Whether the end of the peer's direction was passed to the plain side.
  bool end_passed_ = false;
  /// Whether the layer must be closed.
  bool must_close_layer_ = false;
};

}  // namespace rathole::io
