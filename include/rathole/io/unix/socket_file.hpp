#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/last_error.hpp>
#include <rathole/core/result.hpp>
#include <rathole/core/socket_permissions.hpp>
#include <rathole/io/socket/descriptor.hpp>
#include <rathole/io/unix/socket_name.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

namespace rathole::io {

/// Gives the file at `path` the owner and the permissions `wanted`; not the file to which a symbolic link in its
/// place leads. Fails with the system's error.
inline result<void> set_permissions(const std::string& path, const socket_permissions& wanted) {
  constexpr auto unchanged = static_cast<unsigned>(-1);
  if ((wanted.owner || wanted.group) && ::lchown(path.c_str(), wanted.owner.value_or(unchanged),
                                                 wanted.group.value_or(unchanged)) != 0) {
    return failure(last_error());
  }
  if (::fchmodat(AT_FDCWD, path.c_str(), wanted.mode, AT_SYMLINK_NOFOLLOW) != 0) {
    return failure(last_error());
  }
  return {};
}

/// Removes the file of the Unix-domain socket at `at` if it was left by a process that has ended. Anything else
/// stays: a socket on which somebody listens, and a file of another kind.
inline void remove_stale_socket(const address& at) {
  const std::string path(at.unix_path());
  struct stat found{};
  if (::lstat(path.c_str(), &found) != 0 || !S_ISSOCK(found.st_mode)) return;
  const descriptor trial(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!trial.is_open()) return;
  const unix_socket_name name(at);
  const bool is_stale =
      ::connect(trial.get(), name.data(), name.size()) != 0 && errno == ECONNREFUSED;
  if (is_stale) ::unlink(path.c_str());
}

/// The file of a Unix-domain socket that is listened on. It is removed at the end, unless another one has taken
/// its place.
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

  /// Gives the file the permissions `wanted`. Fails with the system's error.
  [[nodiscard]] result<void> permit(const socket_permissions& wanted) const {
    return set_permissions(path_, wanted);
  }

 private:
  const std::string path_;
  struct stat mine_{};
};

}  // namespace rathole::io
