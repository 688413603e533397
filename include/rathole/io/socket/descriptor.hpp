#pragma once

#include <rathole/core/last_error.hpp>
#include <rathole/core/require_cxx23.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <system_error>
#include <utility>

namespace rathole::io {

/// Sets whether the kernel resets the TCP connection of `socket` when its last descriptor is closed
/// (SO_LINGER with time 0, socket(7)), which includes any end of the process.
inline void reset_on_close(int socket, bool on) {
  const linger hard{on ? 1 : 0, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

/// Owns a file descriptor and closes it; -1 means none.
class descriptor {
 public:
  /// Makes an object that owns no descriptor.
  descriptor() = default;
  /// Takes ownership of `fd`.
  explicit descriptor(int fd) : fd_(fd) {}
  /// Takes the descriptor of `other`.
  descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  /// Exchanges the descriptors.
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  /// Closes the descriptor.
  ~descriptor() { close(); }

  /// Returns the descriptor, or -1.
  [[nodiscard]] int get() const { return fd_; }
  /// Returns whether there is a descriptor.
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }

  /// Gives up ownership of the descriptor and returns it.
  int release() { return std::exchange(fd_, -1); }

  /// Closes the descriptor, if there is one.
  void close() {
    if (is_open()) ::close(release());
  }

  /// Closes a TCP connection with a reset, so that the peer does not mistake it for one that ended
  /// in order.
  void abort() {
    if (!is_open()) return;
    reset_on_close(fd_, true);
    close();
  }

 private:
  int fd_ = -1;
};

/// Sends what a TCP socket holds after a send(2) with MSG_MORE.
inline void uncork(int socket) {
  // Clearing TCP_CORK sends the bytes even if it was not set, and whatever TCP_NODELAY is (tcp(7)).
  const int off = 0;
  ::setsockopt(socket, IPPROTO_TCP, TCP_CORK, &off, sizeof off);
}

/// Returns the error that a socket has pending, and clears it.
inline std::error_code pending_error(int socket) {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return last_error();
  return {error, std::system_category()};
}

}  // namespace rathole::io
