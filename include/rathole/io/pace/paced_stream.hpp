#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/byte_pacer.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/core/result.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/pace/bandwidth.hpp>
#include <rathole/io/socket/options.hpp>
#include <rathole/io/task.hpp>
#include <rathole/io/time/alarm.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <stop_token>
#include <system_error>
#include <utility>
#include <variant>

namespace rathole::io {

/// A stream whose bytes are read no faster than a `bandwidth` allows; models `ByteStream`. Whoever reads it
/// slowly slows its peer down. Everything but `read_some` is that of the stream inside.
template <Runtime R, ByteStream S>
class paced_stream {
 public:
  /// Whether the stream inside cannot leave its thread; see `BoundStream`.
  static constexpr bool is_bound_to_thread = BoundStream<S>;

  /// Takes over `next`, a stream of `runtime`, whose bytes go the way `of` and share `limit`.
  paced_stream(const R& runtime, S next, std::shared_ptr<bandwidth> limit, bandwidth::way of)
      : runtime_(runtime), next_(std::move(next)), limit_(std::move(limit)), way_(of) {}

  /// Reads bytes once it is their turn; see `ByteStream`. A peer that resets the stream while its bytes wait
  /// loses them, and they are not counted.
  task<std::size_t> read_some(byte_span out) {
    // Who is idle waits for no turn, and what is left in the system slows the peer down.
    const auto ready = co_await next_.wait_readable();
    if (!ready) co_return failure(ready.error());
    const std::stop_token ended = closed_.get_token();
    bandwidth::turn mine(limit_, way_);
    for (;;) {
      const auto asked = ask(mine);
      if (!asked) co_return failure(asked.error());
      if (const auto* given = std::get_if<byte_pacer::grant>(&*asked)) {
        const auto taken = co_await next_.read_some(out.first(std::min(out.size(), given->bytes)));
        mine.settle(*given, taken.value_or(0));
        co_return taken;
      }
      if (next_.peer_has_closed()) break;
      co_await pause(runtime_, std::get<duration>(*asked), ended);
      if (ended.stop_requested()) co_return failure(errc::stopped);
      if (next_.peer_has_closed()) break;
    }
    const auto last = co_await next_.read_some(out);
    // Only a reset is seen behind unread bytes.
    if (last && *last > 0) co_return failure(std::make_error_code(std::errc::connection_reset));
    co_return last;
  }

  /// Writes `in`; see `ByteStream`.
  task<void> write(byte_view in) { return next_.write(in); }
  /// Writes `in`, which may be delayed; see `ByteStream`.
  task<void> write_corked(byte_view in) { return next_.write_corked(in); }
  /// Sends the delayed bytes; see `ByteStream`.
  void flush() { next_.flush(); }
  /// Waits until a read would not wait for bytes; see `ByteStream`.
  task<void> wait_readable() { return next_.wait_readable(); }
  /// Cancels a wait; see `ByteStream`.
  void cancel_wait() { next_.cancel_wait(); }
  /// Returns whether the end or an error has arrived; see `ByteStream`.
  bool peer_has_closed() { return next_.peer_has_closed(); }
  /// Ends our direction; see `ByteStream`.
  task<void> shutdown_send() { return next_.shutdown_send(); }
  /// Sets TCP_NODELAY; see `ByteStream`.
  void set_nodelay(bool on) { next_.set_nodelay(on); }
  /// Sets socket options; see `ByteStream`.
  void apply(const socket_options& options) { next_.apply(options); }

  /// Closes the stream; see `ByteStream`.
  void close() {
    closed_.request_stop();
    next_.close();
  }
  /// Resets the stream; see `ByteStream`.
  void abort() {
    closed_.request_stop();
    next_.abort();
  }

  /// Returns whether the stream is open.
  [[nodiscard]] bool is_open() const { return next_.is_open(); }
  /// Returns the address of the peer; see `ByteStream`.
  [[nodiscard]] const address& peer() const { return next_.peer(); }
  /// Replaces the address of the peer; see `ByteStream`.
  void set_peer(const address& where) { next_.set_peer(where); }
  /// Returns the stream inside.
  [[nodiscard]] S& next() { return next_; }
  /// Returns the bandwidth that the bytes share.
  [[nodiscard]] const std::shared_ptr<bandwidth>& limit() const { return limit_; }
  /// Returns the way that the bytes go.
  [[nodiscard]] bandwidth::way way() const { return way_; }

  /// Returns the same stream in another runtime; see `ByteStream`.
  paced_stream move_to(R& runtime) {
    return paced_stream(runtime, next_.move_to(runtime), limit_, way_);
  }

 private:
  /// Asks for bytes now.
  result<bandwidth::answer> ask(bandwidth::turn& mine) {
    const auto now = [&]() -> result<bandwidth::answer> { return mine.ask(runtime_.now()); };
    return catch_bad_alloc(now);
  }

  R runtime_;
  S next_;
  std::shared_ptr<bandwidth> limit_;
  bandwidth::way way_;
  /// Requested when the stream is closed, on the thread of the runtime.
  std::stop_source closed_;
};

}  // namespace rathole::io
