#pragma once

#include <sys/random.h>

#include <rathole/core/bytes.hpp>

#include <cerrno>
#include <cstddef>
#include <exception>

namespace rathole::crypto {

/// Draws random bytes from the operating system (getrandom(2)); models `Rng` and is fit for
/// secrets.
class system_rng {
 public:
  /// Fills `out` with random bytes. Blocks only during system start, until the kernel has gathered
  /// enough entropy. Terminates the program if the kernel has no getrandom(2) (before Linux 3.17),
  /// because there is no safe way to continue.
  void fill(byte_span out) {
    while (!out.empty()) {
      const ::ssize_t got = ::getrandom(out.data(), out.size(), 0);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) std::terminate();
      out = out.subspan(static_cast<std::size_t>(got));
    }
  }
};

}  // namespace rathole::crypto
