#pragma once

#include "net.hpp"
#include "temp_dir.hpp"

#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace rathole::test {

/// Drops this process's privilege to read every file while the object exists; has no effect for
/// users without it.
class ordinary_user {
 public:
  ordinary_user() : before_(::geteuid()) {
    if (before_ == 0 && ::seteuid(nobody) != 0) throw_errno("seteuid");
  }
  ordinary_user(const ordinary_user&) = delete;
  ordinary_user& operator=(const ordinary_user&) = delete;
  ~ordinary_user() {
    if (before_ == 0 && ::seteuid(before_) != 0) std::terminate();
  }

 private:
  static constexpr uid_t nobody = 65534;
  uid_t before_;
};

/// Returns paths in a folder that are not readable files, each with the reason in the message.
class unusual_files {
 public:
  explicit unusual_files(const temp_dir& folder) {
    const std::filesystem::path at = folder.path();
    const std::string pipe = (at / "pipe").string();
    if (::mkfifo(pipe.c_str(), 0600) != 0) throw_errno("mkfifo");
    std::filesystem::create_directory(at / "folder");
    listen((at / "socket").string());
    all_ = {{pipe, "it is a pipe, not a regular file"},
            {(at / "folder").string(), "Is a directory"},
            {(at / "socket").string(), "it is a socket, not a regular file"},
            {"/dev/zero", "it is a device, not a regular file"},
            {(at / "missing").string(), "No such file or directory"}};
  }
  unusual_files(const unusual_files&) = delete;
  unusual_files& operator=(const unusual_files&) = delete;
  ~unusual_files() { ::close(socket_); }

  const std::vector<std::pair<std::string, std::string>>& all() const { return all_; }

 private:
  void listen(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    socket_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      throw_errno("bind");
  }

  int socket_ = -1;
  std::vector<std::pair<std::string, std::string>> all_;
};

}  // namespace rathole::test
