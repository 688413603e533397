#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/protocol/client_balancer.hpp>
#include <rathole/protocol/visitor_limits.hpp>
#include <rathole/server/connect_request.hpp>

#include <functional>
#include <optional>
#include <span>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

namespace rathole::server_side {

/// Returns the address that events name for a visitor that is the program itself.
inline const address& in_process_address() {
  static const address out{"in-process", 0};
  return out;
}

/// A visitor of a TCP service: a connection that was accepted, or a request of the program itself;
/// see `basic_server::connect`.
template <io::ByteStream Stream>
class visitor {
 public:
  /// Makes a visitor that was accepted.
  explicit visitor(Stream accepted) : from_(std::move(accepted)) {}
  /// Makes a visitor that is the program itself.
  explicit visitor(connect_request request) : from_(std::move(request)) {}

  /// Returns the connection, or null if the visitor is the program itself.
  [[nodiscard]] Stream* stream() { return std::get_if<Stream>(&from_); }
  /// Returns the request of the program, or null if the visitor was accepted.
  [[nodiscard]] connect_request* request() { return std::get_if<connect_request>(&from_); }

  /// Returns whether the visitor is the program itself.
  [[nodiscard]] bool is_in_process() const {
    return std::holds_alternative<connect_request>(from_);
  }

  /// Returns the address of the visitor.
  [[nodiscard]] const address& peer() const {
    const Stream* const accepted = std::get_if<Stream>(&from_);
    return accepted ? accepted->peer() : in_process_address();
  }

  /// Returns the address that the visitor has reached: the one that a trusted proxy has named, or that of
  /// this end of the connection.
  [[nodiscard]] address reached() const {
    if (reached_) return *reached_;
    const Stream* const accepted = std::get_if<Stream>(&from_);
    return accepted ? accepted->local() : in_process_address();
  }
  /// Sets the address that the visitor has reached, at a proxy.
  void has_reached(address where) { reached_ = std::move(where); }

  /// Keeps `lease` for as long as the visitor.
  void holds(protocol::visitor_lease lease) { lease_ = std::move(lease); }
  /// Returns the lease, which the visitor gives up.
  [[nodiscard]] protocol::visitor_lease take_lease() { return std::move(lease_); }

  /// Records when the visitor began to wait for a data channel; only the first time counts.
  void waits_since(time_point now) {
    if (!since_) since_ = now;
  }
  /// Returns when the visitor began to wait for a data channel.
  [[nodiscard]] time_point since() const { return *since_; }

  /// Keeps the visitor counted at the client that is to serve it, by `lease`.
  void serve_by(protocol::client_lease lease) { client_ = std::move(lease); }
  /// Returns that lease, which the visitor gives up.
  [[nodiscard]] protocol::client_lease take_client() { return std::move(client_); }

  /// Records that `client` has not served the visitor.
  void has_tried(protocol::client_id client) { tried_.push_back(client); }
  /// Returns the clients that have not served the visitor.
  [[nodiscard]] std::span<const protocol::client_id> tried() const { return tried_; }
  /// Lets the visitor try all clients again.
  void forget_tried() { tried_.clear(); }

  /// Resets the connection, or completes the request with `cause`. A visitor that was not served must
  /// not take the end for an empty answer.
  void abort(std::error_code cause) {
    if (auto* const accepted = stream()) return accepted->abort();
    request()->complete(failure(cause));
  }

 private:
  std::variant<Stream, connect_request> from_;
  std::optional<time_point> since_;
  std::optional<address> reached_;
  protocol::visitor_lease lease_;
  protocol::client_lease client_;
  std::vector<protocol::client_id> tried_;
};

}  // namespace rathole::server_side
