#pragma once

#include <rathole/config/admin.hpp>
#include <rathole/config/toml_admin.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/last_error.hpp>
#include <rathole/core/result.hpp>
#include <rathole/io/resolve/lookup.hpp>
#include <rathole/io/socket/bind.hpp>
#include <rathole/io/socket/descriptor.hpp>
#include <rathole/io/tcp/acceptor.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace rathole::admin {

namespace detail {

/// Returns the name of a Unix-domain socket; the path is short enough.
inline sockaddr_un unix_name(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.data(), std::min(path.size(), sizeof name.sun_path - 1));
  return name;
}

/// Returns whether nobody owns the socket `name` any more.
inline bool is_stale(const sockaddr_un& name) {
  const io::descriptor trial(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!trial.is_open()) return false;
  const int connected =
      ::connect(trial.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name);
  return connected != 0 && errno == ECONNREFUSED;
}

/// Removes the socket `name` if it was left by a process that has ended. Anything else stays.
inline void remove_stale(const sockaddr_un& name) {
  struct stat found{};
  if (::lstat(name.sun_path, &found) != 0 || !S_ISSOCK(found.st_mode)) return;
  if (is_stale(name)) ::unlink(name.sun_path);
}

/// Gives the socket at `path` the permissions `mode`; not the file to which a symbolic link in its place leads.
/// Returns whether it could, and sets `errno` otherwise.
inline bool permit(const std::string& path, unsigned mode) {
  return ::fchmodat(AT_FDCWD, path.c_str(), mode, AT_SYMLINK_NOFOLLOW) == 0;
}

/// Listens on a Unix-domain socket with the permissions `mode`.
inline result<io::tcp_acceptor> listen_unix(const io::executor& ex, const std::string& path,
                                            unsigned mode) {
  io::descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) return failure(last_error());
  const sockaddr_un name = unix_name(path);
  remove_stale(name);
  // Nobody may connect before the permissions are set: the file gets those of the socket.
  if (::fchmod(socket.get(), 0600) != 0 ||
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) {
    return failure(last_error());
  }
  if (!permit(path, mode) || ::listen(socket.get(), io::tcp_acceptor::backlog) != 0) {
    const std::error_code why = last_error();
    ::unlink(path.c_str());
    return failure(why);
  }
  return io::tcp_acceptor(ex, std::move(socket), address{path, 0});
}

}  // namespace detail

/// The file of a Unix-domain socket on which the API listens; it is removed at the end, unless another one
/// has taken its place.
class socket_file {
 public:
  /// Owns the file at `path`, which exists.
  explicit socket_file(std::string path) : path_(std::move(path)) {
    ::lstat(path_.c_str(), &mine_);
  }
  socket_file(const socket_file&) = delete;
  socket_file& operator=(const socket_file&) = delete;
  /// Removes the file.
  ~socket_file() {
    if (exists()) ::unlink(path_.c_str());
  }

  /// Returns whether the file is still there.
  [[nodiscard]] bool exists() const {
    struct stat now{};
    return ::lstat(path_.c_str(), &now) == 0 && now.st_dev == mine_.st_dev &&
           now.st_ino == mine_.st_ino;
  }

  /// Gives the file the permissions `mode`. Fails with the system's error.
  [[nodiscard]] result<void> permit(unsigned mode) const {
    if (!detail::permit(path_, mode)) return failure(last_error());
    return {};
  }

 private:
  const std::string path_;
  struct stat mine_{};
};

/// Opens the listener of the admin API. The host of `options.bind_addr` must be an IP address or
/// `localhost`. A Unix-domain socket that a process has left behind is replaced. Fails with the system's
/// error.
inline result<io::tcp_acceptor> listen(const io::executor& ex,
                                       const config::admin_options& options) {
  if (options.bind_addr.starts_with(config::unix_prefix)) {
    return detail::listen_unix(ex, options.bind_addr.substr(config::unix_prefix.size()),
                               options.mode);
  }
  const auto at = parse_address(options.bind_addr);
  if (!at) return failure(at.error());
  std::error_code last = make_error_code(errc::host_not_found);
  for (const auto& endpoint : io::known_endpoints(*at)) {
    const auto open = [&](const asio::ip::tcp::endpoint& one) {
      return io::tcp_acceptor::open(ex, one, io::socket_options());
    };
    auto opened = io::open_bound(endpoint, open);
    if (opened) return opened;
    last = opened.error();
  }
  return failure(last);
}

}  // namespace rathole::admin
