#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/error.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/mux/flow.hpp>
#include <rathole/io/mux/flows.hpp>
#include <rathole/io/mux/limits.hpp>
#include <rathole/io/run/suspension.hpp>
#include <rathole/io/socket/options.hpp>

#include <cassert>
#include <cstddef>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

namespace rathole::io {

/// One stream of a `mux_connection`; models `ByteStream`. It keeps the connection alive, and shares
/// its thread, which it cannot leave. The destructor closes it. Operations may outlive it.
///
/// * A write waits while the peer's window is used up, and returns when the connection has taken all
///   bytes; the peer may not have them yet.
/// * If the peer resets the stream, its operations fail with ECONNRESET. If the connection ends,
///   they fail with the reason of that (`mux_connection::run`), except that what arrived before can
///   be read. A read returns the end only if the peer has ended its direction.
/// * Closing a stream with unread bytes, or with the option `reset_on_close`, resets it. Other socket
///   options have no effect.
class mux_stream {
 public:
  /// Marks a stream that cannot leave its thread; see `BoundStream`.
  static constexpr bool is_bound_to_thread = true;

  /// Takes over the stream `own` of `all`.
  mux_stream(std::shared_ptr<mux_flows> all, std::shared_ptr<mux_flow> own)
      : all_(std::move(all)), flow_(std::move(own)) {}
  /// Takes over another stream.
  mux_stream(mux_stream&&) noexcept = default;
  /// Closes this stream and takes over `from`.
  mux_stream& operator=(mux_stream&& from) noexcept {
    close();
    all_ = std::move(from.all_);
    flow_ = std::move(from.flow_);
    return *this;
  }
  /// Closes the stream.
  ~mux_stream() { close(); }

  /// Reads bytes; see `ByteStream`.
  task<std::size_t> read_some(byte_span out) { return read(all_, flow_, out); }

  /// Reads like `read_some` if that is possible without waiting; otherwise returns nothing. It
  /// returns nothing, too, when it is the turn of other work.
  std::optional<result<std::size_t>> read_now(byte_span out) {
    if (!is_open() || all_->budget_is_spent()) return std::nullopt;
    return read_now(*all_, *flow_, out);
  }

  /// Writes `in`; see `ByteStream`.
  task<void> write(byte_view in) { return write(all_, flow_, in); }
  /// Writes `in`, of which at most `mux_corked_limit` bytes are delayed; see `ByteStream`.
  task<void> write_corked(byte_view in) { return write_corked(all_, flow_, in); }
  /// Sends the delayed bytes; see `ByteStream`.
  void flush() {
    if (is_open() && !flow_->corked.empty()) all_->send(*flow_);
  }

  /// Waits until a read would not wait; see `ByteStream`.
  task<void> wait_readable() { return wait(all_, flow_); }
  /// Cancels a wait; see `ByteStream`.
  void cancel_wait() {
    ++flow_->waits_cancelled;
    flow_->readable.notify();
  }

  /// Returns whether the end or an error has arrived; see `ByteStream`.
  bool peer_has_closed() {
    return !is_open() || flow_->error || (flow_->peer_has_ended && flow_->received.empty());
  }

  /// Ends our direction; see `ByteStream`.
  task<void> shutdown_send() { return end_sending(all_, flow_); }

  /// Does nothing: whether the connection delays small packets is its own matter.
  void set_nodelay(bool) {}
  /// Sets `reset_on_close`; see `ByteStream`.
  void apply(const socket_options& options) {
    if (options.reset_on_close) flow_->resets_on_close = *options.reset_on_close;
  }

  /// Closes the stream; see `ByteStream`.
  void close() {
    if (flow_) all_->close(*flow_);
  }
  /// Resets the stream; see `ByteStream`.
  void abort() {
    if (flow_) all_->abort(*flow_);
  }

  /// Returns whether the stream is open.
  [[nodiscard]] bool is_open() const { return flow_ && flow_->is_open; }
  /// Returns the address of the peer, by default that of the connection; see `ByteStream`.
  [[nodiscard]] const address& peer() const { return flow_->peer ? *flow_->peer : all_->peer(); }
  /// Replaces the address of the peer; see `ByteStream`.
  void set_peer(const address& where) { flow_->peer = std::make_unique<address>(where); }

