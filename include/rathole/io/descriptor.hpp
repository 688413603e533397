#pragma once

#include <rathole/core/language.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

namespace rathole::io {

/// Sets whether the kernel resets the TCP connection of `socket` when the last descriptor of it is
/// closed (SO_LINGER with time 0, socket(7)), also by the end of the process, however that comes.
inline void reset_on_close(int socket, bool on) {
  const linger hard{on ? 1 : 0, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

/// Owns a file descriptor and closes it; -1 is none.
class descriptor {
 public:
  descriptor() = default;
  explicit descriptor(int fd) : fd_(fd) {}
  descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~descriptor() { close(); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }

  /// Gives it away.
  int release() { return std::exchange(fd_, -1); }

  void close() {
    if (is_open()) ::close(release());
  }

  /// Closes a TCP connection with a reset, so that the peer does not take it for one that ended in
  /// order.
  void abort() {
    if (!is_open()) return;
    reset_on_close(fd_, true);
    close();
  }

 private:
  int fd_ = -1;
};

/// Sends what a TCP socket holds back since a send(2) with MSG_MORE.
inline void send_held_back(int socket) {
  // Taking the cork out sends, even where it was never in, and whatever TCP_NODELAY is (tcp(7)).
  const int off = 0;
  ::setsockopt(socket, IPPROTO_TCP, TCP_CORK, &off, sizeof off);
}

}  // namespace rathole::io
