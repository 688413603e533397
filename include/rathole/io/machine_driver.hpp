#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/machine.hpp>
#include <rathole/io/concepts.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

namespace rathole::io {

/// How long a peer may take to accept what a protocol machine sends, before it counts as dead.
inline constexpr std::chrono::seconds machine_write_timeout{10};

/// Lifts a protocol machine onto a stream: reads what it wants, sends what it transmits, wakes it
/// at its deadline. It never reads past what the machine wants, so the stream can be handed on
/// between two machines, or to a relay.
template <Machine M, ByteStream S, Runtime R>
class machine_driver {
 public:
  /// All three outlive the driver.
  machine_driver(R& runtime, S& stream, M& machine)
      : runtime_(runtime), stream_(stream), machine_(machine), timer_(runtime) {}

  /// The machine's next event. Fails with the machine's error, with the stream's, with
  /// `errc::end_of_stream` when the peer ended, and with `errc::stopped` once the stream was
  /// closed from this side. What the machine wants sent is sent before this returns.
  task<typename M::event> next() {
    for (;;) {
      auto event = machine_.poll(runtime_.now());
      co_await flush();
      if (!event) co_return failure(event.error());
      if (*event) co_return std::move(**event);
      const auto ready = co_await wait();
      if (!stream_.is_open()) co_return failure(closed_because_);
      if (!ready) {
        if (ready.error() == errc::stopped) continue;
        co_return failure(ready.error());
      }
      const auto fed = co_await feed();
      if (!fed) co_return failure(fed.error());
    }
  }

  /// Makes `next` look at the machine again: its owner gave it something to send.
  void wake() {
    if (!waiting_) return;
    stream_.cancel_wait();
    // The wait lasts on where the stream has a reply of its own to write and the peer does not read.
    abort_after_write_timeout();
  }

 private:
  static constexpr std::size_t read_size = 256;

  task<void> wait() {
    if (const auto deadline = machine_.deadline()) {
      timer_.arm(*deadline, [this] { wake(); });
    } else {
      timer_.disarm();
    }
    waiting_ = true;
    auto ready = co_await stream_.wait_readable();
    waiting_ = false;
    timer_.disarm();
    co_return ready;
  }

  void abort_after_write_timeout() {
    timer_.arm(runtime_.now() + machine_write_timeout, [this] {
      closed_because_ = errc::timed_out;
      stream_.abort();
    });
  }

  task<void> feed() {
    std::array<std::uint8_t, read_size> octets;
    const byte_span room = byte_span(octets).first(std::min(read_size, machine_.wanted()));
    const auto taken = co_await stream_.read_some(room);
    if (!taken) co_return failure(taken.error());
    if (*taken == 0) co_return failure(errc::end_of_stream);
    machine_.feed(room.first(*taken));
    co_return result<void>{};
  }

  /// A failed write ends nothing by itself: the peer's last words may be there to be read, and the
  /// next read finds out what happened.
  awaitable<void> flush() {
    // The owner may give the machine more to send while a write is under way.
    for (;;) {
      byte_buffer out;
      if (!machine_.transmit(out)) co_return;
      abort_after_write_timeout();
      co_await stream_.write(out.data());
      timer_.disarm();
    }
  }

  R& runtime_;
  S& stream_;
  M& machine_;
  typename R::timer timer_;
  std::error_code closed_because_ = errc::stopped;
  bool waiting_ = false;
};

}  // namespace rathole::io
