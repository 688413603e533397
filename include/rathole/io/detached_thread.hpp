#pragma once

#include <pthread.h>
#include <signal.h>

#include <functional>
#include <thread>
#include <utility>

namespace rathole::io {

/// Runs `work` on a new thread that nobody waits for and that takes no signals: those are for the
/// threads of the program. Throws `std::system_error` where no thread can be had.
inline void start_detached(std::function<void()> work) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  // A thread begins with the mask of the one that starts it.
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  struct restore {
    const sigset_t& mask;
    ~restore() { ::pthread_sigmask(SIG_SETMASK, &mask, nullptr); }
  } const back{before};
  std::thread(std::move(work)).detach();
}

}  // namespace rathole::io
