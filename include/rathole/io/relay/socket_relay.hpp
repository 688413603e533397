#pragma once

#include <rathole/core/out_of_memory.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/relay/idle_watch.hpp>
#include <rathole/io/relay/limits.hpp>
#include <rathole/io/relay/side.hpp>
#include <rathole/io/relay/socket_flow.hpp>
#include <rathole/io/relay/status.hpp>
#include <rathole/io/run/event.hpp>
#include <rathole/io/socket/descriptor.hpp>

#include <concepts>
#include <cstdint>
#include <new>
#include <system_error>
#include <utility>

namespace rathole::io {

/// A `ByteStream` that is a bare socket: its bytes are those of the socket, unchanged.
///
/// * `is_corked()` returns whether bytes of `write_corked` may still be delayed.
/// * `release()` gives up ownership of the socket, in non-blocking mode, and returns it; none if
///   the stream is not open. The stream is closed afterwards.
template <class S>
concept SocketStream = ByteStream<S> && requires(S& s, const S& cs) {
  { cs.is_corked() } -> std::same_as<bool>;
  { s.release() } -> std::same_as<descriptor>;
};

/// Relays between two bare sockets, with no coroutine and no buffer while it waits.
template <Runtime R>
class socket_relay {
 public:
  /// Makes a relay between two streams of the runtime `runtime`.
  template <SocketStream A, SocketStream B>
  socket_relay(const R& runtime, A first, B second, const relay_limits& limits = {})
      : runtime_(runtime),
        first_(*this, runtime_.get_executor(), first.is_corked(), first.release()),
        second_(*this, runtime_.get_executor(), second.is_corked(), second.release()),
        idle_(runtime_, *this, limits),
        ended_(runtime_.get_executor()) {}

  /// Runs the relay until both directions have ended or one has failed; returns the byte counts and
  /// the error. The relay must outlive the call.
  awaitable<relay_status> run() {
    if (!first_.socket.is_open() || !second_.socket.is_open()) fail(make_error_code(errc::stopped));
    try {
      if (!over_) idle_.start();
    } catch (const std::bad_alloc&) {
      fail(out_of_memory());
    }
    // Usually the first side has sent something already.
    advance(forth_, socket_flow::waiting::for_source, false);
    if (!over_) settle();
    if (!over_ && first_.is_corked) uncork(first_.socket.get());
    if (!over_ && second_.is_corked && status_.forth == 0) {
      uncork(second_.socket.get());
    }
    try {
      co_await ended_.wait();
    } catch (const std::bad_alloc&) {
      fail(out_of_memory());
    }
    co_return status_;
  }

  /// Aborts both streams; `run` then ends with `errc::stopped`.
  void stop() { fail(make_error_code(errc::stopped)); }
  /// Ends the relay like `stop`, once it has been idle for `idle`, counted from now at the
  /// earliest.
  void drain(duration idle) { idle_.drain(idle); }

  /// Returns the byte counts so far. Must be called on the thread of its runtime.
  [[nodiscard]] const relay_status& status() const { return status_; }

 private:
  using side = relay_side<socket_relay>;
  using idle_watch_type = idle_watch<R, socket_relay>;
  friend side;
  friend idle_watch_type;

  struct direction {
    socket_flow flow;
    socket_flow::waiting waits = socket_flow::waiting::for_source;
  };

  void ready(const side& at, std::uint32_t events) {
    const bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
    const bool is_first = &at == &first_;
    direction& into = is_first ? back_ : forth_;
    direction& out_of = is_first ? forth_ : back_;
    const bool ended = (events & EPOLLRDHUP) != 0;
    if (broken || (events & EPOLLOUT)) advance(into, socket_flow::waiting::for_sink, false);
    if (broken || (events & EPOLLIN)) advance(out_of, socket_flow::waiting::for_source, ended);
    if (!over_) settle();
  }

  void advance(direction& way, socket_flow::waiting reason, bool end_is_there) {
    if (over_ || way.waits != reason) return;
    const side& source = &way == &forth_ ? first_ : second_;
    const side& sink = &way == &forth_ ? second_ : first_;
    try {
      const auto found = way.flow.advance(source.socket.get(), sink.socket.get(), end_is_there);
      if (!found) {
        return fail(found.error(), &(way.flow.has_sink_failed() ? sink : source) == &first_);
      }
      way.waits = *found;
      const bool both_ended = forth_.waits == back_.waits;
      // If both directions have ended, closing signals it.
      if (*found == socket_flow::waiting::for_nothing && !both_ended) {
        ::shutdown(sink.socket.get(), SHUT_WR);
        idle_.half_closed();
      }
    } catch (const std::bad_alloc&) {
      fail(out_of_memory());
    }
  }

  /// Watches the sockets for the events that the flows need; ends the relay when both directions
  /// have ended.
  void settle() {
    using enum socket_flow::waiting;
    if (forth_.waits == for_nothing && back_.waits == for_nothing) return end();
    const auto events = [](const direction& out_of, const direction& into) {
      return (out_of.waits == for_source ? std::uint32_t{EPOLLIN | EPOLLRDHUP} : 0) |
             (into.waits == for_sink ? std::uint32_t{EPOLLOUT} : 0);
    };
    auto ec = first_.want(first_.socket.get(), events(forth_, back_));
    if (!ec) ec = second_.want(second_.socket.get(), events(back_, forth_));
    if (ec) fail(ec);
  }

  [[nodiscard]] relay_traffic traffic() const {
    return {status_.forth + status_.back, first_.unacknowledged() + second_.unacknowledged()};
  }

  void fail(std::error_code reason, bool first_broke = false) {
    if (over_) return;
    status_.error = reason;
    status_.first_broke = first_broke;
    first_.abort();
    second_.abort();
    end();
  }

  void end() {
    over_ = true;
    idle_.stop();
    first_.finish();
    second_.finish();
    ended_.notify();
  }

  R runtime_;
  relay_status status_;
  side first_;
  side second_;
  direction forth_{socket_flow(status_.forth)};
  direction back_{socket_flow(status_.back)};
  idle_watch_type idle_;
  event ended_;
  bool over_ = false;
};

}  // namespace rathole::io
