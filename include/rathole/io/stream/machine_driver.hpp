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

/// The longest time that a peer may take to accept the output of a protocol machine before its
/// connection is aborted.
inline constexpr std::chrono::seconds machine_write_timeout{10};

/// Runs a protocol machine on a stream: reads what the machine wants, sends its output, and polls
/// it at its deadline. It never reads more than the machine wants, so another machine or a relay
/// can take over the stream afterwards.
template <Machine M, ByteStream S, Runtime R>
class machine_driver {
 public:
  /// Makes a driver. `runtime`, `stream` and `machine` must outlive it.
  machine_driver(R& runtime, S& stream, M& machine)
      : runtime_(runtime), stream_(stream), machine_(machine), timer_(runtime) {}

  /// Returns the machine's next event, after sending the machine's output. Fails with the error of
  /// the machine or of the stream, with `errc::end_of_stream` if the peer ended its direction, with
  /// `errc::timed_out` if the peer did not accept our output in time, and with `errc::stopped` if
  /// the stream was closed from this side.
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

  /// Feeds the machine what has arrived already, where the stream can tell without waiting. Saves a
  /// wait if the peer sends first. Fails like `next`.
  result<void> feed_now() {
    if constexpr (requires(byte_span room) { stream_.read_now(room); }) {
      std::array<std::uint8_t, read_size> bytes;
      const byte_span room = byte_span(bytes).first(std::min(read_size, machine_.wanted()));
      if (const auto taken = stream_.read_now(room)) return feed(room, *taken);
    }
    return {};
  }

  /// Makes `next` poll the machine again, because its owner gave it something to send.
  void wake() {
    if (!waiting_) return;
    stream_.cancel_wait();
    // The wait does not end while the stream writes a reply of its own that the peer does not read.
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
    std::array<std::uint8_t, read_size> bytes;
    const byte_span room = byte_span(bytes).first(std::min(read_size, machine_.wanted()));
    const auto taken = co_await stream_.read_some(room);
    co_return feed(room, taken);
  }

  /// Feeds the machine the first `taken` bytes of `read`.
  result<void> feed(byte_view read, const result<std::size_t>& taken) {
    if (!taken) return failure(taken.error());
    if (*taken == 0) return failure(errc::end_of_stream);
    machine_.feed(read.first(*taken));
    return {};
  }

  /// A failed write is not reported: the peer's last bytes may still be readable, and the next read
  /// reports what happened.
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