  /// Returns the state of the stream, for a handler of it.
  [[nodiscard]] mux_flow& flow() const { return *flow_; }
  /// Returns the streams of the connection.
  [[nodiscard]] mux_flows& flows() const { return *all_; }

  /// Returns the executor that the stream cannot leave.
  [[nodiscard]] const executor& get_executor() const { return all_->get_executor(); }

  /// Returns the same stream. `runtime` must have its executor, because a stream cannot leave its
  /// connection's thread.
  template <class Runtime>
  mux_stream move_to([[maybe_unused]] Runtime& runtime) {
    assert(runtime.get_executor() == get_executor());
    return std::move(*this);
  }

 private:
  using flows_pointer = std::shared_ptr<mux_flows>;
  using flow_pointer = std::shared_ptr<mux_flow>;

  // The operations own the stream and its connection, so a `mux_stream` may be moved or destroyed
  // meanwhile.

  static std::optional<result<std::size_t>> read_now(mux_flows& all, mux_flow& from,
                                                     byte_span out) {
    if (!from.is_open) return failure(errc::stopped);
    if (!from.received.empty()) return all.take(from, out);
    if (from.peer_has_ended) return std::size_t{0};
    if (from.error) return failure(from.error);
    return std::nullopt;
  }

  static task<std::size_t> read(flows_pointer all, flow_pointer from, byte_span out) {
    if (all->budget_is_spent()) co_await next_turn(all->get_executor());
    for (;;) {
      if (const auto taken = read_now(*all, *from, out)) co_return *taken;
      co_await from->readable.wait();
    }
  }

  static task<void> wait(flows_pointer all, flow_pointer from) {
    const auto cancelled = from->waits_cancelled;
    if (all->budget_is_spent()) co_await next_turn(all->get_executor());
    for (;;) {
      if (!from->is_open || from->waits_cancelled != cancelled) co_return failure(errc::stopped);
      if (from->is_readable()) co_return result<void>{};
      co_await from->readable.wait();
    }
  }

  /// Returns why nothing can be written.
  static std::error_code refusal(const mux_flow& to) {
    if (!to.is_open) return errc::stopped;
    if (!to.error && to.is_ending) return std::make_error_code(std::errc::broken_pipe);
    return to.error;
  }

  /// The view of the bytes of a write, until the write ends.
  class outgoing {
   public:
    outgoing(mux_flow& to, byte_view in) : to_(to) {
      assert(to.outgoing.empty() && "only one write may run at a time");
      to.outgoing = in;
    }
    outgoing(const outgoing&) = delete;
    outgoing& operator=(const outgoing&) = delete;
    ~outgoing() { to_.outgoing = {}; }

   private:
    mux_flow& to_;
  };

  static task<void> write(flows_pointer all, flow_pointer to, byte_view in) {
    if (const auto ec = refusal(*to)) co_return failure(ec);
    const outgoing bytes(*to, in);
    all->send(*to);
    for (;;) {
      if (!to->is_open) co_return failure(errc::stopped);
      if (to->outgoing.empty()) co_return result<void>{};
      if (to->error) co_return failure(to->error);
      co_await to->written.wait();
    }
  }

  static task<void> write_corked(flows_pointer all, flow_pointer to, byte_view in) {
    if (to->corked.size() + in.size() > mux_corked_limit) co_return co_await write(all, to, in);
    if (const auto ec = refusal(*to)) co_return failure(ec);
    if (all->budget_is_spent()) co_await next_turn(all->get_executor());
    to->corked.append(in);
    co_return result<void>{};
  }

  static task<void> end_sending(flows_pointer all, flow_pointer of) {
    if (!of->is_open || of->is_ending) co_return result<void>{};
    if (of->error) co_return failure(of->error);
    of->is_ending = true;
    all->send(*of);
    co_return result<void>{};
  }

  flows_pointer all_;
  flow_pointer flow_;
};

static_assert(ByteStream<mux_stream>);

}  // namespace rathole::io
