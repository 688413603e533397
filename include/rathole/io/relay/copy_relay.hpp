#pragma once

#include <rathole/core/out_of_memory.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/relay/copy_pump.hpp>
#include <rathole/io/relay/idle_watch.hpp>
#include <rathole/io/relay/limits.hpp>
#include <rathole/io/relay/status.hpp>
#include <rathole/io/run/task_group.hpp>

#include <cstdint>
#include <new>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

namespace rathole::io {

/// Relays between two streams of any type. Bytes count as traffic once the write that accepted them
/// has completed.
template <Runtime R, ByteStream A, ByteStream B>
class copy_relay {
 public:
  /// Makes a relay between two streams of the runtime `runtime`.
  copy_relay(const R& runtime, A first, B second, const relay_limits& limits = {})
      : runtime_(runtime),
        first_(std::move(first)),
        second_(std::move(second)),
        idle_(runtime_, *this, limits),
        back_pump_(runtime_.get_executor()) {}

  copy_relay(const copy_relay&) = delete;
  copy_relay& operator=(const copy_relay&) = delete;
  /// Aborts the streams that have not ended.
  ~copy_relay() { abort_both(); }

  /// Runs the relay until both directions have ended or one has failed; returns the byte counts and
  /// the error. The relay must outlive the call.
  awaitable<relay_status> run() {
    try {
      first_.flush();
      second_.flush();
      idle_.start();
      back_pump_.spawn(run_back());
      bool second_failed = false;
      auto forth = co_await copy_pump(first_, second_, status_.forth, second_failed);
      ended(forth, !second_failed);
    } catch (const std::bad_alloc&) {
      fail(out_of_memory());
    }
    // The other direction uses the streams until it has ended, so the wait cannot be skipped.
    for (;;) {
      try {
        co_await back_pump_.join();
        break;
      } catch (const std::bad_alloc&) {
        std::this_thread::yield();
      }
    }
    idle_.stop();
    close(first_);
    close(second_);
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
  using idle_watch_type = idle_watch<R, copy_relay>;
  friend idle_watch_type;

  awaitable<void> run_back() {
    try {
      bool first_failed = false;
      auto back = co_await copy_pump(second_, first_, status_.back, first_failed);
      ended(back, first_failed);
    } catch (const std::bad_alloc&) {
      fail(out_of_memory());
    }
  }

  void ended(const result<void>& direction, bool of_first) {
    if (!direction) return fail(direction.error(), of_first);
    if (!status_.error) idle_.half_closed();
  }

  [[nodiscard]] relay_traffic traffic() const { return {status_.forth + status_.back, 0}; }

  template <class S>
  static void close(S& stream) {
    if (!stream.is_open()) return;
    socket_options in_order;
    in_order.nodelay = std::nullopt;
    in_order.reset_on_close = false;
    stream.apply(in_order);
    stream.close();
  }

  /// Aborts the streams that have not ended in order.
  void abort_both() {
    if (first_.is_open()) first_.abort();
    if (second_.is_open()) second_.abort();
  }

  void fail(std::error_code reason, bool first_broke = false) {
    if (!status_.error) {
      status_.error = reason;
      status_.first_broke = first_broke;
    }
    idle_.stop();
    abort_both();
  }

  R runtime_;
  A first_;
  B second_;
  relay_status status_;
  idle_watch_type idle_;
  task_group back_pump_;
};

}  // namespace rathole::io
