#pragma once

#include <sys/resource.h>
#include <unistd.h>

namespace rathole::io {

/// The nice value of threads whose work can wait for that of others; see sched(7).
inline constexpr int background_nice = 10;

/// Lets the other threads of the system go before the calling thread, which still gets a small share of a
/// processor that they keep busy.
inline void run_in_background() {
  // On Linux a thread has a nice value of its own. Raising it is always allowed.
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), background_nice);
}

}  // namespace rathole::io
