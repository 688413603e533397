#pragma once

#include <rathole/core/error.hpp>
#include <rathole/tls/botan/connection.hpp>
#include <rathole/tls/botan/setup.hpp>
#include <rathole/tls/engine.hpp>
#include <rathole/tls/host_name.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace rathole::tls {

/// Runs TLS with Botan: version 1.2 with Botan 2.19, and also 1.3 with Botan 3. Models `TlsEngine`.
/// In TLS 1.2, Botan ends both directions when either side sends close_notify; only in 1.3 can one
/// direction end alone.
class botan_engine {
 public:
  /// The state that the connections of one client share.
  using client_setup = botan_client_setup;
  /// The state that the connections of one server share.
  using server_setup = botan_server_setup;

  /// Makes the client's side of a connection to `host`; see `TlsEngine`.
  static result<botan_engine> client(const client_setup& setup, std::string_view host) {
    if (!is_server_name(host)) return failure(errc::certificate_wrong_name);
    return botan_engine(std::make_unique<botan_connection>(
        botan_connection::client_end{setup.shared(), std::string(host)}));
  }
  /// Makes the server's side of a connection; see `TlsEngine`.
  static result<botan_engine> server(const server_setup& setup) {
    return botan_engine(
        std::make_unique<botan_connection>(botan_connection::server_end{setup.shared()}));
  }

  /// Begins the handshake; see `TlsEngine`.
  result<void> start(byte_buffer& wire) { return to_result(connection_->start(wire)); }
  /// Processes received bytes; see `TlsEngine`.
  result<void> receive(byte_view in, byte_buffer& app, byte_buffer& wire) {
    return to_result(connection_->receive(in, app, wire));
  }
  /// Encrypts application bytes; see `TlsEngine`.
  result<void> send(byte_view in, byte_buffer& wire) {
    return to_result(connection_->send(in, wire));
  }
  /// Sends close_notify; see `TlsEngine`.
  result<void> close(byte_buffer& wire) { return to_result(connection_->close(wire)); }

  /// Returns the phase of the connection; see `TlsEngine`.
  [[nodiscard]] phase state() const { return connection_->state(); }
  /// Returns whether one direction can end alone; see `TlsEngine`.
  [[nodiscard]] bool half_closes() const { return connection_->half_closes(); }
  /// Returns whether the handshake resumed an earlier session.
  [[nodiscard]] bool resumed() const { return connection_->resumed(); }
  /// Returns what the handshake agreed on; see `TlsEngine`.
  [[nodiscard]] session_summary summary() const { return connection_->summary(); }

 private:
  explicit botan_engine(std::unique_ptr<botan_connection> made) : connection_(std::move(made)) {}

  static result<void> to_result(std::error_code ec) {
    if (ec) return failure(ec);
    return {};
  }

  std::unique_ptr<botan_connection> connection_;
};

static_assert(TlsEngine<botan_engine>);

}  // namespace rathole::tls
