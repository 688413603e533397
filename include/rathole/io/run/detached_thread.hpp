#pragma once

#include <rathole/io/run/signal_block.hpp>

#include <functional>
#include <thread>
#include <utility>

namespace rathole::io {

/// Runs `work` on a detached thread that blocks all signals, which are for the threads of the
/// program. Throws `std::system_error` if no thread can be started.
inline void start_detached(std::function<void()> work) {
  const signal_block quiet;
  std::thread(std::move(work)).detach();
}

}  // namespace rathole::io
