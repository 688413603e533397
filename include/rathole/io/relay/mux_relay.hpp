#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/last_error.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/mux/flow.hpp>
#include <rathole/io/mux/flow_handler.hpp>
#include <rathole/io/mux/stream.hpp>
#include <rathole/io/relay/base.hpp>
#include <rathole/io/relay/close_in_order.hpp>
#include <rathole/io/relay/side.hpp>
#include <rathole/io/relay/socket_relay.hpp>
#include <rathole/io/run/event.hpp>
#include <rathole/io/socket/descriptor.hpp>
#include <rathole/io/socket/gather.hpp>

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <new>
#include <system_error>
#include <utility>

namespace rathole::io {

/// Relays between a bare socket and a stream of a multiplexed connection, with no coroutine and no
/// buffer while it waits. What arrives for the stream goes from the connection's buffer to the socket;
/// what arrives at the socket is read straight into the connection's next frame, when it is the
/// stream's turn. Bytes count as traffic once the socket has accepted them, or a frame has them.
template <Runtime R>
class mux_relay final : public relay_base<R, mux_relay<R>>, mux_flow_handler {
 public:
  /// Makes a relay between two streams of the runtime `on`.
  template <SocketStream Plain>
  mux_relay(const R& on, Plain plain, mux_stream stream, const relay_limits& limits = {})
      : mux_relay(on, plain, std::move(stream), limits, relay_stream::first) {}
  /// Makes a relay between two streams of the runtime `on`.
  template <SocketStream Plain>
  mux_relay(const R& on, mux_stream stream, Plain plain, const relay_limits& limits = {})
      : mux_relay(on, plain, std::move(stream), limits, relay_stream::second) {}

  mux_relay(const mux_relay&) = delete;
  mux_relay& operator=(const mux_relay&) = delete;
  /// Aborts both streams unless they have ended.
  ~mux_relay() { stream_.abort(); }

  /// Runs the relay until both directions have ended or one has failed; returns the byte counts and
  /// the error. The relay must outlive the call.
  awaitable<relay_status> run() {
    if (!plain_.socket.is_open() || !stream_.is_open()) this->stop();
    run_step([this] {
      ends().start();
      perform_actions();
      start();
    });
    try {
      co_await ended_.wait();
    } catch (const std::bad_alloc&) {
      fail(out_of_memory());
    }
    co_return counts();
  }

 private:
  using base = relay_base<R, mux_relay>;
  using side = relay_side<mux_relay>;
  friend base;
  friend side;
  using base::broke;
  using base::counts;
  using base::ends;
  using base::fail;
  using base::is_over;
  using base::perform_actions;
  using base::runtime;

  template <class Plain>
  mux_relay(const R& on, Plain& plain, mux_stream stream, const relay_limits& limits,
            relay_stream plain_at)
      : base(on, limits),
        plain_at_(plain_at),
        from_plain_(count_from(plain_at)),
        to_plain_(count_from(other(plain_at))),
        plain_(*this, runtime().get_executor(), plain),
        stream_(std::move(stream)),
        ended_(runtime().get_executor()) {}

  /// Returns the count of the bytes that come from `source`.
  byte_count& count_from(relay_stream source) {
    return source == relay_stream::first ? counts().forth : counts().back;
  }

  /// Runs `work()`. An error in it ends only this relay.
  template <class F>
  void run_step(F work) {
    if (is_over()) return;
    try {
      work();
    } catch (const std::bad_alloc&) {
      fail(out_of_memory());
    }
  }

  void start() {
    if (plain_.is_corked) uncork(plain_.socket.get());
    flow().handler = this;
    deliver();
    if (is_over()) return;
    // Corked bytes are sent together with what the socket has received already.
    flows().request_turn(flow());
    if (is_over()) return;
    // Edge-triggered, because the socket is read when it is the stream's turn: until then its bytes
    // must not be reported again and again.
    const auto ec =
        plain_.want(plain_.socket.get(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET);
    if (ec) fail(ec);
  }

  void ready(const side&, std::uint32_t events) {
    run_step([this, events] {
      if (events & EPOLLERR) {
        if (const auto ec = pending_error(plain_.socket.get())) return broke(plain_at_, ec);
      }
      // The end, and what follows urgent data, would not be reported again.
      if (events & (EPOLLRDHUP | EPOLLPRI)) reads_on_ = true;
      deliver();
      if (is_over() || plain_has_ended_) return;
      if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)) flows().request_turn(flow());
    });
  }

