#pragma once

#include "eventually.hpp"
#include "net.hpp"

#include <fcntl.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::test {

/// Returns pseudo-random bytes that are the same in every run.
inline std::string random_bytes(std::size_t size, std::uint64_t seed) {
  std::mt19937_64 generator(seed);
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; i += 8) {
    const std::uint64_t word = generator();
    std::memcpy(bytes.data() + i, &word, std::min<std::size_t>(8, size - i));
  }
  return bytes;
}

/// Makes one short visit to an echo service behind `port`; returns whether `text` came back and
/// then the end, within `limit`. A `greeting` must come first if it is not empty.
inline bool round_trip(std::uint16_t port, std::string_view text = "hello through the tunnel",
                       std::string_view greeting = {},
                       std::chrono::milliseconds limit = std::chrono::seconds{2}) {
  try {
    auto visitor = tcp_socket::try_connect(port, limit);
    if (!visitor) return false;
    visitor->send_all(text);
    visitor->shutdown_write();
    return visitor->receive_all() == std::string(greeting) + std::string(text);
  } catch (const std::system_error&) {
    return false;
  }
}

/// Makes one short visit to an echo service behind `port` without ending one direction alone, for
/// transports that cannot pass that on.
inline bool answered(std::uint16_t port,
                     std::chrono::milliseconds limit = std::chrono::seconds{2}) {
  constexpr std::string_view text = "hello through the tunnel";
  try {
    auto visitor = tcp_socket::try_connect(port, limit);
    if (!visitor) return false;
    visitor->send_all(text);
    return visitor->receive(text.size()) == text;
  } catch (const std::system_error&) {
    return false;
  }
}

/// Returns whether connections to `port` are refused.
inline bool refused(std::uint16_t port) {
  return !tcp_socket::try_connect(port, std::chrono::seconds{2}).has_value();
}

/// Says when a visitor ends its direction: after sending everything, and then it expects the echo's
/// end; or only by closing once everything has come back.
enum class end_of_sending { after_sending, after_answer };

/// Many simultaneous visitors of an echo service: each sends its own bytes while it compares every
/// byte that comes back.
class visitor_crowd {
 public:
  visitor_crowd(std::size_t count, std::size_t bytes_each, std::uint64_t seed,
                end_of_sending when = end_of_sending::after_sending)
      : count_(count),
        size_(bytes_each),
        end_of_sending_(when),
        pool_(random_bytes(bytes_each + 4'000'000, seed)) {
    std::mt19937_64 generator(seed + 1);
    std::uniform_int_distribution<std::size_t> offset(0, 4'000'000);
    for (std::size_t i = 0; i < count; ++i) offsets_.push_back(offset(generator));
  }

  /// Visits `port`; returns a description of the first error, or nothing.
  std::string visit(std::uint16_t port, std::chrono::milliseconds limit) {
    std::vector<visitor> visitors(count_);
    std::vector<pollfd> polls;
    for (std::size_t i = 0; i < count_; ++i) {
      visitors[i].socket = tcp_socket::connect(port);
      visitors[i].data = std::string_view(pool_).substr(offsets_[i], size_);
      const int fd = visitors[i].socket.fd();
      ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
      polls.push_back({fd, POLLIN | POLLOUT, 0});
    }
    const auto deadline = std::chrono::steady_clock::now() + limit;
    for (std::size_t left = count_; left > 0;) {
      if (std::chrono::steady_clock::now() >= deadline) return describe(visitors, left);
      ::poll(polls.data(), polls.size(), 100);
      for (std::size_t i = 0; i < count_; ++i) {
        if (polls[i].fd < 0 || polls[i].revents == 0) continue;
        if (const std::string wrong = advance(visitors[i], polls[i]); !wrong.empty())
          return "visitor " + std::to_string(i) + ": " + wrong;
        if (polls[i].fd < 0) --left;
      }
    }
    return {};
  }

 private:
  struct visitor {
    tcp_socket socket;
    std::string_view data;
    std::size_t sent = 0;
    std::size_t received = 0;
  };

  std::string advance(visitor& self, pollfd& entry) const {
    if (self.sent < self.data.size() && (entry.revents & POLLOUT) != 0) {
      const std::string_view rest = self.data.substr(self.sent, 65536);
      const ssize_t n = ::send(entry.fd, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (n < 0 && errno != EAGAIN) return std::string("send: ") + std::strerror(errno);
      if (n > 0) self.sent += static_cast<std::size_t>(n);
      if (self.sent == self.data.size()) {
        if (end_of_sending_ == end_of_sending::after_sending) self.socket.shutdown_write();
        entry.events = POLLIN;
      }
    }
    if ((entry.revents & (POLLIN | POLLHUP | POLLERR)) == 0) return {};
    char chunk[65536];
    const ssize_t n = ::recv(entry.fd, chunk, sizeof chunk, 0);
    if (n < 0) return errno == EAGAIN ? "" : std::string("recv: ") + std::strerror(errno);
    const std::string_view got(chunk, static_cast<std::size_t>(n));
    const std::string at = " at byte " + std::to_string(self.received);
    if (got.empty()) {
      if (self.received < self.data.size()) return "ended" + at;
      entry.fd = -1;
      return {};
    }
    if (self.data.substr(self.received, got.size()) != got) return "other bytes" + at;
    self.received += got.size();
    if (end_of_sending_ == end_of_sending::after_answer && self.received == self.data.size()) {
      self.socket.close();
      entry.fd = -1;
    }
    return {};
  }
  std::string describe(const std::vector<visitor>& visitors, std::size_t left) const {
    std::string text = std::to_string(left) + " visitors did not finish:";
    for (const visitor& each : visitors)
      if (each.received < size_)
        text += " " + std::to_string(each.sent) + "/" + std::to_string(each.received);
    return text;
  }

  std::size_t count_;
  std::size_t size_;
  end_of_sending end_of_sending_;
  std::string pool_;
  std::vector<std::size_t> offsets_;
};

}  // namespace rathole::test
