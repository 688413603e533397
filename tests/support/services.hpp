#pragma once

#include "net.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace rathole::test {

/// A TCP service on a given port, or on one that the system chooses: every connection gets a thread that runs
/// the handler. The destructor ends it with all its connections.
class service {
 public:
  using handler = std::function<void(tcp_socket&)>;

  explicit service(handler handle, std::uint16_t port = 0)
      : handle_(std::move(handle)), listener_(tcp_socket::listen(port)) {
    port_ = listener_.port();
    acceptor_ = std::thread([this] { accept(); });
  }
  service(const service&) = delete;
  service& operator=(const service&) = delete;
  ~service() {
    listener_.shutdown();
    acceptor_.join();
    drop_connections();
    for (connection& each : connections_) each.thread.join();
  }

  std::uint16_t port() const { return port_; }
  /// Returns how many connections there have been.
  std::size_t accepted() const { return accepted_; }
  /// Closes the connections that are open now.
  void drop_connections() {
    const std::lock_guard lock(mutex_);
    for (connection& each : connections_)
      if (each.socket.fd() >= 0) each.socket.shutdown();
  }

 private:
  struct connection {
    tcp_socket socket;
    std::thread thread;
  };

  void accept() {
    while (auto socket = listener_.accept()) {
      ++accepted_;
      const std::lock_guard lock(mutex_);
      connection& added = connections_.emplace_back(connection{std::move(*socket), {}});
      added.thread = std::thread([this, &added] { serve(added.socket); });
    }
  }
  void serve(tcp_socket& socket) {
    try {
      handle_(socket);
    } catch (const std::exception&) {
      // The peer disconnected; the visitor checks whether it should have.
    }
    const std::lock_guard lock(mutex_);
    socket.close();
  }

  handler handle_;
  tcp_socket listener_;
  std::uint16_t port_ = 0;
  std::atomic<std::size_t> accepted_ = 0;
  std::mutex mutex_;
  std::list<connection> connections_;
  std::thread acceptor_;
};

/// Echoes what it receives, and ends after the visitor has ended.
inline void echo(tcp_socket& socket) {
  char chunk[65536];
  while (const std::size_t n = socket.receive_some(chunk, sizeof chunk))
    socket.send_all({chunk, n});
  socket.shutdown_write();
}

/// Returns an echo service that sends `greeting` first, so that a visitor knows which service it
/// reached.
inline service::handler greet(std::string greeting) {
  return [greeting = std::move(greeting)](tcp_socket& socket) {
    socket.send_all(greeting);
    echo(socket);
  };
}

/// Responds only after the visitor's end: with everything it sent, reversed.
inline void answer_late(tcp_socket& socket) {
  std::string received = socket.receive_all();
  std::ranges::reverse(received);
  socket.send_all(received);
  socket.shutdown_write();
}

/// Sends `last_words` and ends its own direction at once, then reads to the visitor's end.
class leaving_service {
 public:
  explicit leaving_service(std::string last_words)
      : last_words_(std::move(last_words)),
        service_([this](tcp_socket& socket) { serve(socket); }) {}

  std::uint16_t port() const { return service_.port(); }
  /// Returns whether a visitor that has ended sent exactly `text`.
  bool has_received(const std::string& text) const {
    const std::lock_guard lock(mutex_);
    return std::ranges::find(received_, text) != received_.end();
  }

 private:
  void serve(tcp_socket& socket) {
    socket.send_all(last_words_);
    socket.shutdown_write();
    std::string all = socket.receive_all();
    const std::lock_guard lock(mutex_);
    received_.push_back(std::move(all));
  }

  std::string last_words_;
  mutable std::mutex mutex_;
  std::vector<std::string> received_;
  service service_;
};

}  // namespace rathole::test
