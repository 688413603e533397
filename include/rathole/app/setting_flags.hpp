#pragma once

#include <rathole/config/validate.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace rathole::app {

/// A setting of a client or a server that runs without a configuration file: a flag of the command line,
/// and a variable of the environment. The flag `--a-b` and the variable `RATHOLE_A_B` are one setting.
struct setting_flag {
  /// The name of the flag without its dashes.
  const char* name;
  /// The path of the key below `[client]` or `[server]`.
  const char* key;
  /// What its value is, for the help; empty for a boolean.
  const char* value;
  /// What it does, for the help.
  const char* description;
  /// The side that has it; nothing if both have.
  std::optional<config::side> of = {};

  /// Returns whether the side `where` has it.
  [[nodiscard]] bool is_for(config::side where) const { return !of || *of == where; }
};

/// The settings besides the services.
inline constexpr setting_flag setting_flags[] = {
    {"remote", "remote_addr", "HOST:PORT",
     "The address of the server; can be repeated, for several servers", config::side::client},
    {"strategy", "strategy", "STRATEGY", "failover (default) or all, for several servers",
     config::side::client},
    {"bind", "bind_addr", "HOST:PORT", "The address where clients connect", config::side::server},
    {"token-file",
     "default_token_file",
     "FILE",
     "The file with the token of the services, which is watched; or set RATHOLE_TOKEN",
     {}},
    {"transport", "transport.type", "KIND", "tcp (default), tls, noise or websocket", {}},
    {"tls-hostname", "transport.tls.hostname", "NAME",
     "The name in the server's certificate, if it is not that of --remote", config::side::client},
    {"tls-trusted-root", "transport.tls.trusted_root", "FILE",
     "The PEM file of the certificates to trust, besides those of this machine",
     config::side::client},
    {"tls-cert", "transport.tls.cert", "FILE", "The PEM file of the server's certificates",
     config::side::server},
    {"tls-key", "transport.tls.key", "FILE", "The PEM file of the private key for --tls-cert",
     config::side::server},
    {"tls-pkcs12", "transport.tls.pkcs12", "FILE",
     "The PKCS#12 file of the server, instead of --tls-cert and --tls-key", config::side::server},
    {"tls-pkcs12-password-file", "transport.tls.pkcs12_password_file", "FILE",
     "The file with the password of --tls-pkcs12", config::side::server},
    {"noise-pattern", "transport.noise.pattern", "NAME", "The Noise protocol name", {}},
    {"noise-local-private-key-file",
     "transport.noise.local_private_key_file",
     "FILE",
     "The file with the private key of this side, in base64",
     {}},
    {"noise-remote-public-key",
     "transport.noise.remote_public_key",
     "KEY",
     "The public key of the other side, in base64",
     {}},
    {"websocket-tls", "transport.websocket.tls", "", "Run WebSocket over TLS", {}},
    {"websocket-path", "transport.websocket.path", "PATH", "The path of the request", {}},
    {"multiplex", "transport.multiplex", "", "Carry all services over one connection",
     config::side::client},
};

/// The flag that can be repeated; commas separate its values.
inline constexpr std::string_view several_flag = "remote";
/// The flag and the variable of the services.
inline constexpr const char* service_flag = "--service";
inline constexpr const char* services_variable = "RATHOLE_SERVICES";
/// The variable that has the token itself. It has no flag, because every user sees command lines.
inline constexpr const char* token_variable = "RATHOLE_TOKEN";

/// Returns the variable of the flag `name`.
inline std::string variable_of(std::string_view name) {
  std::string out = "RATHOLE_";
  for (const char c : name) {
    out += c == '-' ? '_' : (c >= 'a' && c <= 'z') ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return out;
}

}  // namespace rathole::app
