#pragma once

#include "net.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

namespace rathole::test {

/// Returns the name of the Unix-domain socket at `path`, or with the abstract name behind an `@`, and its size.
inline std::pair<sockaddr_un, socklen_t> unix_name(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.data(), path.size());
  const bool is_abstract = path.starts_with('@');
  if (is_abstract) name.sun_path[0] = '\0';
  const std::size_t size = offsetof(sockaddr_un, sun_path) + path.size() + (is_abstract ? 0 : 1);
  return {name, static_cast<socklen_t>(size)};
}

/// Returns a blocking Unix-domain socket.
inline tcp_socket unconnected_unix() {
  tcp_socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  socket.time_limit(std::chrono::seconds(30));
  return socket;
}

/// Connects to a Unix-domain socket; returns nothing if nobody listens.
inline std::optional<tcp_socket> connect_unix(const std::string& path) {
  tcp_socket socket = unconnected_unix();
  const auto [name, size] = unix_name(path);
  if (::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&name), size) == 0) return socket;
  if (errno == ECONNREFUSED || errno == ENOENT) return std::nullopt;
  throw_errno("connect");
}

/// Listens on a Unix-domain socket, with room for `backlog` connections.
inline tcp_socket listen_unix(const std::string& path, int backlog = 64) {
  tcp_socket socket = unconnected_unix();
  const auto [name, size] = unix_name(path);
  if (::bind(socket.fd(), reinterpret_cast<const sockaddr*>(&name), size) != 0) throw_errno("bind");
  if (::listen(socket.fd(), backlog) != 0) throw_errno("listen");
  return socket;
}

/// Returns the permissions of the file at `path`; nothing if there is none.
inline std::optional<unsigned> mode_of(const std::string& path) {
  struct stat found{};
  if (::lstat(path.c_str(), &found) != 0) return std::nullopt;
  return found.st_mode & 07777U;
}

}  // namespace rathole::test
