#pragma once

#include <rathole/core/ip_endpoint.hpp>
#include <rathole/embed/datagram_operations.hpp>
#include <rathole/embed/datagram_stats.hpp>
#include <rathole/embed/operation.hpp>
#include <rathole/embed/stream_operations.hpp>
#include <rathole/io/udp/endpoint.hpp>
#include <rathole/version.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/buffer.hpp>
#include <asio/ip/udp.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <system_error>
#include <utility>

namespace rathole::inline RATHOLE_ABI {

/// What a listener for datagrams has done so far; see `datagram_listener::stats`.
using embed::datagram_stats;

/// A UDP service of a client that the program itself serves: its visitors' datagrams arrive without
/// a local port. It is used like a UDP socket of Asio, and is made by `client::listen_datagrams`.
///
/// Datagrams may be lost on their way, as on any network. A bounded number of bytes waits to be
/// received (`listen_datagrams_options`); further datagrams are dropped, the newest first, and
/// counted.
///
/// Every operation takes any completion token and honours the handler's executor, allocator and
/// cancellation slot. Distinct listeners may be used by different threads, one listener by one
/// thread at a time. It may outlive its client, but not the execution context of the client.
class datagram_listener {
 public:
  /// The type of the executor.
  using executor_type = asio::any_io_executor;
  /// The type of the addresses of visitors.
  using endpoint_type = asio::ip::udp::endpoint;

  /// Takes over the service of `other`, which may only be destroyed or assigned to afterwards.
  datagram_listener(datagram_listener&& other) noexcept = default;
  /// Closes the listener, and takes over that of `other`.
  datagram_listener& operator=(datagram_listener&& other) noexcept {
    if (this == &other) return *this;
    close();
    body_ = std::move(other.body_);
    return *this;
  }
  /// Closes the listener like `close()`.
  ~datagram_listener() { close(); }

  /// Returns the executor of handlers that have none.
  [[nodiscard]] executor_type get_executor() const { return embed::fallback_of(body_); }
  /// Returns the name of the service.
  [[nodiscard]] const std::string& service() const { return embed::service_of(body_); }

  /// Receives the datagram that has waited longest, as soon as there is one, into `buffers`, and
  /// stores the address of its visitor, as the server sees it, in `sender`. Both must live until the
  /// operation completes, with `void(std::error_code, std::size_t)`: the number of bytes, which is 0
  /// for an empty datagram. What does not fit is lost, as with a UDP socket. Several calls may be
  /// outstanding; they are served in order.
  ///
  /// Fails with `asio::error::operation_aborted` if it is cancelled, which loses no datagram, or the
  /// listener closed, and with `errc::invalid_settings` if the client cannot have the service, for
  /// example because it has one of this name.
  template <class MutableBufferSequence, class Token>
  auto async_receive_from(const MutableBufferSequence& buffers, endpoint_type& sender,
                          Token&& token) {
    auto take = [buffers, &sender](const ip_endpoint& from, std::span<const std::uint8_t> payload) {
      sender = io::to_asio(from);
      return asio::buffer_copy(buffers, asio::buffer(payload.data(), payload.size()));
    };
    auto start = [body = body_, take](auto done, const auto& cancel) mutable {
      embed::receive_from(body, std::move(take), std::move(done), cancel);
    };
    return embed::start_operation<std::size_t>(embed::home_of(body_), embed::fallback_of(body_),
                                               std::move(start), std::forward<Token>(token));
  }

  /// Sends the bytes of `buffers` as one datagram to the visitor `to`, on the data channel of the
  /// visitor's last datagram. Completes without waiting for anything, with
  /// `void(std::error_code, std::size_t)`: the number of bytes, also if the datagram is lost. It is
  /// lost, and counted, if the visitor is not remembered, because it was idle for
  /// `udp.idle_timeout` or is not one of the last `udp.max_visitors`, if there is no data channel,
  /// or if more than `udp.queue_size` bytes wait for it.
  ///
  /// Fails with `asio::error::message_size` if there are more than 65,507 bytes, and as
  /// `async_receive_from` does if the listener is closed.
  template <class ConstBufferSequence, class Token>
  auto async_send_to(const ConstBufferSequence& buffers, const endpoint_type& to, Token&& token) {
    auto start = [body = body_, visitor = io::to_ip_endpoint(to), payload = embed::gather(buffers)](
                     auto done, const auto&) {
      embed::send_to(body, visitor, payload, std::move(done));
    };
    return embed::start_operation<std::size_t>(embed::home_of(body_), embed::fallback_of(body_),
                                               std::move(start), std::forward<Token>(token));
  }

  /// Stops receiving: the client gives up the service, datagrams that wait are dropped, and
  /// outstanding calls of `async_receive_from` are aborted.
  void close() {
    if (body_) embed::close(body_);
  }

  /// Returns what the listener has done so far. May be called by any thread.
  [[nodiscard]] datagram_stats stats() const { return embed::stats_of(body_); }

  /// Returns the text of an error of the listener's operations; see `listener::explain`. May be
  /// called by any thread.
  [[nodiscard]] std::string explain(std::error_code ec) const { return embed::explain(body_, ec); }

 private:
  friend class client;
  explicit datagram_listener(embed::datagram_listener_pointer body) : body_(std::move(body)) {}

  embed::datagram_listener_pointer body_;
};

}  // namespace rathole::inline RATHOLE_ABI

#if !RATHOLE_SEPARATE_COMPILATION
#include <rathole/embed/impl/datagram_operations.hpp>
#endif
