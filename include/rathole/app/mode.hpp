#pragma once

#include <rathole/config/types.hpp>
#include <rathole/config/validate.hpp>

#include <expected>
#include <string>
#include <type_traits>

namespace rathole::app {

/// Returns which side the program must run: the one that `--server` or `--client` names, or the
/// only block of the file. At most one of `as_server` and `as_client` may be set. Fails with a
/// sentence that says how to correct it.
inline std::expected<config::side, std::string> select_mode(bool as_server, bool as_client,
                                                            const config::config& file) {
  if (as_server && !file.server) {
    return std::unexpected(
        "Try to run as a server, but the configuration is missing. Please add the `[server]` "
        "block");
  }
  if (as_client && !file.client) {
    return std::unexpected(
        "Try to run as a client, but the configuration is missing. Please add the `[client]` "
        "block");
  }
  if (as_server) return config::side::server;
  if (as_client) return config::side::client;
  if (file.server && file.client) {
    return std::unexpected(
        "Cannot determine running as a server or a client. The file has both blocks: say --server "
        "or --client");
  }
  return file.server ? config::side::server : config::side::client;
}

/// Returns the block of `file` for a program that runs `Block`, `config::server` or
/// `config::client`; null if the file has none.
template <class Block>
const Block* block_of(const config::config& file) {
  if constexpr (std::is_same_v<Block, config::server>) {
    return file.server ? &*file.server : nullptr;
  } else {
    return file.client ? &*file.client : nullptr;
  }
}

}  // namespace rathole::app
