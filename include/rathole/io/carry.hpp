#pragma once

#include <rathole/core/error.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/drain.hpp>
#include <rathole/io/pace/bandwidth.hpp>
#include <rathole/io/pace/paced_stream.hpp>
#include <rathole/io/relay/relay.hpp>
#include <rathole/io/relay/running.hpp>
#include <rathole/io/run/run_on.hpp>
#include <rathole/io/run/stop_action.hpp>
#include <rathole/io/stream/either_stream.hpp>
#include <rathole/io/task.hpp>

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <stop_token>
#include <utility>

namespace rathole::io {

/// How many bytes a connection carries on the thread where it began before it moves to a worker.
/// Most connections carry less: moving them would cost more than it gains.
inline constexpr std::uint64_t move_after = std::uint64_t{256} * 1024;

/// What a connection of `carry` is watched by. A connection has one relay after another.
///
/// * `began(relay)` is called when a relay begins to run, on its executor. What it refers to exists, and
///   stays where it is, until `ended()`.
/// * `ended()` is called before they are gone, on the same executor.
/// * `is_aborted()` returns whether the operator wants the connection reset. Who makes it true then requests
///   the stop of the relay that runs; any thread may do so.
template <class W>
concept ConnectionWatch = requires(W& w, const W& cw, const running_relay& relay) {
  w.began(relay);
  w.ended();
  { cw.is_aborted() } -> std::same_as<bool>;
};

/// A watch that watches nothing.
struct no_watch {
  /// Does nothing.
  void began(const running_relay&) {}
  /// Does nothing.
  void ended() {}
  /// Returns false.
  [[nodiscard]] bool is_aborted() const { return false; }
};

namespace detail {

/// What ends a relay: the stops of a `drain_stops`, and requests from any thread.
class relay_stop final : public relay_stopper {
 public:
  /// Registers `end`, which is called on the thread of `here`; see `basic_stop_action`.
  relay_stop(const drain_stops& stops, executor here, std::move_only_function<void()> end)
      : action_({stops.now.get_token(), stops.when_idle.get_token()}, here, std::move(end)) {}

  /// Requests a call; see `relay_stopper`.
  void request() override { action_.request(); }

 private:
  basic_stop_action<2> action_;
};

/// Says that a relay has ended, even if its coroutine is destroyed.
template <ConnectionWatch Watch>
class watched_run {
 public:
  /// Says that a relay begins.
  watched_run(Watch& watch, running_relay relay) : watch_(watch), relay_(relay) {
    watch_.began(relay_);
  }
  watched_run(const watched_run&) = delete;
  watched_run& operator=(const watched_run&) = delete;
  /// Says that it has ended.
  ~watched_run() { watch_.ended(); }

 private:
  Watch& watch_;
  const running_relay relay_;
};

/// Runs `carried`, which lives on the executor `here`, until it ends or pauses.
template <class Relay, ConnectionWatch Watch>
awaitable<relay_status> run_relay(Relay& carried, executor here, drain_stops& stops, Watch& watch) {
  const std::stop_token now = stops.now.get_token();
  const auto end = [&carried, &stops, &now, &watch] {
    if (now.stop_requested() || watch.is_aborted()) return carried.stop();
    carried.drain(stops.idle);
  };
  relay_stop on_stop(stops, here, end);
  const watched_run run(watch, {carried.status(), on_stop});
  relay_status status = co_await carried.run();
  if (status.error == errc::stopped && watch.is_aborted()) status.error = errc::reset_by_operator;
  co_return status;
}

/// Makes a relay in the runtime `there`, and runs it. `From` is what it is made from: a paused relay,
/// or two streams and limits.
template <class Relay, Runtime R, ConnectionWatch Watch, class... From>
awaitable<relay_status> relay_there(R there, drain_stops& stops, Watch& watch, From... from) {
  Relay carried(there, static_cast<From&&>(from)...);
  co_return co_await run_relay(carried, there.get_executor(), stops, watch);
}

/// Carries the traffic between two streams; see `io::carry`.
template <Runtime R, ByteStream A, ByteStream B, ConnectionWatch Watch>
awaitable<relay_status> carry_between(R here, R there, A first, B second, relay_limits limits,
                                      drain_stops& stops, Watch watch) {
  using relay_type = relay<R, A, B>;
  constexpr bool may_move = !BoundStream<A> && !BoundStream<B>;
  const bool is_remote = may_move && there.get_executor() != here.get_executor();
  relay_status status;
  try {
    if constexpr (PausableRelay<relay_type, R>) {
      relay_type begun(here, std::move(first), std::move(second), limits);
      if (is_remote) begun.pause_after(move_after);
      status = co_await run_relay(begun, here.get_executor(), stops, watch);
      if (!begun.is_paused()) co_return status;
      auto rest = relay_there<relay_type, R, Watch, relay_type&>(there, stops, watch, begun);
      status = co_await run_on(there.get_executor(), std::move(rest));
    } else {
      if (is_remote) {
        first = first.move_to(there);
        second = second.move_to(there);
      } else {
        there = here;
      }
      auto all = relay_there<relay_type, R, Watch, A, B, relay_limits>(
          there, stops, watch, std::move(first), std::move(second), limits);
      status = co_await run_on(there.get_executor(), std::move(all));
    }
  } catch (const std::bad_alloc&) {
    status.error = out_of_memory();
  }
  co_return status;
}

}  // namespace detail

/// Carries the traffic of a connection between two streams of the runtime `here`, until the relay
/// ends or `stops` ends it, and returns how it ended. A bulky connection moves to the runtime
/// `there`, which may be the same; one whose relay cannot pause begins there, and one with a
/// `BoundStream` stays. The relay is that of the streams that `either_stream`s are. `stops` must
/// live until this returns. Must be called on the thread of `here`.
template <Runtime R, ByteStream A, ByteStream B, ConnectionWatch Watch = no_watch>
awaitable<relay_status> carry(R here, R there, A first, B second, relay_limits limits,
                              drain_stops& stops, Watch watch = {}) {
  return visit_stream(first, [&](auto& one) {
    return visit_stream(second, [&](auto& other) {
      return detail::carry_between(std::move(here), std::move(there), std::move(one),
                                   std::move(other), limits, stops, std::move(watch));
    });
  });
}

/// Carries traffic like `carry`, no faster than `shared` allows: `first` is the visitor's stream.
template <Runtime R, ByteStream A, ByteStream B, ConnectionWatch Watch>
awaitable<relay_status> carry_paced(R here, R there, A first, B second, relay_limits limits,
                                    drain_stops& stops, Watch watch,
                                    const std::shared_ptr<bandwidth>& shared) {
  return visit_stream(first, [&](auto& one) {
    return visit_stream(second, [&](auto& other) {
      paced_stream visitor(here, std::move(one), shared, bandwidth::way::in);
      paced_stream channel(here, std::move(other), shared, bandwidth::way::out);
      return detail::carry_between(std::move(here), std::move(there), std::move(visitor),
                                   std::move(channel), limits, stops, std::move(watch));
    });
  });
}

}  // namespace rathole::io
