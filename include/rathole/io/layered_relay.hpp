#pragma once

#include <rathole/core/layer.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/descriptor.hpp>
#include <rathole/io/event.hpp>
#include <rathole/io/idle_watch.hpp>
#include <rathole/io/layered_socket_stream.hpp>
#include <rathole/io/relay_limits.hpp>
#include <rathole/io/relay_side.hpp>
#include <rathole/io/relay_status.hpp>
#include <rathole/io/socket_relay.hpp>

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <system_error>
#include <utility>

namespace rathole::io {

/// The relay between a bare socket and a layer on one: no coroutine, and no buffer while it waits.
/// The layer works on buffers that all relays of the thread share.
template <Runtime R, Layer L>
class layered_relay {
 public:
  /// Both streams live on `world`.
  template <SocketStream Plain, LayeredSocketStream Wired>
  layered_relay(const R& world, Plain plain, Wired wired, const relay_limits& limits = {})
      : layered_relay(world, plain, wired, limits, status_forth) {}
  template <LayeredSocketStream Wired, SocketStream Plain>
  layered_relay(const R& world, Wired wired, Plain plain, const relay_limits& limits = {})
      : layered_relay(world, plain, wired, limits, status_back) {}

  /// Runs the relay to its end. The relay outlives the call.
  awaitable<relay_status> run() {
    if (!plain_.socket.is_open() || !wired_.socket.is_open()) fail(make_error_code(errc::stopped));
    if (!over_) idle_.start();
    turn([this] {
      push_app();
      // Mostly the visitor has sent already.
      encode();
    });
    if (!over_ && wired_.holds_back) send_held_back(wired_.socket.get());
    co_await ended_.wait();
    co_return status_;
  }

  /// Breaks both streams; `run` then ends with `errc::stopped`.
  void stop() { fail(make_error_code(errc::stopped)); }
  /// As `stop`, once it has been idle for `idle` from now on.
  void drain(duration idle) { idle_.drain(idle); }

  /// What it has carried so far; used on the thread of its runtime.
  [[nodiscard]] const relay_status& status() const { return status_; }

 private:
  using counter = std::uint64_t relay_status::*;
  static constexpr counter status_forth = &relay_status::forth;
  static constexpr counter status_back = &relay_status::back;
  static constexpr std::size_t read_size = 64 * 1024;
  /// Reads after which other work gets its turn.
  static constexpr unsigned reads_in_a_turn = 16;
  using side = relay_side<layered_relay>;
  using silence = idle_watch<R, layered_relay>;
  friend side;
  friend silence;

  /// What relays of the thread have in common. Empty between turns.
  struct scratch {
    std::unique_ptr<std::uint8_t[]> read =
        std::make_unique_for_overwrite<std::uint8_t[]>(read_size);
    byte_buffer app;
    byte_buffer wire;
  };
  static scratch& shared() {
    thread_local scratch buffers;
    return buffers;
  }

  template <class Plain, class Wired>
  layered_relay(const R& world, Plain& plain, Wired& wired, const relay_limits& limits,
                counter encoded)
      : world_(world),
        encoded_(encoded),
        decoded_(encoded == status_forth ? status_back : status_forth),
        plain_(*this, world_.get_executor(), false, plain.release()),
        wired_(*this, world_.get_executor(), wired.next().holds_back(), wired.next().release()),
        layer_(std::move(wired.layer())),
        idle_(world_, *this, limits),
        ended_(world_.get_executor()) {
    app_.swap(wired.received());
  }

  static bool would_block() { return errno == EAGAIN || errno == EINTR; }
  static std::error_code last_error() { return {errno, std::system_category()}; }

  void ready(const side& at, std::uint32_t events) {
    const bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
    const bool is_plain = &at == &plain_;
    turn([this, is_plain, readable = broken || (events & EPOLLIN),
          writable = broken || (events & EPOLLOUT)] {
      if (writable) is_plain ? push_app() : push_wire();
      if (readable) is_plain ? encode() : decode();
    });
  }

  template <class F>
  void turn(F work) {
    if (over_) return;
    try {
      work();
      settle();
    } catch (const std::bad_alloc&) {
      fail(std::make_error_code(std::errc::not_enough_memory));
    }
  }

