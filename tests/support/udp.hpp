#pragma once

#include "net.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace rathole::test {

/// A UDP socket on the loopback address of its family, with room for what a test sends at once.
class udp_socket {
 public:
  explicit udp_socket(int family = AF_INET)
      : family_(family), fd_(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    if (fd_ < 0) throw_errno("socket");
    const int room = 4 << 20;
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  }
  udp_socket(udp_socket&& other) noexcept
      : family_(other.family_), fd_(std::exchange(other.fd_, -1)) {}
  udp_socket& operator=(udp_socket&& other) noexcept {
    std::swap(family_, other.family_);
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~udp_socket() {
    if (fd_ >= 0) ::close(fd_);
  }

  /// Binds to a port, by default one that the system chooses; returns false if it is in use.
  bool try_bind(std::uint16_t port = 0) {
    const address at(family_, port);
    return ::bind(fd_, at.plain(), at.size()) == 0;
  }
  void bind(std::uint16_t port = 0) {
    if (!try_bind(port)) throw_errno("bind");
  }
  /// Binds to 127.0.0.`last`, and a port that the system chooses.
  void bind_at(std::uint8_t last) {
    address at(AF_INET, 0);
    at.v4.sin_addr.s_addr = htonl(0x7f000000U | last);
    if (::bind(fd_, at.plain(), at.size()) != 0) throw_errno("bind");
  }
  /// Connects to this port, for IPv4 of 127.0.0.`last`.
  void connect(std::uint16_t port, std::uint8_t last = 1) {
    address to(family_, port);
    if (family_ == AF_INET) to.v4.sin_addr.s_addr = htonl(0x7f000000U | last);
    if (::connect(fd_, to.plain(), to.size()) != 0) throw_errno("connect");
  }
  std::uint16_t port() const {
    sockaddr_in6 at{};
    socklen_t size = sizeof at;
    if (::getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size) != 0)
      throw_errno("getsockname");
    // The port is at the same place in the addresses of both families.
    return ntohs(at.sin6_port);
  }
  /// Returns false if the system does not accept the datagram, or reports an earlier ICMP error.
  bool send(std::string_view datagram) {
    return ::send(fd_, datagram.data(), datagram.size(), MSG_NOSIGNAL) >= 0;
  }
  /// Returns the next datagram, or nothing after `limit`; ICMP errors are ignored.
  std::optional<std::string> receive(std::chrono::milliseconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    std::string room(65536, '\0');
    for (;;) {
      const ssize_t n = ::recv(fd_, room.data(), room.size(), MSG_DONTWAIT);
      if (n >= 0) {
        room.resize(static_cast<std::size_t>(n));
        return room;
      }
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      if (left.count() <= 0) return std::nullopt;
      pollfd entry{fd_, POLLIN, 0};
      ::poll(&entry, 1, static_cast<int>(left.count()));
    }
  }
  int fd() const { return fd_; }

 private:
  struct address {
    address(int family, std::uint16_t port) {
      if (family == AF_INET6) {
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(port);
        v6.sin6_addr = in6addr_loopback;
      } else {
        v4 = loopback(port);
      }
    }
    const sockaddr* plain() const {
      return v6.sin6_family == AF_INET6 ? reinterpret_cast<const sockaddr*>(&v6)
                                        : reinterpret_cast<const sockaddr*>(&v4);
    }
    socklen_t size() const { return v6.sin6_family == AF_INET6 ? sizeof v6 : sizeof v4; }
    sockaddr_in v4{};
    sockaddr_in6 v6{};
  };

  int family_;
  int fd_;
};

/// Returns a UDP port that is free, a different one at each call. It is below those that the system
/// gives to sockets which name none (ip(7)), so that it stays free until it is used.
inline std::uint16_t free_udp_port() {
  constexpr unsigned first = 10'000;
  unsigned end = 0;
  std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> end;
  if (end <= first)
    throw std::runtime_error("the system chooses ports from " + std::to_string(end));
  // Tests that run at the same time begin at different places.
  static std::atomic<unsigned> next = static_cast<unsigned>(::getpid()) * 7919;
  for (unsigned tries = first; tries < end; ++tries) {
    const auto port = static_cast<std::uint16_t>(first + next++ % (end - first));
    if (udp_socket().try_bind(port)) return port;
  }
  throw std::runtime_error("no UDP port is free");
}

/// Returns a reserved TCP port whose number is free as a UDP port.
inline reserved_port reserve_both() {
  for (;;) {
    const std::uint16_t port = free_udp_port();
    try {
      return reserved_port(port);
    } catch (const std::system_error&) {
      // It is in use by TCP.
    }
  }
}

/// A UDP service with its own thread, on a port that the system chooses or a given one. It sends
/// back what the handler returns for each datagram.
class udp_service {
 public:
  using handler = std::function<std::string(std::string_view)>;

  static std::string same(std::string_view datagram) { return std::string(datagram); }

  explicit udp_service(std::uint16_t port = 0, handler answer = same, int family = AF_INET)
      : answer_(std::move(answer)), socket_(family), stop_(::eventfd(0, EFD_CLOEXEC)) {
    if (stop_ < 0) throw_errno("eventfd");
    socket_.bind(port);
    thread_ = std::thread([this] { run(); });
  }
  explicit udp_service(handler answer) : udp_service(0, std::move(answer)) {}
  udp_service(const udp_service&) = delete;
  udp_service& operator=(const udp_service&) = delete;
  ~udp_service() {
    const std::uint64_t one = 1;
    if (::write(stop_, &one, sizeof one) < 0) std::abort();
    thread_.join();
    ::close(stop_);
  }

  std::uint16_t port() const { return socket_.port(); }
  /// Returns how many datagrams have arrived.
  std::size_t received() const { return received_; }

 private:
  void run() {
    std::vector<char> room(65536);
    std::array<pollfd, 2> entries{pollfd{socket_.fd(), POLLIN, 0}, pollfd{stop_, POLLIN, 0}};
    for (;;) {
      ::poll(entries.data(), entries.size(), -1);
      if (entries[1].revents != 0) return;
      sockaddr_in6 from{};
      socklen_t size = sizeof from;
      auto* const peer = reinterpret_cast<sockaddr*>(&from);
      const ssize_t n =
          ::recvfrom(socket_.fd(), room.data(), room.size(), MSG_DONTWAIT, peer, &size);
      if (n < 0) continue;
      ++received_;
      const std::string answer = answer_({room.data(), static_cast<std::size_t>(n)});
      ::sendto(socket_.fd(), answer.data(), answer.size(), 0, peer, size);
    }
  }

  handler answer_;
  udp_socket socket_;
  int stop_;
  std::atomic<std::size_t> received_ = 0;
  std::thread thread_;
};

}  // namespace rathole::test
