#pragma once

#include <rathole/core/last_error.hpp>
#include <rathole/core/result.hpp>
#include <rathole/io/socket/descriptor.hpp>

#include <asio/ip/tcp.hpp>

#include <sys/socket.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace rathole::io {

/// A TCP connection to one address, under way or established. Its socket is in non-blocking
/// mode.
class dial_attempt {
 public:
  /// Asio's type for an address and a port.
  using endpoint = asio::ip::tcp::endpoint;

  /// Starts to connect to `to`. Fails with the system's error if the attempt fails at once.
  static result<dial_attempt> begin(const endpoint& to) {
    descriptor socket(
        ::socket(to.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
    if (!socket.is_open()) return failure(last_error());
    dial_attempt begun(std::move(socket), to);
    auto connected = begun.check();
    // A connection on this machine is already established when connect(2) returns.
    if (connected && !*connected) connected = begun.check();
    if (!connected) return failure(connected.error());
    return begun;
  }

  /// Checks the progress: returns true once connected and false while under way; fails with the
  /// error of the attempt.
  result<bool> check() {
    for (;;) {
      if (::connect(socket_.get(), to_.data(), static_cast<socklen_t>(to_.size())) == 0) break;
      if (errno == EISCONN) break;
      if (errno == EINPROGRESS || errno == EALREADY) return false;
      if (errno != EINTR) return failure(last_error());
    }
    // A dial to a local port without a listener may get that same port and connect to itself.
    if (is_self_connected()) return failure(std::make_error_code(std::errc::connection_refused));
    is_connected_ = true;
    return true;
  }

  /// Returns whether the connection was established at the last check.
  [[nodiscard]] bool is_connected() const { return is_connected_; }
  /// Returns the address that is dialled.
  [[nodiscard]] const endpoint& to() const { return to_; }
  /// Returns the socket.
  [[nodiscard]] int get() const { return socket_.get(); }

  /// Gives up ownership of the socket and returns it.
  descriptor release() { return std::exchange(socket_, {}); }

 private:
  dial_attempt(descriptor socket, const endpoint& to) : socket_(std::move(socket)), to_(to) {}

  [[nodiscard]] bool is_self_connected() const {
    endpoint here;
    auto size = static_cast<socklen_t>(here.capacity());
    if (::getsockname(socket_.get(), here.data(), &size) != 0) return false;
    here.resize(size);
    return here == to_;
  }

  descriptor socket_;
  endpoint to_;
  bool is_connected_ = false;
};

}  // namespace rathole::io
