#pragma once

#include "eventually.hpp"
#include "udp.hpp"
#include "visitors.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::test {

/// One visitor of a UDP service that replies with `expected`, by default an echo. A datagram may be
/// lost, so requests are repeated; a reply that belongs neither to this request nor to an earlier
/// one is an error.
class udp_visitor {
 public:
  explicit udp_visitor(std::uint16_t port, int family = AF_INET,
                       udp_service::handler expected = udp_service::same)
      : socket_(family), expected_(std::move(expected)) {
    socket_.connect(port);
  }

  /// Sends a datagram until its reply has arrived; returns a description of the error, or nothing.
  std::string ask(std::string_view question, std::chrono::milliseconds limit = test_timeout) {
    const std::string wanted = expected_(question);
    const auto deadline = std::chrono::steady_clock::now() + limit;
    do {
      socket_.send(question);
      while (const auto answer = socket_.receive(std::chrono::milliseconds{300})) {
        if (*answer == wanted) {
          earlier_.push_back(wanted);
          return {};
        }
        if (std::ranges::find(earlier_, *answer) == earlier_.end())
          return "another answer, of " + std::to_string(answer->size()) + " bytes";
      }
    } while (std::chrono::steady_clock::now() < deadline);
    // It may still arrive.
    earlier_.push_back(wanted);
    return "no answer";
  }
  /// Returns whether a short request is answered in time.
  bool is_served(std::chrono::milliseconds limit = test_timeout) {
    return ask("question " + std::to_string(++questions_), limit).empty();
  }
  udp_socket& socket() { return socket_; }

 private:
  udp_socket socket_;
  udp_service::handler expected_;
  std::vector<std::string> earlier_;
  std::size_t questions_ = 0;
};

/// Many simultaneous visitors of a UDP echo service. Each sends its own datagrams, of all sizes up
/// to 1,400 bytes, each when the reply to the previous one has arrived, and repeats it otherwise.
class udp_crowd {
 public:
  udp_crowd(std::size_t count, std::size_t datagrams, std::uint64_t seed) : visitors_(count) {
    const std::string pool = random_bytes(1 << 20, seed);
    std::mt19937_64 generator(seed + 1);
    std::uniform_int_distribution<std::size_t> size(0, 1400 - 16);
    std::uniform_int_distribution<std::size_t> offset(0, pool.size() - 1400);
    for (std::size_t i = 0; i < count; ++i)
      for (std::size_t k = 0; k < datagrams; ++k)
        visitors_[i].requests.push_back(std::to_string(i) + "/" + std::to_string(k) + " " +
                                        pool.substr(offset(generator), size(generator)));
  }

  /// Visits `port`; returns a description of the first error, or nothing.
  std::string visit(std::uint16_t port, std::chrono::milliseconds limit) {
    std::vector<pollfd> polls;
    for (visitor& each : visitors_) {
      each.socket.connect(port);
      polls.push_back({each.socket.fd(), POLLIN, 0});
    }
    const auto deadline = clock::now() + limit;
    for (std::size_t left = visitors_.size(); left > 0;) {
      if (clock::now() >= deadline) return std::to_string(left) + " visitors did not finish";
      for (visitor& each : visitors_) each.speak();
      ::poll(polls.data(), polls.size(), 50);
      for (std::size_t i = 0; i < visitors_.size(); ++i) {
        if (polls[i].fd < 0 || polls[i].revents == 0) continue;
        while (const auto answer = visitors_[i].socket.receive(std::chrono::milliseconds{0}))
          if (!visitors_[i].on_reply(*answer))
            return "visitor " + std::to_string(i) + ": bytes that it did not send";
        if (!visitors_[i].has_finished()) continue;
        polls[i].fd = -1;
        --left;
      }
    }
    return {};
  }

 private:
  using clock = std::chrono::steady_clock;

  struct visitor {
    udp_socket socket;
    std::vector<std::string> requests;
    std::size_t answered = 0;
    clock::time_point again{};

    bool has_finished() const { return answered == requests.size(); }
    void speak() {
      if (has_finished() || clock::now() < again) return;
      socket.send(requests[answered]);
      again = clock::now() + std::chrono::milliseconds{500};
    }
    bool on_reply(const std::string& answer) {
      if (!has_finished() && answer == requests[answered]) {
        ++answered;
        again = {};
        speak();
        return true;
      }
      const auto earlier = requests.begin() + static_cast<std::ptrdiff_t>(answered);
      return std::find(requests.begin(), earlier, answer) != earlier;
    }
  };

  std::vector<visitor> visitors_;
};

}  // namespace rathole::test
