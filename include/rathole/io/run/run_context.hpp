#pragma once

#include <asio/io_context.hpp>

#include <new>

namespace rathole::io {

/// Runs a context as `asio::io_context::run` does, but continues if a handler throws
/// `std::bad_alloc`. The connection of that handler must have released what it holds; all others
/// continue.
inline void run_context(asio::io_context& context) {
  for (;;) {
    try {
      context.run();
      return;
    } catch (const std::bad_alloc&) {
      // The context may be run again without a restart.
    }
  }
}

}  // namespace rathole::io
