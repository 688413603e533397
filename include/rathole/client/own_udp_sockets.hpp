#pragma once

#include <rathole/core/ip_endpoint.hpp>
#include <rathole/protocol/udp_loop_detector.hpp>

#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace rathole::client_side {

/// The sockets of one client to its local UDP services by their own addresses, so that a datagram
/// which one of them sent is recognised when it returns as a visitor's. May be used on all threads.
class own_udp_sockets {
 public:
  /// Holds what a socket has sent.
  using pointer = std::shared_ptr<const protocol::sent_datagrams>;

  /// Adds a socket with the address `at`.
  void add(const ip_endpoint& at, pointer sent) {
    const std::lock_guard lock(guard_);
    sockets_.insert_or_assign(at, std::move(sent));
  }

  /// Removes the socket that belongs to `sent`, if it is the one with the address `at`.
  void remove(const ip_endpoint& at, const protocol::sent_datagrams* sent) {
    const std::lock_guard lock(guard_);
    const auto found = sockets_.find(at);
    if (found != sockets_.end() && found->second.get() == sent) sockets_.erase(found);
  }

  /// Returns what the socket with the address `at` has sent; null if there is none.
  [[nodiscard]] pointer find(const ip_endpoint& at) const {
    const std::lock_guard lock(guard_);
    const auto found = sockets_.find(at);
    return found == sockets_.end() ? nullptr : found->second;
  }

 private:
  mutable std::mutex guard_;
  std::unordered_map<ip_endpoint, pointer, ip_endpoint_hash> sockets_;
};

}  // namespace rathole::client_side
