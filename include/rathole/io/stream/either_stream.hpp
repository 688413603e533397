#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/socket/options.hpp>

#include <concepts>
#include <cstddef>
#include <optional>
#include <utility>
#include <variant>

namespace rathole::io {

/// A stream that is an `A` or a `B`; models `ByteStream`. Every operation goes to the one that it
/// is. What uses streams for long, such as a relay, takes that one out by `visit_stream`.
template <ByteStream A, ByteStream B>
  requires(!std::same_as<A, B>)
class either_stream {
 public:
  /// Takes over an `A`.
  either_stream(A from) : value_(std::move(from)) {}
  /// Takes over a `B`.
  either_stream(B from) : value_(std::move(from)) {}

  /// Reads bytes; see `ByteStream`.
  task<std::size_t> read_some(byte_span out) {
    return visit([out](auto& stream) { return stream.read_some(out); });
  }
  /// Reads like `read_some` if the stream can tell at once that it need not wait; otherwise returns
  /// nothing.
  std::optional<result<std::size_t>> read_now(byte_span out) {
    return visit([out](auto& stream) -> std::optional<result<std::size_t>> {
      if constexpr (requires { stream.read_now(out); }) return stream.read_now(out);
      return std::nullopt;
    });
  }

  /// Writes `in`; see `ByteStream`.
  task<void> write(byte_view in) {
    return visit([in](auto& stream) { return stream.write(in); });
  }
  /// Writes `in`, which may be delayed; see `ByteStream`.
  task<void> write_corked(byte_view in) {
    return visit([in](auto& stream) { return stream.write_corked(in); });
  }
  /// Sends the delayed bytes; see `ByteStream`.
  void flush() {
    visit([](auto& stream) { stream.flush(); });
  }

  /// Waits until a read would not wait; see `ByteStream`.
  task<void> wait_readable() {
    return visit([](auto& stream) { return stream.wait_readable(); });
  }
  /// Cancels a wait; see `ByteStream`.
  void cancel_wait() {
    visit([](auto& stream) { stream.cancel_wait(); });
  }
  /// Returns whether the end or an error has arrived; see `ByteStream`.
  bool peer_has_closed() {
    return visit([](auto& stream) { return stream.peer_has_closed(); });
  }
  /// Ends our direction; see `ByteStream`.
  task<void> shutdown_send() {
    return visit([](auto& stream) { return stream.shutdown_send(); });
  }

  /// Limits how many more bytes are read from the connection below, if the stream is a layer on one;
  /// see `layered_stream`.
  void limit_input(std::size_t bytes) {
    visit([bytes](auto& stream) {
      if constexpr (requires { stream.limit_input(bytes); }) stream.limit_input(bytes);
    });
  }

  /// Sets TCP_NODELAY; see `ByteStream`.
  void set_nodelay(bool on) {
    visit([on](auto& stream) { stream.set_nodelay(on); });
  }
  /// Sets socket options; see `ByteStream`.
  void apply(const socket_options& options) {
    visit([&options](auto& stream) { stream.apply(options); });
  }

  /// Closes the stream; see `ByteStream`.
  void close() {
    visit([](auto& stream) { stream.close(); });
  }
  /// Resets the stream; see `ByteStream`.
  void abort() {
    visit([](auto& stream) { stream.abort(); });
  }

  /// Returns whether the stream is open.
  [[nodiscard]] bool is_open() const {
    return std::visit([](const auto& stream) { return stream.is_open(); }, value_);
  }
  /// Returns the address of the peer; see `ByteStream`.
  [[nodiscard]] const address& peer() const {
    return std::visit([](const auto& stream) -> const address& { return stream.peer(); }, value_);
  }
  /// Replaces the address of the peer; see `ByteStream`.
  void set_peer(const address& where) {
    visit([&where](auto& stream) { stream.set_peer(where); });
  }

  /// Moves the stream to another runtime; see `ByteStream`.
  template <class Runtime>
  either_stream move_to(Runtime& runtime) {
    return visit([&runtime](auto& stream) { return either_stream(stream.move_to(runtime)); });
  }

  /// Returns the stream that it is.
  [[nodiscard]] std::variant<A, B>& value() { return value_; }

 private:
  template <class F>
  decltype(auto) visit(F use) {
    return std::visit(use, value_);
  }

  std::variant<A, B> value_;
};

/// Returns what `use(stream)` returns, for the stream itself; for the one that an `either_stream` is
/// `use` must return the same type for both.
template <ByteStream S, class F>
decltype(auto) visit_stream(S& stream, F&& use) {
  return use(stream);
}
/// Returns what `use` returns for the stream that `stream` is.
template <ByteStream A, ByteStream B, class F>
decltype(auto) visit_stream(either_stream<A, B>& stream, F&& use) {
  return std::visit([&use](auto& each) -> decltype(auto) { return visit_stream(each, use); },
                    stream.value());
}

}  // namespace rathole::io
