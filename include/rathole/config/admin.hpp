#pragma once

#include <rathole/core/secret.hpp>

#include <optional>
#include <string>
#include <vector>

namespace rathole::config {

/// The table `server.admin` or `client.admin`: where the program can be operated, and by whom. Not in
/// upstream.
struct admin_options {
  /// Where the admin API listens: `host:port`, or `unix:` and a path.
  std::string bind_addr = {};
  /// The permissions of a Unix-domain socket, as an octal number.
  unsigned mode = 0600;
  /// The token that changes everything; empty if there is none.
  secret token = {};
  /// The token that reads the metrics only; empty if there is none.
  secret metrics_token = {};
  /// The names by which browsers reach the API, besides addresses, `localhost` and that of
  /// `bind_addr`.
  std::vector<std::string> hosts = {};
  /// The folder of the services that the API adds; they cannot be changed if there is none. Relative to
  /// the folder of the configuration file.
  std::optional<std::string> services_dir = {};
  /// Whether the dashboard is served.
  bool dashboard = true;
  /// The PEM file of the certificates, if the API is served by TLS.
  std::optional<std::string> cert = {};
  /// The PEM file of the private key.
  std::optional<std::string> key = {};
  /// Whether an address that is not loopback may be served without TLS.
  bool allow_plaintext = false;

  /// Compares all members.
  [[nodiscard]] bool operator==(const admin_options&) const = default;
};

}  // namespace rathole::config
