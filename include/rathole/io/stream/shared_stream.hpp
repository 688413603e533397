#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/run/event.hpp>
#include <rathole/io/socket/options.hpp>
#include <rathole/io/task.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <system_error>
#include <utility>

namespace rathole::io {

/// A started data channel of any type that is handed over to the program itself. It is owned jointly
/// by the object that uses it and by the coroutine that counts it as an active connection, so it
/// must be held by `shared_ptr`. It lives on one executor's thread, as all its functions do except
/// `get_executor` and `peer`. One read and one write may run at a time; see `ByteStream`.
class shared_stream {
 public:
  shared_stream(const shared_stream&) = delete;
  shared_stream& operator=(const shared_stream&) = delete;
  /// Destroys the stream; no operation may be running.
  virtual ~shared_stream() = default;

  /// Reads at least one byte, or returns 0 at the end of the peer's direction.
  task<std::size_t> read_some(byte_span out) {
    const auto taken = co_await read(out);
    if (taken) {
      received_ += *taken;
      used();
    } else {
      broken(taken.error());
    }
    co_return taken;
  }

  /// Returns when all of `in` has been accepted. Fails with EPIPE after `shutdown_send`,
  /// over every transport.
  task<void> write(byte_view in) {
    if (is_send_ended_) co_return failure(std::error_code(EPIPE, std::system_category()));
    is_writing_ = true;
    const auto written = co_await send(in);
    is_writing_ = false;
    if (written) {
      sent_ += in.size();
      used();
    } else {
      broken(written.error());
    }
    co_return written;
  }

  /// Ends our direction after the bytes written so far; reading continues. Does nothing if it was
  /// called before.
  task<void> shutdown_send() {
    if (std::exchange(is_send_ended_, true)) co_return result<void>{};
    const auto ended = co_await end_sending();
    if (!ended) broken(ended.error());
    co_return ended;
  }

  /// Makes a running read fail with `errc::stopped`, without a loss of bytes.
  virtual void cancel_read() = 0;

  /// Ends both directions in order; running operations fail with `errc::stopped`. While a write is
  /// running the connection is aborted instead, because its last bytes are missing.
  void close() {
    if (is_closed_) return;
    if (is_writing_) return abort(errc::stopped);
    is_closed_ = true;
    close_stream();
    closed_.notify();
  }

  /// Closes like `close`, but resets the connection because of `reason`, which becomes `error()`
  /// unless there is one.
  void abort(std::error_code reason) {
    if (is_closed_) return;
    is_closed_ = true;
    if (!error_) error_ = reason;
    abort_stream();
    closed_.notify();
  }

  /// Aborts like `abort`, because of a decision about more than this connection: its client, server
  /// or listener ends all that are left.
  void cut(std::error_code reason) {
    is_cut_ = is_cut_ || !is_closed_;
    abort(reason);
  }

  /// Returns once the stream is closed. One caller at a time.
  awaitable<void> wait_closed() {
    if (!is_closed_) co_await closed_.wait();
  }

  /// Returns whether the stream was closed from this side.
  [[nodiscard]] bool is_closed() const { return is_closed_; }
  /// Returns whether `cut` closed the stream.
  [[nodiscard]] bool is_cut() const { return is_cut_; }
  /// Returns the executor on which the stream lives.
  [[nodiscard]] const executor& get_executor() const { return executor_; }
  /// Returns the address of the other end of the data channel.
  [[nodiscard]] const address& peer() const { return peer_; }
  /// Returns how many bytes were read.
  [[nodiscard]] std::uint64_t received() const { return received_; }
  /// Returns how many bytes were written.
  [[nodiscard]] std::uint64_t sent() const { return sent_; }
  /// Returns how many reads and writes have completed; a stream that is idle has the same number
  /// later.
  [[nodiscard]] std::uint64_t uses() const { return uses_; }
  /// Returns why the stream broke; no error if it did not.
  [[nodiscard]] std::error_code error() const { return error_; }

 protected:
  /// Makes an open stream on `ex` whose other end is `peer`.
  shared_stream(const executor& ex, address peer)
      : executor_(ex), peer_(std::move(peer)), closed_(ex) {}

 private:
  virtual task<std::size_t> read(byte_span out) = 0;
  virtual task<void> send(byte_view in) = 0;
  virtual task<void> end_sending() = 0;
  virtual void close_stream() = 0;
  virtual void abort_stream() = 0;

  void used() { ++uses_; }
  void broken(std::error_code why) {
    if (!error_ && !is_closed_ && why != errc::stopped) error_ = why;
  }

  const executor executor_;
  const address peer_;
  event closed_;
  std::uint64_t received_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t uses_ = 0;
  std::error_code error_;
  bool is_writing_ = false;
  bool is_send_ended_ = false;
  bool is_closed_ = false;
  bool is_cut_ = false;
};

/// A `shared_stream` of the type `S`.
template <ByteStream S>
class shared_stream_of final : public shared_stream {
 public:
  /// Takes over `stream`, which lives on `ex`.
  shared_stream_of(const executor& ex, S stream)
      : shared_stream(ex, stream.peer()), stream_(std::move(stream)) {}

  void cancel_read() override { stream_.cancel_wait(); }

 private:
  task<std::size_t> read(byte_span out) override {
    if (!stream_.is_open()) co_return failure(errc::stopped);
    if constexpr (requires { stream_.read_now(out); }) {
      if (const auto taken = stream_.read_now(out)) co_return *taken;
    }
    // The wait can be cancelled without a loss of bytes, and the read after it never waits.
    const auto ready = co_await stream_.wait_readable();
    if (!ready) co_return failure(ready.error());
    co_return co_await stream_.read_some(out);
  }
  task<void> send(byte_view in) override {
    if (!stream_.is_open()) return stopped();
    return stream_.write(in);
  }
  task<void> end_sending() override {
    if (!stream_.is_open()) return stopped();
    return stream_.shutdown_send();
  }
  void close_stream() override {
    // Traffic is reset unless it ends in order; see `transport::to_traffic_options`.
    socket_options in_order;
    in_order.reset_on_close = false;
    stream_.apply(in_order);
    stream_.close();
  }
  void abort_stream() override { stream_.abort(); }

  static task<void> stopped() { co_return failure(errc::stopped); }

  S stream_;
};

}  // namespace rathole::io
