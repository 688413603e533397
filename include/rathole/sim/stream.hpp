#pragma once

#include <rathole/sim/connection.hpp>
#include <rathole/sim/resource_counts.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>

namespace rathole::sim {

/// One end of a simulated connection; models `io::ByteStream`. The destructor closes it.
class stream {
 public:
  /// Makes the stream of the end `which`; `counted` counts it while it is open.
  stream(std::shared_ptr<connection> link, side which, resource_counts& counted)
      : connection_(std::move(link)),
        side_(which),
        owned_(counted.streams),
        held_(*connection_->at(which).held) {}
  /// Takes over another stream.
  stream(stream&&) = default;
  /// Closes this stream and takes over `from`.
  stream& operator=(stream&& from) noexcept {
    close();
    connection_ = std::move(from.connection_);
    side_ = from.side_;
    owned_ = std::move(from.owned_);
    held_ = std::move(from.held_);
    return *this;
  }
  /// Closes the stream.
  ~stream() { close(); }

  /// Reads bytes; see `io::ByteStream`.
  io::task<std::size_t> read_some(byte_span out) { return read(connection_, side_, out); }
  /// Writes `in`; see `io::ByteStream`.
  io::task<void> write(byte_view in) { return write(connection_, side_, in); }
  /// Writes `in`; a simulated link holds nothing back.
  io::task<void> write_corked(byte_view in) { return write(in); }
  /// Does nothing, because nothing is corked.
  void flush() {}
  /// Waits until a read would not wait; see `io::ByteStream`.
  io::task<void> wait_readable() { return wait(connection_, side_); }

  /// Cancels a wait; see `io::ByteStream`.
  void cancel_wait() {
    ++here().waits_cancelled;
    here().readable.notify();
  }

  /// Returns whether the end or an error has arrived; see `io::ByteStream`.
  bool peer_has_closed() {
    if (!is_open()) return true;
    return here().error || (here().inbound.empty() && here().inbound_ended);
  }

  /// Ends our direction; see `io::ByteStream`.
  io::task<void> shutdown_send() {
    if (is_open()) connection_->finish(side_);
    co_return result<void>{};
  }

  /// Does nothing, because a simulated link never delays a packet to fill it.
  void set_nodelay(bool) {}

  /// Applies the options that a simulated connection supports: keepalive and TCP_USER_TIMEOUT.
  void apply(const io::socket_options& options) { connection_->apply(side_, options); }

  /// Closes the connection; see `io::ByteStream`.
  void close() {
    if (!connection_) return;
    connection_->close(side_);
    release();
  }

  /// Resets the connection; see `io::ByteStream`.
  void abort() {
    if (!connection_) return;
    connection_->abort(side_);
    release();
  }

  /// Returns whether the stream is open.
  [[nodiscard]] bool is_open() const { return connection_ && here().open; }
  /// Returns the address of the peer; see `io::ByteStream`.
  [[nodiscard]] const address& peer() const { return here().peer; }
  /// Replaces the address of the peer; see `io::ByteStream`.
  void set_peer(const address& where) { here().peer = where; }

  /// Returns the same stream, because a simulation has one thread.
  template <class Runtime>
  stream move_to(Runtime&) {
    return std::move(*this);
  }

  /// Returns the address of this end as the other side sees it.
  [[nodiscard]] const address& local() const { return connection_->at(other(side_)).peer; }

 private:
  using shared = std::shared_ptr<connection>;

  connection::end& here() const { return connection_->at(side_); }

  void release() {
    owned_.reset();
    held_.reset();
  }

  // The operations own the connection, so the stream may be moved or destroyed meanwhile. Each
  // begins with a turn of the run queue, like the completion of a real socket, unless it is chosen
  // to complete at once.

  static io::task<std::size_t> read(shared on, side which, byte_span out) {
    auto& me = on->at(which);
    if (!me.operations->may_complete_at_once()) {
      co_await io::next_turn(me.executor);
    }
    if (!me.open) co_return failure(errc::stopped);
    if (const auto ec = on->begin_operation(which); ec) co_return failure(ec);
    for (;;) {
      if (!me.open) co_return failure(errc::stopped);
      if (!me.inbound.empty()) co_return on->take(which, out);
      if (me.error) co_return failure(me.error);
      if (me.inbound_ended) co_return std::size_t{0};
      co_await me.readable.wait();
    }
  }

  static io::task<void> write(shared on, side which, byte_view in) {
    auto& me = on->at(which);
    if (!me.operations->may_complete_at_once()) {
      co_await io::next_turn(me.executor);
    }
    if (!me.open) co_return failure(errc::stopped);
    if (const auto ec = on->begin_operation(which); ec) co_return failure(ec);
    for (;;) {
      if (!me.open) co_return failure(errc::stopped);
      if (me.error) co_return failure(me.error);
      if (!me.sending) co_return failure(system_error(std::errc::broken_pipe));
      const std::size_t count = std::min(in.size(), on->room(which));
      if (count > 0) on->send(which, in.first(count));
      in = in.subspan(count);
      if (in.empty()) co_return result<void>{};
      co_await me.writable.wait();
    }
  }

  static io::task<void> wait(shared on, side which) {
    auto& me = on->at(which);
    const auto cancelled = me.waits_cancelled;
    if (!me.operations->may_complete_at_once()) {
      co_await io::next_turn(me.executor);
    }
    if (!me.open) co_return failure(errc::stopped);
    if (const auto ec = on->begin_operation(which); ec) co_return failure(ec);
    for (;;) {
      if (!me.open || me.waits_cancelled != cancelled) co_return failure(errc::stopped);
      if (!me.inbound.empty() || me.error || me.inbound_ended) co_return result<void>{};
      co_await me.readable.wait();
    }
  }

  shared connection_;
  side side_;
  resource_counts::entry owned_;
  resource_counts::entry held_;
};

}  // namespace rathole::sim
