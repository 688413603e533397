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
#include <system_error>
#include <utility>

namespace rathole::io {

/// Removes the file of the Unix-domain socket at `at` if it was left by a process that has ended. Anything else
/// stays: a socket on which somebody listens or is about to, and a file of another kind.
inline void remove_stale_socket(const address& at) {
  const std::string path(at.unix_path());
  struct stat found{};
  if (::lstat(path.c_str(), &found) != 0 || !S_ISSOCK(found.st_mode)) return;
  // A socket of another type learns whether somebody has the file without being a visitor.
  const descriptor trial(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!trial.is_open()) return;
  const unix_socket_name name(at);
  const bool is_stale =
      ::connect(trial.get(), name.data(), name.size()) != 0 && errno == ECONNREFUSED;
  if (is_stale) ::unlink(path.c_str());
}

/// The file of a Unix-domain socket that is listened on. It is removed at the end, unless another one has taken
/// its place. Whoever may write to its folder can put another file there at any time, which must then neither
/// be removed nor get the permissions.
class socket_file {
 public:
  /// Makes an object that owns no file yet; the file will be at `path`.
  explicit socket_file(std::string path) : path_(std::move(path)) {}
  socket_file(const socket_file&) = delete;
  socket_file& operator=(const socket_file&) = delete;
  /// Removes the file.
  ~socket_file() {
    if (exists()) ::unlink(path_.c_str());
  }

  /// Takes ownership of the file to which `socket` has just been bound. Fails with the system's error, or with
  /// `std::errc::address_in_use` if another file has taken its place.
  result<void> claim(int socket) {
    struct stat own{};
    struct stat found{};
    if (::fstat(socket, &own) != 0 || ::lstat(path_.c_str(), &found) != 0) {
      return failure(last_error());
    }
    const bool is_mine =
        S_ISSOCK(found.st_mode) && found.st_uid == own.st_uid && found.st_nlink == 1;
    if (!is_mine) return failure(std::make_error_code(std::errc::address_in_use));
    mine_ = found;
    is_claimed_ = true;
    return {};
  }

  /// Returns whether the file is still there.
  [[nodiscard]] bool exists() const {
    struct stat now{};
    return ::lstat(path_.c_str(), &now) == 0 && is_same(now);
  }

  /// Gives the file the owner and the permissions `wanted`. Fails with the system's error, or with
  /// `std::errc::address_in_use` if another file has taken its place.
  [[nodiscard]] result<void> permit(const socket_permissions& wanted) const {
    const descriptor file(::open(path_.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!file.is_open()) return failure(last_error());
    struct stat now{};
    if (::fstat(file.get(), &now) != 0) return failure(last_error());
    if (!is_same(now)) return failure(std::make_error_code(std::errc::address_in_use));
    constexpr auto unchanged = static_cast<unsigned>(-1);
    if ((wanted.owner || wanted.group) &&
        ::fchownat(file.get(), "", wanted.owner.value_or(unchanged),
                   wanted.group.value_or(unchanged), AT_EMPTY_PATH) != 0) {
      return failure(last_error());
    }
    // fchmod(2) does not take a descriptor of a path alone.
    const std::string same_file = "/proc/self/fd/" + std::to_string(file.get());
    if (::chmod(same_file.c_str(), wanted.mode) != 0) return failure(last_error());
    return {};
  }

 private:
  [[nodiscard]] bool is_same(const struct stat& other) const {
    return is_claimed_ && other.st_dev == mine_.st_dev && other.st_ino == mine_.st_ino;
  }

  const std::string path_;
  struct stat mine_{};
  bool is_claimed_ = false;
};

}  // namespace rathole::io
