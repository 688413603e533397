#pragma once

#include <rathole/core/out_of_memory.hpp>
#include <rathole/core/result.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/pace/flow_pace.hpp>
#include <rathole/io/pace/paced_stream.hpp>
#include <rathole/io/relay/base.hpp>
#include <rathole/io/relay/side.hpp>
#include <rathole/io/relay/socket_flow.hpp>
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

/// Relays between two bare sockets, with no coroutine and no buffer while it waits. `Pace` is the pace of each
/// direction, `no_pace` or `flow_pace`.
template <Runtime R, class Pace = no_pace>
class socket_relay : public relay_base<R, socket_relay<R, Pace>> {
 public:
  /// Makes a relay between two streams of the runtime `on`.
  template <SocketStream A, SocketStream B>
    requires(!Pace::is_limited)
  socket_relay(const R& on, A first, B second, const relay_limits& limits = {})
      : base(on, limits),
        first_(*this, runtime().get_executor(), first),
        second_(*this, runtime().get_executor(), second),
        ended_(runtime().get_executor()) {}

  /// Makes a relay between two streams of the runtime `on` whose bytes share a bandwidth.
  template <SocketStream A, SocketStream B>
    requires Pace::is_limited
  socket_relay(const R& on, paced_stream<R, A> first, paced_stream<R, B> second,
               const relay_limits& limits = {})
      : base(on, limits),
        first_(*this, runtime().get_executor(), first.next()),
        second_(*this, runtime().get_executor(), second.next()),
        forth_{socket_flow(counts().forth), {on, first.limit(), first.way()}},
        back_{socket_flow(counts().back), {on, second.limit(), second.way()}},
        ended_(runtime().get_executor()) {}

  /// Makes a relay of the runtime `on` that continues `paused`; see `pause_after`.
  socket_relay(const R& on, socket_relay& paused)
    requires(!Pace::is_limited)
      : base(on, &paused),
        first_(*this, runtime().get_executor(), paused.first_),
        second_(*this, runtime().get_executor(), paused.second_),
        ended_(runtime().get_executor()) {}

  /// Runs the relay until both directions have ended, one has failed, or the relay pauses; returns
  /// the byte counts and the error. The relay must outlive the call.
  awaitable<relay_status> run() {
    if (!first_.socket.is_open() || !second_.socket.is_open()) this->stop();
    try {
      ends().start();
      perform_actions();
    } catch (const std::bad_alloc&) {
      fail(out_of_memory());
    }
    // Usually the first side has sent something already.
    advance(forth_, socket_flow::waiting::for_source, false);
    go_on();
    if (!is_over() && first_.is_corked) uncork(first_.socket.get());
    if (!is_over() && second_.is_corked && counts().forth == 0) uncork(second_.socket.get());
    try {
      co_await ended_.wait();
    } catch (const std::bad_alloc&) {
      fail(out_of_memory());
    }
    co_return counts();
  }

 private:
  using base = relay_base<R, socket_relay>;
  using side = relay_side<socket_relay>;
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

  /// How many portions of a direction with a limit are carried before other flows run.
  static constexpr int portions_per_turn = 16;

  struct direction {
    socket_flow flow;
    Pace pace = {};
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
    go_on();
  }

  /// Pauses, or waits for the next events.
  void go_on() {
    using enum socket_flow::waiting;
    if (is_over()) return;
    if (!is_pause_due() || forth_.waits != for_source || back_.waits != for_source) {
      return update_events();
    }
    first_.stop();
    second_.stop();
    base::pause();
    ended_.notify();
  }

  void advance(direction& way, socket_flow::waiting reason, bool end_is_there) {
    if (is_over() || way.waits != reason || way.pace.is_waiting()) return;
    const auto from = &way == &forth_ ? relay_stream::first : relay_stream::second;
    try {
      const int sink = at(other(from)).socket.get();
      // A flow that read more would rarely be found empty, and one with a limit may not read more.
      const auto found =
          (is_pause_due() || Pace::is_limited) && reason == socket_flow::waiting::for_sink
              ? way.flow.advance_sink(sink)
              : carry(way, at(from).socket.get(), sink, end_is_there);
      if (!found) return broke(way.flow.has_sink_failed() ? other(from) : from, found.error());
      way.waits = *found;
      if (*found != socket_flow::waiting::for_nothing) return;
      ends().source_ended(from);
      ends().all_written(other(from));
      perform_actions();
    } catch (const std::bad_alloc&) {
      fail(out_of_memory());
    }
  }

  /// Transfers what it can, and what the pace allows.
  result<socket_flow::waiting> carry(direction& way, int source, int sink, bool end_is_there) {
    if constexpr (!Pace::is_limited) {
      return way.flow.advance(source, sink, end_is_there);
    } else {
      for (int i = 0; i < portions_per_turn; ++i) {
        const auto given = way.pace.ask([this, &way] { turn_came(way); });
        if (!given) break;
        const auto found = way.flow.advance(source, sink, end_is_there, given->bytes);
        way.pace.settle(*given, given->bytes - way.flow.allowed());
        if (!found || *found != socket_flow::waiting::for_source || way.flow.allowed() > 0)
          return found;
      }
      return socket_flow::waiting::for_source;
    }
  }

  /// Continues a direction that has waited for its turn.
  void turn_came(direction& way) {
    if (is_over()) return;
    const auto from = &way == &forth_ ? relay_stream::first : relay_stream::second;
    // Nothing watches the source of a direction that waits, and its bytes are read before the error.
    if (at(from).is_reset()) return broke(from, std::make_error_code(std::errc::connection_reset));
    advance(way, socket_flow::waiting::for_source, false);
    go_on();
  }

  /// Watches the sockets for the events that the flows need.
  void update_events() {
    using enum socket_flow::waiting;
    const auto events = [](const direction& out_of, const direction& into) {
      const bool reads = out_of.waits == for_source && !out_of.pace.is_waiting();
      return (reads ? std::uint32_t{EPOLLIN | EPOLLRDHUP} : 0) |
             (into.waits == for_sink ? std::uint32_t{EPOLLOUT} : 0);
    };
    auto ec = first_.want(first_.socket.get(), events(forth_, back_));
    if (!ec) ec = second_.want(second_.socket.get(), events(back_, forth_));
    if (ec) fail(ec);
  }

  side& at(relay_stream one) { return one == relay_stream::first ? first_ : second_; }

  void perform(const end_sending& action) {
    // Closing the sockets signals the last end.
    if (!action.is_last) ::shutdown(at(action.at).socket.get(), SHUT_WR);
    ends().sending_ended(action.at);
  }
  void close_both() {
    first_.finish();
    second_.finish();
    ended_.notify();
  }
  void abort_both() {
    first_.abort();
    second_.abort();
    ended_.notify();
  }

  static constexpr std::uint64_t pending_at_start = relay_traffic::undetermined;
  [[nodiscard]] relay_traffic traffic() {
    return {counts().forth + counts().back, first_.unacknowledged() + second_.unacknowledged()};
  }

  side first_;
  side second_;
  direction forth_{socket_flow(counts().forth), {}};
  direction back_{socket_flow(counts().back), {}};
  event ended_;
};

}  // namespace rathole::io
