#pragma once

#include <rathole/embed/operation.hpp>
#include <rathole/embed/stream_operations.hpp>
#include <rathole/version.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/buffer.hpp>
#include <asio/ip/tcp.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>

namespace rathole::inline RATHOLE_ABI {

/// The connection of one visitor, in the program itself: a stream of bytes whose two directions end
/// separately. It is the data channel of the tunnel, so nothing is relayed. It meets the
/// requirements of Asio's AsyncReadStream and AsyncWriteStream, so that `asio::async_read_until`,
/// `asio::ssl::stream` and the like compose on it.
///
/// One read and one write may be outstanding at a time. Distinct streams may be used by different
/// threads, one stream by one thread at a time. A stream may outlive the client or server that it
/// comes from, but like a socket of Asio not the execution context from which that was made.
///
/// Every operation takes any completion token and honours the handler's executor, allocator and
/// cancellation slot. Cancelling a read loses no bytes. Cancelling a write, which must be terminal,
/// resets the connection, because a part may have been sent. A cancelled operation, and one that is
/// outstanding when the stream is closed, completes with `asio::error::operation_aborted`.
class stream {
 public:
  /// The type of the executor.
  using executor_type = asio::any_io_executor;
  /// The stream itself, as Asio asks for it.
  using lowest_layer_type = stream;

  /// Makes a stream that is not open. Until it takes over a connection, like a stream whose
  /// connection was taken over, it has no executor: to start an operation on it is undefined, while
  /// `is_open`, `close` and `reset` may be called.
  stream() = default;
  /// Takes over the connection of `other`, which is not open afterwards.
  stream(stream&& other) noexcept
      : body_(std::move(other.body_)),
        executor_(std::move(other.executor_)),
        service_(std::move(other.service_)),
        is_open_(std::exchange(other.is_open_, false)) {}
  /// Closes the connection, and takes over that of `other`.
  stream& operator=(stream&& other) noexcept {
    if (this == &other) return *this;
    close();
    body_ = std::move(other.body_);
    executor_ = std::move(other.executor_);
    service_ = std::move(other.service_);
    is_open_ = std::exchange(other.is_open_, false);
    return *this;
  }
  /// Closes the connection like `close()`.
  ~stream() { close(); }

  /// Returns the executor of handlers that have none; the stream must be open.
  [[nodiscard]] executor_type get_executor() const { return executor_; }
  /// Returns this stream.
  lowest_layer_type& lowest_layer() { return *this; }
  /// Returns this stream.
  [[nodiscard]] const lowest_layer_type& lowest_layer() const { return *this; }

  /// Returns whether there is a connection that was not closed from this side.
  [[nodiscard]] bool is_open() const { return is_open_; }
  /// Returns the name of the visitor's service.
  [[nodiscard]] const std::string& service() const { return service_; }
  /// Returns the address of the visitor; nothing where the tunnel does not convey it, as in wire
  /// version 1.
  [[nodiscard]] std::optional<asio::ip::tcp::endpoint> remote_endpoint() const {
    return std::nullopt;
  }

  /// Reads at least one byte into `buffers`. Completes with `void(std::error_code, std::size_t)`:
  /// the number of bytes, or `asio::error::eof` when the visitor has ended its direction, or why the
  /// connection broke.
  template <class MutableBufferSequence, class Token>
  auto async_read_some(const MutableBufferSequence& buffers, Token&& token) {
    const asio::mutable_buffer room = embed::first_of<asio::mutable_buffer>(buffers);
    const auto start = [body = body_, room](auto done, auto cancel) {
      const std::span out(static_cast<std::uint8_t*>(room.data()), room.size());
      embed::read_some(body, out, std::move(done), cancel);
    };
    return embed::start_operation<std::size_t>(embed::home_of(body_), executor_, start,
                                               std::forward<Token>(token));
  }

  /// Writes some of the bytes of `buffers`, at least one. Completes with
  /// `void(std::error_code, std::size_t)`: the number of bytes, or `std::errc::broken_pipe` after
  /// `async_shutdown_send`, or why the connection broke.
  template <class ConstBufferSequence, class Token>
  auto async_write_some(const ConstBufferSequence& buffers, Token&& token) {
    auto start = [body = body_, bytes = embed::gather(buffers)](auto done, auto cancel) mutable {
      embed::write_some(body, std::move(bytes), std::move(done), cancel);
    };
    return embed::start_operation<std::size_t>(embed::home_of(body_), executor_, std::move(start),
                                               std::forward<Token>(token));
  }

  /// Ends this side's direction after the bytes that were written; reading continues. No write may
  /// be outstanding. Completes with `void(std::error_code)`.
  template <class Token>
  auto async_shutdown_send(Token&& token) {
    const auto start = [body = body_](auto done, auto) {
      embed::shutdown_send(body, std::move(done));
    };
    return embed::start_operation<>(embed::home_of(body_), executor_, start,
                                    std::forward<Token>(token));
  }

  /// Starts to end this side's direction like `async_shutdown_send`, without a completion.
  void shutdown_send() {
    async_shutdown_send([](std::error_code) {});
  }

  /// Ends both directions in order. Bytes that were written are still sent.
  void close() {
    if (std::exchange(is_open_, false)) embed::close(body_);
  }

  /// Resets the connection, so that the visitor sees that it broke.
  void reset() {
    if (std::exchange(is_open_, false)) embed::reset(body_);
  }

  /// Makes a stream of the service `service` on `body`; for the library.
  stream(embed::stream_pointer body, executor_type ex, std::string service)
      : body_(std::move(body)),
        executor_(std::move(ex)),
        service_(std::move(service)),
        is_open_(true) {}

 private:
  embed::stream_pointer body_;
  executor_type executor_;
  std::string service_;
  bool is_open_ = false;
};

}  // namespace rathole::inline RATHOLE_ABI

#if !RATHOLE_SEPARATE_COMPILATION
#include <rathole/embed/impl/stream_operations.hpp>
#endif
