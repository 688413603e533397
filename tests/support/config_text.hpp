#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::test {

/// The token of every service without one.
inline constexpr std::string_view default_token = "the token of the tests";

/// Describes one service of a configuration. `port` is the visitors' port in a server's file and
/// the local service's port in a client's. `keys` are further lines of its table. `address`, in
/// quotes, replaces 127.0.0.1 and the port if it is not empty.
struct service_entry {
  std::string name;
  std::uint16_t port = 0;
  std::string token = std::string(default_token);
  std::string keys = {};
  std::string address = {};
};

/// `127.0.0.1:port`, in quotes.
inline std::string quoted_address(std::uint16_t port) {
  return "\"127.0.0.1:" + std::to_string(port) + "\"";
}

inline std::string service_tables(std::string_view block, std::string_view address_key,
                                  const std::vector<service_entry>& services) {
  std::string text = "[" + std::string(block) + ".services]\n";
  for (const service_entry& each : services) {
    text += "[" + std::string(block) + ".services.\"" + each.name + "\"]\n";
    text += "token = \"" + each.token + "\"\n";
    text += std::string(address_key) + " = " +
            (each.address.empty() ? quoted_address(each.port) : each.address) + "\n";
    text += each.keys + "\n";
  }
  return text;
}

/// `port` at all that `localhost` may resolve to.
inline std::string quoted_localhost(std::uint16_t port) {
  return "[" + quoted_address(port) + ", \"[::1]:" + std::to_string(port) + "\"]";
}

/// Returns a server's configuration. `keys` are further lines of `[server]`, `tables` further
/// tables. `bind` is the address to listen on; 127.0.0.1 if empty.
inline std::string server_toml(std::uint16_t port, const std::vector<service_entry>& services,
                               std::string_view keys = {}, std::string_view tables = {},
                               const std::string& bind = {}) {
  return "[server]\nbind_addr = " + (bind.empty() ? quoted_address(port) : bind) + "\n" +
         std::string(keys) + "\n" + service_tables("server", "bind_addr", services) +
         std::string(tables) + "\n";
}

/// Returns a client's configuration for a server at `port` of `host`. `keys` are further lines of
/// `[client]`, `tables` further tables.
inline std::string client_toml(std::uint16_t port, const std::vector<service_entry>& services,
                               std::string_view keys = {}, std::string_view tables = {},
                               std::string_view host = "127.0.0.1") {
  return "[client]\nremote_addr = \"" + std::string(host) + ":" + std::to_string(port) + "\"\n" +
         std::string(keys) + "\n" + service_tables("client", "local_addr", services) +
         std::string(tables) + "\n";
}

}  // namespace rathole::test
