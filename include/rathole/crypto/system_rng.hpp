#pragma once

#include <sys/random.h>

#include <rathole/core/bytes.hpp>

#include <cerrno>
#include <cstddef>
#include <exception>

namespace rathole::crypto {

/// The random source of the operating system (getrandom(2)); models `Rng` and is fit for secrets.
class system_rng {
 public:
  /// Fills `out`. Waits only while the system boots and has gathered no entropy yet. Terminates the
  /// program where the kernel offers no getrandom(2) (before Linux 3.17): there is nothing safe to
  /// go on with.
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
