#pragma once

#include <pthread.h>
#include <signal.h>

namespace rathole::io {

/// Blocks all signals for the calling thread while the object exists. A thread that is started meanwhile
/// inherits that, so that signals go to the threads of the program.
class signal_block {
 public:
  /// Blocks the signals.
  signal_block() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  signal_block(const signal_block&) = delete;
  signal_block& operator=(const signal_block&) = delete;
  /// Restores what was blocked before.
  ~signal_block() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace rathole::io
