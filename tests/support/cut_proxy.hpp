#pragma once

#include "net.hpp"
#include "services.hpp"

#include <cstdint>
#include <exception>
#include <list>
#include <mutex>
#include <string>
#include <thread>

namespace rathole::test {

/// A proxy between client and server (plain TCP) that can cut or hold the connections through it. A
/// connection is seen once its Hello (37 bytes) has arrived, and open once that was passed on or held.
class cut_proxy {
 public:
  enum class kind { control, data };

  explicit cut_proxy(std::uint16_t server_port)
      : server_port_(server_port), service_([this](tcp_socket& socket) { relay(socket); }) {}
  ~cut_proxy() {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (link& each : links_) each.shutdown();
  }

  /// Returns the address for the client.
  std::uint16_t port() const { return service_.port(); }
  /// Returns how many connections of a kind are open.
  std::size_t open(kind which) const {
    const std::lock_guard lock(mutex_);
    std::size_t n = 0;
    for (const link& each : links_) n += each.which == which && each.is_open ? 1 : 0;
    return n;
  }
  /// Returns how many connections of a kind there have been.
  std::size_t seen(kind which) const {
    const std::lock_guard lock(mutex_);
    return which == kind::data ? data_seen_ : control_seen_;
  }
  /// Closes the open connections of a kind, towards both sides.
  void cut(kind which) {
    const std::lock_guard lock(mutex_);
    for (link& each : links_)
      if (each.which == which && each.is_open) each.shutdown();
  }
  /// While on, new data channels stay open towards the client but never reach the server.
  void hold_data(bool on) {
    const std::lock_guard lock(mutex_);
    holding_ = on;
  }
  /// Returns what clients have sent on control channels after the Hello.
  std::string control_input() const {
    const std::lock_guard lock(mutex_);
    return control_input_;
  }

 private:
  struct link {
    kind which;
    tcp_socket* client;
    tcp_socket server;
    bool is_open;
    void shutdown() {
      client->shutdown();
      if (server.fd() >= 0) server.shutdown();
    }
  };

  void relay(tcp_socket& client) {
    const std::string hello = client.receive(37);
    if (hello.size() < 37) return;
    const kind which = hello[0] == 1 ? kind::data : kind::control;
    std::unique_lock lock(mutex_);
    if (stopping_) return;
    ++(which == kind::data ? data_seen_ : control_seen_);
    const bool held = which == kind::data && holding_;
    const auto added = links_.insert(links_.end(), link{which, &client, {}, held});
    lock.unlock();
    try {
      if (held) {
        client.receive_all();
      } else {
        pass(*added, hello);
      }
    } catch (const std::exception&) {
      // One side broke: the link ends below, for both.
    }
    lock.lock();
    added->shutdown();
    links_.erase(added);
  }
  void pass(link& between, const std::string& hello) {
    tcp_socket server = tcp_socket::connect(server_port_, std::chrono::milliseconds{0});
    std::unique_lock lock(mutex_);
    if (stopping_) return;
    between.server = std::move(server);
    lock.unlock();
    between.server.send_all(hello);
    lock.lock();
    between.is_open = true;
    lock.unlock();
    std::thread back([&] { pump(between.server, between, *between.client); });
    pump(*between.client, between, between.server);
    back.join();
  }
  void pump(tcp_socket& from, link& between, tcp_socket& to) {
    try {
      char chunk[16384];
      while (const std::size_t n = from.receive_some(chunk, sizeof chunk)) {
        if (between.which == kind::control && &from == between.client) {
          const std::lock_guard lock(mutex_);
          control_input_.append(chunk, n);
        }
        to.send_all({chunk, n});
      }
      to.shutdown_write();
    } catch (const std::exception&) {
      const std::lock_guard lock(mutex_);
      between.shutdown();
    }
  }

  std::uint16_t server_port_;
  mutable std::mutex mutex_;
  std::list<link> links_;
  std::size_t control_seen_ = 0;
  std::size_t data_seen_ = 0;
  std::string control_input_;
  bool holding_ = false;
  bool stopping_ = false;
  service service_;
};

}  // namespace rathole::test
