#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/last_error.hpp>
#include <rathole/core/result.hpp>
#include <rathole/io/socket/descriptor.hpp>
#include <rathole/io/unix/socket_file.hpp>
#include <rathole/io/unix/socket_name.hpp>

#include <sys/socket.h>
#include <sys/stat.h>

#include <memory>
#include <string>
#include <system_error>
#include <utility>

namespace rathole::io {

/// A Unix-domain socket that is listened on.
struct unix_listener {
  /// The socket, in non-blocking mode.
  descriptor socket;
  /// Its file; null if it has an abstract name.
  std::shared_ptr<const socket_file> file = nullptr;
};

/// Listens on the Unix-domain socket at `at`, which must be the address of one, with its permissions; `backlog` is
/// the largest number of connections that the system queues. A file that a process has left behind is
/// replaced. Fails with the system's error.
inline result<unix_listener> listen_unix(const address& at, int backlog) {
  unix_listener out{descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0))};
  if (!out.socket.is_open()) return failure(last_error());
  std::shared_ptr<socket_file> file;
  if (at.has_socket_file()) {
    remove_stale_socket(at);
    file = std::make_shared<socket_file>(std::string(at.unix_path()));
  }
  // Nobody may connect before the permissions are set: the file gets those of the socket.
  const unix_socket_name name(at);
  if (::fchmod(out.socket.get(), 0600) != 0 ||
      ::bind(out.socket.get(), name.data(), name.size()) != 0) {
    return failure(last_error());
  }
  if (file) {
    const auto claimed = file->claim(out.socket.get());
    if (!claimed) return failure(claimed.error());
    const auto permitted = file->permit(at.permissions);
    if (!permitted) return failure(permitted.error());
  }
  if (::listen(out.socket.get(), backlog) != 0) return failure(last_error());
  // Another program may have taken the file for a stale one, too.
  if (file && !file->exists()) return failure(std::make_error_code(std::errc::address_in_use));
  out.file = std::move(file);
  return out;
}

}  // namespace rathole::io
