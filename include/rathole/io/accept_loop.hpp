#pragma once

#include <rathole/core/backoff.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/guard_memory.hpp>
#include <rathole/io/alarm.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/descriptor_limit.hpp>

#include <algorithm>
#include <new>
#include <stop_token>
#include <system_error>
#include <thread>
#include <utility>

namespace rathole::io {

/// Accepts in a row that may fail for want of a descriptor although one was freed before each:
/// another thread of the process may be faster.
inline constexpr unsigned max_reliefs = 16;

/// Accepts until `acceptor` is closed or `stop` is requested, which closes `acceptor`, and hands
/// each stream to `accepted(stream)`.
///
/// An error never ends the loop; where `accepted` throws `std::bad_alloc`, that stream alone is lost.
/// The loop pauses and goes on, and calls `failed(error, pause)` once per
/// cause. When descriptors run out it first calls `relieve()`, which closes something of less worth
/// than the connection that waits, and says whether it did; the loop then tries again at once.
template <Runtime R, class Accepted, class Failed, class Relieve>
awaitable<void> accept_loop(R& runtime, typename R::acceptor& acceptor, backoff_parameters pauses,
                            std::stop_token stop, Accepted accepted, Failed failed,
                            Relieve relieve) {
  const auto close = [&acceptor] { acceptor.close(); };
  const std::stop_callback on_stop(stop, close);
  backoff retry(pauses);
  std::error_code cause;
  unsigned reliefs = 0;
  for (;;) {
    if (stop.stop_requested()) co_return;
    std::error_code problem;
    try {
      auto stream = co_await acceptor.accept();
      if (stop.stop_requested()) co_return;
      if (stream) {
        accepted(std::move(*stream));
        retry.reset();
        cause.clear();
        reliefs = 0;
        continue;
      }
      problem = stream.error();
    } catch (const std::bad_alloc&) {
      problem = out_of_memory();
    }
    // Somebody else has closed it.
    if (problem == errc::stopped) co_return;
    const bool is_shortage = out_of_descriptors(problem);
    if (is_shortage && reliefs++ < max_reliefs && relieve()) continue;
    reliefs = 0;
    try {
      auto rng = runtime.rng();
      auto length = retry.next(rng);
      if (is_shortage) length = std::min(length, shortage_pause);
      if (std::exchange(cause, problem) != problem) failed(problem, length);
      co_await io::pause(runtime, length, stop);
    } catch (const std::bad_alloc&) {
      // There is none for a pause either: other threads get their turn at least.
      std::this_thread::yield();
    }
  }
}

}  // namespace rathole::io
