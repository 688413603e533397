#pragma once

#include <rathole/core/address.hpp>

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string_view>

namespace rathole::io {

/// The name of a Unix-domain socket as the system's functions take it (unix(7)).
class unix_socket_name {
 public:
  /// Makes the name of the socket at `of`, which must be the address of a Unix-domain socket.
  explicit unix_socket_name(const address& of) : path_(of.unix_path()) {
    name_.sun_family = AF_UNIX;
    const std::size_t count = std::min(path_.size(), max_unix_path);
    std::memcpy(name_.sun_path, path_.data(), count);
    // An abstract name begins with a NUL and has no NUL at its end.
    const bool is_abstract = path_.starts_with('@');
    if (is_abstract) name_.sun_path[0] = '\0';
    size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + count + (is_abstract ? 0 : 1));
  }

  /// Returns the name, as long as the object exists.
  [[nodiscard]] const sockaddr* data() const { return reinterpret_cast<const sockaddr*>(&name_); }
  /// Returns the size of the name in bytes.
  [[nodiscard]] socklen_t size() const { return size_; }

 private:
  std::string_view path_;
  sockaddr_un name_{};
  socklen_t size_ = 0;
};

}  // namespace rathole::io