  // The functions of `mux_flow_handler`.

  std::size_t receive(byte_view in, bool are_last) override {
    std::size_t taken = 0;
    run_step([&] {
      // An end that follows at once is sent with the last bytes.
      const auto sent = send_some(plain_.socket.get(), in, are_last ? MSG_MORE : 0);
      if (!sent) return broke(plain_at_, sent.error());
      taken = *sent;
      to_plain_ += taken;
    });
    return taken;
  }

  void state_changed() override {
    run_step([this] { deliver(); });
  }

  std::size_t fill(byte_span out) override {
    std::size_t count = 0;
    while (count < out.size()) {
      const byte_span room = out.subspan(count);
      const auto taken = ::recv(plain_.socket.get(), room.data(), room.size(), MSG_DONTWAIT);
      if (taken > 0) {
        count += static_cast<std::size_t>(taken);
        if (count < out.size() && !reads_on_) break;
      } else if (taken == 0) {
        plain_has_ended_ = true;
        flow().is_ending = true;
        break;
      } else if (errno != EINTR) {
        if (errno != EAGAIN) read_error_ = last_error();
        break;
      }
    }
    from_plain_ += count;
    return count;
  }

  void filled() override {
    run_step([this] {
      if (read_error_) return broke(plain_at_, read_error_);
      if (!plain_has_ended_) return;
      ends().source_ended(plain_at_);
      ends().all_written(stream_at());
      perform_actions();
    });
  }

  /// Sends the bytes that are kept, as many as the socket takes, and passes on what has ended.
  void deliver() {
    while (!flow().received.empty()) {
      const auto sent = send_some(plain_.socket.get(), flow().received);
      if (!sent) return broke(plain_at_, sent.error());
      if (*sent == 0) break;
      to_plain_ += *sent;
      flows().consume(flow(), *sent);
      if (is_over()) return;
    }
    if (flow().peer_has_ended) {
      ends().source_ended(stream_at());
      if (flow().received.empty()) ends().all_written(plain_at_);
      perform_actions();
    }
    // The connection may end once both directions of the stream have.
    if (!is_over() && flow().error && !flow().is_over()) broke(stream_at(), flow().error);
  }

  void perform(const end_sending& action) {
    // Closing the socket signals the last end, and `fill` has ended the stream's direction.
    if (action.at == plain_at_ && !action.is_last) ::shutdown(plain_.socket.get(), SHUT_WR);
    ends().sending_ended(action.at);
  }
  void close_both() {
    plain_.finish();
    close_in_order(stream_);
    ended_.notify();
  }
  void abort_both() {
    plain_.abort();
    stream_.abort();
    ended_.notify();
  }

  static constexpr std::uint64_t pending_at_start = relay_traffic::undetermined;
  [[nodiscard]] relay_traffic traffic() {
    return {counts().forth + counts().back, flow().received.size() + plain_.unacknowledged()};
  }

  [[nodiscard]] relay_stream stream_at() const { return other(plain_at_); }
  [[nodiscard]] mux_flow& flow() { return stream_.flow(); }
  [[nodiscard]] mux_flows& flows() { return stream_.flows(); }

  const relay_stream plain_at_;
  byte_count& from_plain_;
  byte_count& to_plain_;
  side plain_;
  mux_stream stream_;
  event ended_;
  /// Why the socket could not be read.
  std::error_code read_error_;
  /// Whether the socket must be read until nothing is left, even after a short read.
  bool reads_on_ = false;
  /// Whether the socket's peer has ended its direction.
  bool plain_has_ended_ = false;
};

}  // namespace rathole::io
