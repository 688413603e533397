#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace rathole::test {

[[noreturn]] inline void throw_errno(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

inline sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// A blocking TCP socket on 127.0.0.1. Unexpected failures throw `std::system_error`; a receive or
/// send that takes longer than the time limit throws it with EAGAIN.
class tcp_socket {
 public:
  tcp_socket() = default;
  explicit tcp_socket(int fd) : fd_(fd) {}
  tcp_socket(tcp_socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  tcp_socket& operator=(tcp_socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~tcp_socket() { close(); }

  /// Connects; returns nothing if the connection is refused.
  static std::optional<tcp_socket> try_connect(std::uint16_t port,
                                               std::chrono::milliseconds limit) {
    tcp_socket socket = unconnected();
    socket.time_limit(limit);
    const sockaddr_in to = loopback(port);
    if (::connect(socket.fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0)
      return socket;
    if (errno == ECONNREFUSED || errno == ECONNRESET) return std::nullopt;
    throw_errno("connect");
  }
  static tcp_socket connect(std::uint16_t port,
                            std::chrono::milliseconds limit = std::chrono::seconds{30}) {
    auto socket = try_connect(port, limit);
    if (!socket)
      throw std::system_error(ECONNREFUSED, std::generic_category(),
                              "connect to port " + std::to_string(port));
    return std::move(*socket);
  }
  /// Connects from 127.0.0.`last`.
  static tcp_socket connect_from(std::uint8_t last, std::uint16_t port,
                                 std::chrono::milliseconds limit = std::chrono::seconds{30}) {
    tcp_socket socket = unconnected();
    socket.time_limit(limit);
    sockaddr_in from = loopback(0);
    from.sin_addr.s_addr = htonl(0x7f000000U | last);
    if (::bind(socket.fd_, reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0)
      throw_errno("bind");
    const sockaddr_in to = loopback(port);
    if (::connect(socket.fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
      throw_errno("connect");
    return socket;
  }
  /// Returns a listener on `port`, or on one that the system chooses if it is 0.
  static tcp_socket listen(std::uint16_t port = 0) {
    tcp_socket socket = unconnected();
    const int on = 1;
    if (port != 0) ::setsockopt(socket.fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const sockaddr_in at = loopback(port);
    if (::bind(socket.fd_, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0)
      throw_errno("bind");
    if (::listen(socket.fd_, 1024) != 0) throw_errno("listen");
    return socket;
  }
  static tcp_socket unconnected() {
    tcp_socket socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (socket.fd_ < 0) throw_errno("socket");
    return socket;
  }

  /// Returns the next connection, or nothing once the listener has been shut down.
  std::optional<tcp_socket> accept() {
    for (;;) {
      const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd >= 0) return tcp_socket{fd};
      if (errno != EINTR && errno != ECONNABORTED) return std::nullopt;
    }
  }

  std::uint16_t port() const {
    sockaddr_in at{};
    socklen_t size = sizeof at;
    if (::getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size) != 0)
      throw_errno("getsockname");
    return ntohs(at.sin_port);
  }

  void send_all(std::string_view data) {
    while (!data.empty()) {
      const ssize_t n = ::send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
      if (n > 0)
        data.remove_prefix(static_cast<std::size_t>(n));
      else if (errno != EINTR)
        throw_errno("send");
    }
  }
  /// Sends to a peer that may have reset the connection; returns whether it had not yet.
  bool try_send_all(std::string_view data) {
    try {
      send_all(data);
      return true;
    } catch (const std::system_error&) {
      return false;
    }
  }
  /// Sends until the buffers on the path are full, and nothing has moved for `pause`; returns how
  /// much.
  std::size_t send_until_blocked(std::string_view data, std::chrono::milliseconds pause) {
    std::size_t sent = 0;
    pollfd entry{fd_, POLLOUT, 0};
    while (sent < data.size() && ::poll(&entry, 1, static_cast<int>(pause.count())) > 0) {
      const std::string_view rest = data.substr(sent, 65536);
      const ssize_t n = ::send(fd_, rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n > 0)
        sent += static_cast<std::size_t>(n);
      else if (errno != EAGAIN && errno != EINTR)
        throw_errno("send");
    }
    return sent;
  }
  /// Receives at most `size` bytes into `data`; returns 0 at the end of the stream.
  std::size_t receive_some(char* data, std::size_t size) {
    for (;;) {
      const ssize_t n = ::recv(fd_, data, size, 0);
      if (n >= 0) return static_cast<std::size_t>(n);
      if (errno != EINTR) throw_errno("recv");
    }
  }
  /// Receives exactly `size` bytes, or fewer if the stream ends before.
  std::string receive(std::size_t size) {
    std::string data(size, '\0');
    std::size_t have = 0;
    while (have < size) {
      const std::size_t n = receive_some(data.data() + have, size - have);
      if (n == 0) break;
      have += n;
    }
    data.resize(have);
    return data;
  }
  /// Receives everything up to the end of the stream.
  std::string receive_all() {
    std::string data;
    char chunk[16384];
    while (const std::size_t n = receive_some(chunk, sizeof chunk)) data.append(chunk, n);
    return data;
  }
  /// Returns whether the peer ends, in order or by a reset, before any further byte.
  bool ends() {
    char byte = 0;
    try {
      return receive_some(&byte, 1) == 0;
    } catch (const std::system_error& error) {
      if (error.code() == std::errc::connection_reset) return true;
      throw;
    }
  }

  void time_limit(std::chrono::milliseconds limit) {
    timeval value{};
    value.tv_sec = static_cast<time_t>(limit.count() / 1000);
    value.tv_usec = static_cast<suseconds_t>(limit.count() % 1000 * 1000);
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &value, sizeof value);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &value, sizeof value);
  }
  void shutdown_write() { ::shutdown(fd_, SHUT_WR); }
  /// Shuts down both directions; a thread that is blocked on the socket wakes up.
  void shutdown() { ::shutdown(fd_, SHUT_RDWR); }
  /// Closes with a reset instead of an orderly end.
  void reset() {
    const linger at_once{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
  }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  int fd() const { return fd_; }

 private:
  int fd_ = -1;
};

/// Reserves a port while the object exists. It is bound but not listening, so connections to it are
/// refused, and a program that sets SO_REUSEADDR, as servers do, can listen on it.
class reserved_port {
 public:
  /// Reserves a port that the system chooses.
  reserved_port() : reserved_port(0) {}
  /// Reserves `wanted`, or a port that the system chooses if it is 0.
  explicit reserved_port(std::uint16_t wanted) : socket_(tcp_socket::unconnected()) {
    const int on = 1;
    ::setsockopt(socket_.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const sockaddr_in at = loopback(wanted);
    if (::bind(socket_.fd(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0)
      throw_errno("bind");
    number_ = socket_.port();
  }
  operator std::uint16_t() const { return number_; }

 private:
  tcp_socket socket_;
  std::uint16_t number_ = 0;
};

}  // namespace rathole::test
