#pragma once

#include <rathole/protocol/messages.hpp>
#include <rathole/server/find_in_sessions.hpp>
#include <rathole/server/udp_service.hpp>

#include <cstddef>
#include <memory>
#include <stop_token>
#include <utility>

namespace rathole::server_side {

/// A `udp_service` that the sessions of its clients share: it listens from its first client to its last. It
/// lives on the control plane.
template <class Context>
class shared_udp_service {
 public:
  /// Shares `service`.
  explicit shared_udp_service(std::shared_ptr<udp_service<Context>> service)
      : service_(std::move(service)) {}

  /// Returns the service.
  [[nodiscard]] const std::shared_ptr<udp_service<Context>>& service() const { return service_; }

  /// Adds a client; with the first one the service starts to listen.
  void join() {
    if (clients_++ == 0) udp_service<Context>::start(service_, ended_.get_token());
  }
  /// Removes a client; with the last one the service ends.
  void leave() {
    if (--clients_ == 0) ended_.request_stop();
  }

 private:
  const std::shared_ptr<udp_service<Context>> service_;
  std::size_t clients_ = 0;
  std::stop_source ended_;
};

/// Returns the UDP service with the digest `key` while a client serves it, or null.
template <class Context>
std::shared_ptr<shared_udp_service<Context>> find_udp_service(Context& self,
                                                              const protocol::digest& key) {
  const auto part = [](const auto& session) { return session.udp(); };
  return find_in_sessions<std::shared_ptr<shared_udp_service<Context>>>(self, key, part);
}

}  // namespace rathole::server_side
