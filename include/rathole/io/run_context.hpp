#pragma once

#include <asio/io_context.hpp>

#include <new>

namespace rathole::io {

/// Runs a context as `asio::io_context::run` does, but for what throws `std::bad_alloc`: that handler
/// is over, and the others go on. Every connection sees to what it holds itself.
inline void run_context(asio::io_context& context) {
  for (;;) {
    try {
      context.run();
      return;
    } catch (const std::bad_alloc&) {
      // The context may be run again as it is.
    }
  }
}

}  // namespace rathole::io
