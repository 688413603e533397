#pragma once

#include <rathole/core/backoff.hpp>
#include <rathole/core/error.hpp>
#include <rathole/io/alarm.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/descriptor_limit.hpp>

#include <algorithm>
#include <stop_token>
#include <system_error>
#include <utility>

namespace rathole::io {

/// Accepts in a row that may fail for want of a descriptor although one was freed before each:
/// another thread of the process may be faster.
inline constexpr unsigned max_reliefs = 16;

/// Accepts until `acceptor` is closed or `stop` is requested, which closes `acceptor`, and hands
/// each stream to `accepted(stream)`.
///
/// An error never ends the loop: it pauses and goes on, and calls `failed(error, pause)` once per
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
    auto stream = co_await acceptor.accept();
    if (stop.stop_requested()) co_return;
    if (stream) {
      retry.reset();
      cause.clear();
      reliefs = 0;
      accepted(std::move(*stream));
      continue;
    }
    // Somebody else has closed it.
    if (stream.error() == errc::stopped) co_return;
    const bool is_shortage = out_of_descriptors(stream.error());
    if (is_shortage && reliefs++ < max_reliefs && relieve()) continue;
    reliefs = 0;
    auto rng = runtime.rng();
    auto length = retry.next(rng);
    if (is_shortage) length = std::min(length, shortage_pause);
    if (stream.error() != cause) failed(stream.error(), length);
    cause = stream.error();
    co_await io::pause(runtime, length, stop);
  }
}

}  // namespace rathole::io
