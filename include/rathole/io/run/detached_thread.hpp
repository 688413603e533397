#pragma once

#include <pthread.h>
#include <signal.h>

#include <functional>
#include <thread>
#include <utility>

namespace rathole::io {

/// Runs `work` on a detached thread that blocks all signals, which are for the threads of the
/// program. Throws `std::system_error` if no thread can be started.
inline void start_detached(std::function<void()> work) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  // A new thread inherits the signal mask.
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  struct restore {
    const sigset_t& mask;
    ~restore() { ::pthread_sigmask(SIG_SETMASK, &mask, nullptr); }
  } const back{before};
  std::thread(std::move(work)).detach();
}

}  // namespace rathole::io
