#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/mux/flow_driver.hpp>
#include <rathole/io/mux/limits.hpp>
#include <rathole/io/mux/stream.hpp>
#include <rathole/io/run/event.hpp>
#include <rathole/io/run/suspension.hpp>
#include <rathole/io/run/task_group.hpp>
#include <rathole/io/socket/options.hpp>
#include <rathole/io/stream/lingering_close.hpp>
#include <rathole/io/time/alarm.hpp>
#include <rathole/io/time/earliest_timer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

namespace rathole::io {

/// One connection that carries many streams: drives a `mux::session` by one reader and one writer
/// over a stream `S` of the runtime `R`. It lives on the thread of that runtime, with all its
/// streams, and is held by `std::shared_ptr`; its streams and `run` hold it, too.
///
/// The Hello that precedes the first frame is the owner's business (`mux/hello.hpp`).
template <Runtime R, ByteStream S>
class mux_connection final : public mux_flow_driver,
                             public std::enable_shared_from_this<mux_connection<R, S>> {
  /// Only `make` makes connections.
  struct key {};

 public:
  /// The type of the streams.
  using stream_type = mux_stream;

  /// Returns a connection over `below`, a stream of `runtime`; for the others see `mux::session`. A
  /// stream may be opened at once, but nothing moves until `run` runs.
  static std::shared_ptr<mux_connection> make(R runtime, S below, mux::role side,
                                              const mux::settings& own,
                                              const mux::parameters& peer) {
    return std::make_shared<mux_connection>(key(), std::move(runtime), std::move(below), side, own,
                                            peer);
  }

  /// Makes a connection; see `make`.
  mux_connection(key, R runtime, S below, mux::role side, const mux::settings& own,
                 const mux::parameters& allowed)
      : mux_flow_driver(runtime.get_executor(), below.peer(), side, own, allowed, runtime.now()),
        runtime_(std::move(runtime)),
        below_(std::move(below)),
        work_(get_executor()),
        timer_(runtime_,
               [this] {
                 this->poll(runtime_.now());
                 changed();
               }),
        writer_(get_executor()) {}

  /// Runs the connection until it has ended; called once. Succeeds if it ended in order: after a
  /// GoAway of either side, and with no stream left. Fails with the reason otherwise: a `mux_errc`
  /// if the peer broke a rule or did not answer, `errc::end_of_stream` if it closed the connection,
  /// `errc::stopped` after `close` or `abort`, or the error of the stream below. The peer has then
  /// been notified by a GoAway, if it took that in time, and the stream below is closed.
  task<void> run() { return run(this->shared_from_this()); }

  /// Opens a stream, without waiting. Fails with `errc::limit_reached` if the peer allows no further
  /// stream now; other errors mean that no more streams can be opened on this connection.
  result<stream_type> open() {
    auto opened = open_flow();
    if (!opened) return failure(opened.error());
    return mux_stream(this->shared_from_this(), std::move(*opened));
  }

  /// Sets what is called with each stream that the peer opens. Without it, they are refused.
  void set_on_open(std::move_only_function<void(stream_type)> action) {
    on_open_ = std::move(action);
  }

  /// Sets what is called when the peer has acknowledged a stream by a frame without bytes; see
  /// `mux::stream_acknowledged`.
  void set_on_acknowledged(std::move_only_function<void()> action) {
    on_acknowledged_ = std::move(action);
  }

  /// Applies the bounds of an authenticated peer.
  void authenticated() { set_authenticated(true); }
  /// Applies the bounds of a peer that is not authenticated, as at first, to new streams.
  void unauthenticated() { set_authenticated(false); }

  /// Opens and accepts no more streams. The connection ends when the last one has ended.
  void go_away() { begin_go_away(); }

  /// Ends the connection in order: open streams are reset, their operations fail with
  /// `errc::stopped`, and what the others have written is sent.
  void close() { reset_all(); }
  /// Ends the connection at once. Open streams fail with `errc::stopped`.
  void abort() {
    is_aborted_ = true;
    end(errc::stopped);
    below_.abort();
  }

  /// Returns whether `open` may succeed: neither has the connection ended, nor has one of the sides
  /// announced that it goes away.
  [[nodiscard]] bool is_usable() const { return may_open(); }
  using mux_flow_driver::has_ended;

 private:
  static task<void> run(std::shared_ptr<mux_connection> self) {
    mux_connection& me = *self;
    try {
      if (!me.has_ended()) me.limit_unsent();
      me.arm_timer();
      me.writer_.spawn(write_all(self));
      co_await me.read_all();
    } catch (const std::bad_alloc&) {
      me.give_up();
    }
    // The writer uses the stream below until it has ended, so the wait cannot be skipped.
    for (;;) {
      try {
        co_await me.finish();
        break;
      } catch (const std::bad_alloc&) {
        me.give_up();
        std::this_thread::yield();
      }
    }
    me.on_open_ = nullptr;
    me.on_acknowledged_ = nullptr;
    if (me.reason()) co_return failure(me.reason());
    co_return result<void>{};
  }

  void limit_unsent() {
    socket_options options;
    options.nodelay = std::nullopt;
    options.unsent_limit = mux_unsent_limit;
    below_.apply(options);
  }

  awaitable<void> read_all() {
    while (!has_ended()) {
      const auto ready = co_await below_.wait_readable();
      if (has_ended()) co_return;
      if (!ready) co_return end(ready.error());
      // An idle connection has no buffer.
      const std::size_t size = is_authenticated() ? mux_read_size : mux_unauthenticated_read_size;
      const auto storage = std::make_unique_for_overwrite<std::uint8_t[]>(size);
      const byte_span room(storage.get(), size);
      const auto taken = co_await below_.read_some(room);
      if (has_ended()) co_return;
      if (!taken) co_return end(taken.error());
      if (*taken == 0) co_return end_of_peer();
      co_await process(room.first(*taken));
    }
  }

  void end_of_peer() {
    if (is_complete()) return end({});
    end(errc::end_of_stream);
  }

  /// Passes what was read to the session, in steps of one header or payload.
  awaitable<void> process(byte_view in) {
    time_point now = runtime_.now();
    while (!in.empty() && !has_ended()) {
      const std::size_t step = std::min(in.size(), wanted());
      receive(in.first(step), now);
      in = in.subspan(step);
      if (++steps_ % mux_steps_per_turn != 0) continue;
      changed();
      co_await next_turn(get_executor());
      now = runtime_.now();
    }
    changed();
  }

  static awaitable<void> write_all(std::shared_ptr<mux_connection> self) {
    try {
      co_await self->write_all();
    } catch (const std::bad_alloc&) {
      self->give_up();
    }
  }

  awaitable<void> write_all() {
    byte_buffer out;
    for (;;) {
      fill(out);
      if (is_broken() || is_aborted_) co_return;
      if (!out.empty()) {
        const auto written = co_await below_.write(out.data());
        out.clear();
        if (written) continue;
        // What the peer sent before may still be readable, so the reader finds out.
        write_failed(written.error());
        co_return;
      }
      if (is_finished()) end({});
      if (has_ended()) co_return;
      // An idle connection has no buffer.
      out.free_memory();
      co_await work_.wait();
    }
  }

  /// Waits for the reader to end the connection, but not for long.
  void write_failed(std::error_code why) {
    if (has_ended()) return;
    last_reads_.emplace(runtime_, runtime_.now() + lingering_time, [this, why] {
      end(why);
      below_.abort();
    });
  }

  /// Ends the connection at once for lack of memory.
  void give_up() {
    end(out_of_memory());
    is_aborted_ = true;
    below_.abort();
  }

  /// Sends what is left, and closes the stream below.
  awaitable<void> finish() {
    last_reads_.reset();
    timer_.disarm();
    {
      const auto cut = [this] { below_.abort(); };
      const alarm<R> on_timeout(runtime_, runtime_.now() + lingering_time, cut);
      co_await writer_.join();
    }
    if (below_.is_open()) {
      co_await lingering_close(runtime_, below_, runtime_.now() + lingering_time);
    }
  }

  time_point now() override { return runtime_.now(); }

  void changed() override {
    if (has_work()) work_.notify();
    arm_timer();
  }

  void arm_timer() { timer_.arm(deadline()); }

  void ended() override {
    timer_.disarm();
    work_.notify();
    if (is_broken()) below_.abort();
    if (below_.is_open()) below_.cancel_wait();
  }

  bool opened(const flow_pointer& flow) override {
    mux_stream made(this->shared_from_this(), flow);
    if (!on_open_) return false;
    on_open_(std::move(made));
    return true;
  }

  void acknowledged() override {
    if (on_acknowledged_) on_acknowledged_();
  }

  R runtime_;
  S below_;
  std::move_only_function<void(stream_type)> on_open_;
  std::move_only_function<void()> on_acknowledged_;
  /// Wakes the writer.
  event work_;
  earliest_timer<R> timer_;
  /// Bounds how long the connection is read after a write has failed.
  std::optional<alarm<R>> last_reads_;
  task_group writer_;
  /// How many headers and payloads have been processed.
  unsigned steps_ = 0;
  bool is_aborted_ = false;
};

}  // namespace rathole::io
