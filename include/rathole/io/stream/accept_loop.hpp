#pragma once

#include <rathole/core/backoff.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/socket/descriptor_limit.hpp>
#include <rathole/io/time/alarm.hpp>

#include <algorithm>
#include <new>
#include <stop_token>
#include <system_error>
#include <thread>
#include <utility>

namespace rathole::io {

/// The largest number of times in a row that a failed accept is retried after descriptors were
/// freed. The limit is needed because other threads of the process may take each freed descriptor
/// first.
inline constexpr unsigned max_freed_descriptors = 16;

/// Accepts connections and passes each stream to `accepted(stream)`, until `acceptor` is closed or
/// `stop` is requested, which closes `acceptor`.
///
/// No error ends the loop. After an error the loop pauses, as `pauses` says, and continues; it
/// calls `failed(error, pause)` once for each new cause. If descriptors have run out, it first
/// calls `free_descriptor()`, which closes something less valuable than the waiting connection and
/// returns whether it did; the loop then retries at once. If `accepted` throws `std::bad_alloc`,
/// only that stream is lost.
template <Runtime R, class Accepted, class Failed, class FreeDescriptor>
awaitable<void> accept_loop(R& runtime, typename R::acceptor& acceptor, backoff_parameters pauses,
                            std::stop_token stop, Accepted accepted, Failed failed,
                            FreeDescriptor free_descriptor) {
  const auto close = [&acceptor] { acceptor.close(); };
  const std::stop_callback on_stop(stop, close);
  backoff retry(pauses);
  std::error_code cause;
  unsigned freed = 0;
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
        freed = 0;
        continue;
      }
      problem = stream.error();
    } catch (const std::bad_alloc&) {
      problem = out_of_memory();
    }
    // The acceptor was closed elsewhere.
    if (problem == errc::stopped) co_return;
    const bool is_shortage = out_of_descriptors(problem);
    if (is_shortage && freed++ < max_freed_descriptors && free_descriptor()) continue;
    freed = 0;
    try {
      auto rng = runtime.rng();
      auto length = retry.next(rng);
      if (is_shortage) length = std::min(length, shortage_pause);
      if (std::exchange(cause, problem) != problem) failed(problem, length);
      co_await io::pause(runtime, length, stop);
    } catch (const std::bad_alloc&) {
      // If there is no memory for a pause either, other threads at least get the processor.
      std::this_thread::yield();
    }
  }
}

}  // namespace rathole::io
