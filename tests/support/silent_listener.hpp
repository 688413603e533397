#pragma once

#include "support/net.hpp"

#include <netinet/tcp.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace rathole::test {

/// A listener, on all of 127.0.0.0/8, whose queue is full: connections get no answer, as from a
/// network that is cut, until `answer` is called.
class silent_listener {
 public:
  silent_listener() : listener_(tcp_socket::unconnected()) {
    sockaddr_in anywhere{};
    anywhere.sin_family = AF_INET;
    if (::bind(listener_.fd(), reinterpret_cast<const sockaddr*>(&anywhere), sizeof anywhere) != 0)
      throw_errno("bind");
    if (::listen(listener_.fd(), 0) != 0) throw_errno("listen");
    const sockaddr_in to = loopback(port());
    for (;;) {
      tcp_socket next{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
      const auto* const where = reinterpret_cast<const sockaddr*>(&to);
      // The second call returns whether the first was answered.
      if (::connect(next.fd(), where, sizeof to) != 0 &&
          ::connect(next.fd(), where, sizeof to) != 0 && errno == EALREADY) {
        return;
      }
      queue_.push_back(std::move(next));
    }
  }

  [[nodiscard]] std::uint16_t port() const { return listener_.port(); }

  /// Empties the queue: from now on connections are answered.
  void answer() {
    for (; !queue_.empty(); queue_.pop_back()) listener_.accept();
  }

  /// Returns the next connection that is answered.
  std::optional<tcp_socket> accept() { return listener_.accept(); }

 private:
  tcp_socket listener_;
  std::vector<tcp_socket> queue_;
};

/// Returns our sockets that wait for an answer to their SYN, by their local ports.
inline std::vector<std::uint16_t> connecting_ports() {
  std::vector<std::uint16_t> out;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int fd = std::stoi(entry.path().filename().string());
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) continue;
    if (info.tcpi_state != TCP_SYN_SENT) continue;
    sockaddr_in local{};
    size = sizeof local;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&local), &size) == 0) {
      out.push_back(ntohs(local.sin_port));
    }
  }
  return out;
}

}  // namespace rathole::test
