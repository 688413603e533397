#pragma once

#include "net.hpp"
#include "services.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace rathole::test {

/// A proxy to a port of this host that adds a delay: everything arrives later by `one_way`,
/// including the connection itself.
class slow_relay {
 public:
  slow_relay(std::uint16_t to, std::chrono::milliseconds one_way)
      : to_(to), one_way_(one_way), service_([this](tcp_socket& socket) { relay(socket); }) {}

  std::uint16_t port() const { return service_.port(); }

 private:
  using time = std::chrono::steady_clock::time_point;

  /// The bytes in flight in one direction; an empty piece is the end.
  class way {
   public:
    void put(std::string piece, time at) {
      const std::lock_guard lock(mutex_);
      pieces_.emplace_back(at, std::move(piece));
      changed_.notify_one();
    }
    std::string take() {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return !pieces_.empty(); });
      auto [at, piece] = std::move(pieces_.front());
      pieces_.pop_front();
      lock.unlock();
      std::this_thread::sleep_until(at);
      return piece;
    }

   private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::pair<time, std::string>> pieces_;
  };

  void relay(tcp_socket& near) {
    std::this_thread::sleep_for(one_way_);
    tcp_socket far = tcp_socket::connect(to_, std::chrono::milliseconds{0});
    std::thread back([&] { pass(far, near); });
    pass(near, far);
    back.join();
  }

  void pass(tcp_socket& from, tcp_socket& to) {
    way on_the_way;
    std::thread sender([&] {
      try {
        for (;;) {
          const std::string piece = on_the_way.take();
          if (piece.empty()) break;
          to.send_all(piece);
        }
        to.shutdown_write();
      } catch (const std::exception&) {
        from.shutdown();
      }
    });
    std::string piece = "?";
    while (!piece.empty()) {
      char chunk[16384];
      try {
        piece.assign(chunk, from.receive_some(chunk, sizeof chunk));
      } catch (const std::exception&) {
        piece.clear();
      }
      on_the_way.put(piece, std::chrono::steady_clock::now() + one_way_);
    }
    sender.join();
  }

  std::uint16_t to_;
  std::chrono::milliseconds one_way_;
  service service_;
};

}  // namespace rathole::test
