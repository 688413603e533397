#pragma once

#include <rathole/core/out_of_memory.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/relay/base.hpp>
#include <rathole/io/relay/close_in_order.hpp>
#include <rathole/io/relay/copy_pump.hpp>
#include <rathole/io/run/task_group.hpp>

#include <cstdint>
#include <new>
#include <thread>
#include <utility>

namespace rathole::io {

/// Relays between two streams of any type. Bytes count as traffic once the write that accepted them
/// has completed.
template <Runtime R, ByteStream A, ByteStream B>
class copy_relay : public relay_base<R, copy_relay<R, A, B>> {
 public:
  /// Makes a relay between two streams of the runtime `on`.
  copy_relay(const R& on, A first, B second, const relay_limits& limits = {})
      : base(on, limits),
        first_(std::move(first)),
        second_(std::move(second)),
        back_(runtime().get_executor()) {}

  /// Aborts the streams that have not ended.
  ~copy_relay() { abort_both(); }

  /// Runs the relay until both directions have ended or one has failed; returns the byte counts and
  /// the error. The relay must outlive the call.
  awaitable<relay_status> run() {
    try {
      first_.flush();
      second_.flush();
      ends().start();
      perform_actions();
      back_.spawn(carry(second_, first_, relay_stream::second, counts().back));
      co_await carry(first_, second_, relay_stream::first, counts().forth);
    } catch (const std::bad_alloc&) {
      fail(out_of_memory());
    }
    // The other direction uses the streams until it has ended, so the wait cannot be skipped.
    for (;;) {
      try {
        co_await back_.join();
        break;
      } catch (const std::bad_alloc&) {
        std::this_thread::yield();
      }
    }
    co_return counts();
  }

 private:
  using base = relay_base<R, copy_relay>;
  friend base;
  using base::broke;
  using base::counts;
  using base::ends;
  using base::fail;
  using base::perform_actions;
  using base::runtime;

  /// Carries one direction, from the stream `from`, which is `source`, to `to`.
  template <class From, class To>
  awaitable<void> carry(From& from, To& to, relay_stream source, byte_count& count) {
    try {
      bool to_failed = false;
      auto done = co_await copy_pump(from, to, count, to_failed);
      if (done) {
        ends().source_ended(source);
        ends().all_written(other(source));
        perform_actions();
        if (!std::exchange(must_end_sending_, false)) co_return;
        to_failed = true;
        done = co_await to.shutdown_send();
      }
      if (!done) {
        broke(to_failed ? other(source) : source, done.error());
      } else {
        ends().sending_ended(other(source));
        perform_actions();
      }
    } catch (const std::bad_alloc&) {
      fail(out_of_memory());
    }
  }

  // It may have to wait, so the coroutine of the direction does it.
  void perform(const end_sending&) { must_end_sending_ = true; }
  void close_both() {
    close_in_order(first_);
    close_in_order(second_);
  }
  /// Aborts the streams that have not ended in order.
  void abort_both() {
    if (first_.is_open()) first_.abort();
    if (second_.is_open()) second_.abort();
  }

  static constexpr std::uint64_t pending_at_start = 0;
  [[nodiscard]] relay_traffic traffic() { return {counts().forth + counts().back, 0}; }

  A first_;
  B second_;
  /// The direction from the second stream to the first.
  task_group back_;
  /// Whether our direction of a stream must be ended.
  bool must_end_sending_ = false;
};

}  // namespace rathole::io