  /// From the plain side through the layer.
  void encode() {
    scratch& use = shared();
    for (unsigned reads = 0; reads < reads_in_a_turn; ++reads) {
      if (over_ || !may_encode()) return;
      const auto taken = ::recv(plain_.socket.get(), use.read.get(), read_size, MSG_DONTWAIT);
      if (taken < 0) {
        if (!would_block()) fail(last_error());
        return;
      }
      if (taken == 0) return end_sending();
      const auto size = static_cast<std::size_t>(taken);
      const auto sent = layer_.send({use.read.get(), size}, use.wire);
      send_wire();
      if (!sent) return fail(sent.error());
      status_.*encoded_ += size;
      if (size < read_size) return;
    }
  }

  /// From the layer's side to the plain one.
  void decode() {
    scratch& use = shared();
    for (unsigned reads = 0; reads < reads_in_a_turn; ++reads) {
      if (over_ || !may_decode()) return;
      const auto taken = ::recv(wired_.socket.get(), use.read.get(), read_size, MSG_DONTWAIT);
      if (taken < 0) {
        if (!would_block()) fail(last_error());
        return;
      }
      const auto size = static_cast<std::size_t>(taken);
      const auto received = size == 0 ? layer_.receive_end()
                                      : layer_.receive({use.read.get(), size}, use.app, use.wire);
      status_.*decoded_ += use.app.size();
      send(plain_, use.app, app_);
      send_wire();
      if (!received) return fail(received.error());
      if (size < read_size) return;
    }
  }

  [[nodiscard]] bool may_encode() const {
    return wire_.empty() && !plain_ended_ && can_send(layer_.state());
  }
  [[nodiscard]] bool may_decode() const { return app_.empty() && can_receive(layer_.state()); }

  void end_sending() {
    plain_ended_ = true;
    const auto closed = layer_.close(shared().wire);
    fin_is_end_ = shared().wire.empty() && !can_send(layer_.state());
    send_wire();
    if (!closed) fail(closed.error());
  }

  void push_app() { push(plain_, app_); }
  void push_wire() { push(wired_, wire_); }
  void push(side& to, byte_buffer& kept) {
    byte_buffer rest;
    rest.swap(kept);
    send(to, rest, kept);
  }
  /// What the layer wants sent goes behind what could not be sent yet.
  void send_wire() {
    if (wire_.empty()) return send(wired_, shared().wire, wire_);
    shared().wire.drain_into(wire_);
  }

  /// Sends what it can of `from` without waiting; what is left goes to `kept`. `from` is empty then.
  void send(side& to, byte_buffer& from, byte_buffer& kept) {
    while (!from.empty() && !over_) {
      const byte_view in = from.data();
      const auto sent = ::send(to.socket.get(), in.data(), in.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0) {
        if (!would_block()) fail(last_error());
        break;
      }
      from.consume(static_cast<std::size_t>(sent));
    }
    if (!over_) from.drain_into(kept);
    from.clear();
  }

  /// Lets the layer act, passes ends on, and watches for what is to come.
  void settle() {
    if (over_ || !poll_layer()) return;
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

  /// Returns whether the relay goes on.
  bool poll_layer() {
    if constexpr (TimedLayer<L>) {
      const auto acted = layer_.poll(world_.now(), shared().wire);
      send_wire();
      if (!acted) fail(acted.error());
      if (over_) return false;
      const auto deadline = layer_.deadline();
      if (deadline == armed_) return true;
      armed_ = deadline;
      if (deadline) {
        if (!timer_) timer_.emplace(world_);
        timer_->arm(*deadline, [this] {
          armed_.reset();
          turn([] {});
        });
      } else {
        timer_->disarm();
      }
    }
    return true;
  }

  [[nodiscard]] relay_traffic traffic() const {
    return {status_.forth + status_.back,
            app_.size() + wire_.size() + plain_.unacknowledged() + wired_.unacknowledged()};
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
    timer_.reset();
    plain_.finish();
    wired_.finish();
    ended_.notify();
  }

  R world_;
  relay_status status_;
  /// Which of its counts is which.
  const counter encoded_;
  const counter decoded_;
  side plain_;
  side wired_;
  L layer_;
  /// What the sockets had no room for.
  byte_buffer app_;
  byte_buffer wire_;
  std::optional<typename R::timer> timer_;
  std::optional<time_point> armed_;
  silence idle_;
  event ended_;
  /// The plain side has ended its sending.
  bool plain_ended_ = false;
  /// The end of our sending is told by the socket below the layer.
  bool fin_is_end_ = false;
  /// The plain side was told of the peer's end.
  bool end_passed_ = false;
  bool over_ = false;
};

}  // namespace rathole::io
