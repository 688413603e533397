#pragma once

#include <rathole/io/task.hpp>

#include <asio/posix/basic_stream_descriptor.hpp>

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <system_error>
#include <vector>

namespace rathole::app {

/// Has Asio allocate what it keeps for each descriptor, for `count` of them (4096 at most) and side
/// by side. Asio reuses these pieces and never frees them; allocated one by one in the midst of a
/// flood of connections, they would keep all the pages between them from going back to the system.
inline void reserve_descriptors(io::executor ex, std::size_t count) {
  constexpr std::size_t most = 4096;
  const int original = ::eventfd(0, EFD_CLOEXEC);
  if (original < 0) return;
  std::vector<asio::posix::basic_stream_descriptor<io::executor>> held;
  held.reserve(std::min(count, most));
  for (std::size_t i = 0; i < held.capacity(); ++i) {
    const int copy = ::dup(original);
    if (copy < 0) break;
    std::error_code failed;
    held.emplace_back(ex).assign(copy, failed);
    if (!failed) continue;
    ::close(copy);
    break;
  }
  ::close(original);
}

}  // namespace rathole::app
