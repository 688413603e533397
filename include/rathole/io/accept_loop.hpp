#pragma once

#include <rathole/core/backoff.hpp>
#include <rathole/core/error.hpp>
#include <rathole/io/alarm.hpp>
#include <rathole/io/concepts.hpp>

#include <stop_token>
#include <system_error>
#include <utility>

namespace rathole::io {

/// Accepts until `acceptor` is closed or `stop` is requested, which closes `acceptor`, and hands each stream to `accepted(stream)`. An error, such as
/// running out of descriptors, never ends it: it pauses and goes on, and tells
/// `failed(error, pause)` once per cause.
template <Runtime R, class Accepted, class Failed>
awaitable<void> accept_loop(R& runtime, typename R::acceptor& acceptor, backoff_parameters pauses,
                            std::stop_token stop, Accepted accepted, Failed failed) {
  const auto close = [&acceptor] { acceptor.close(); };
  const std::stop_callback on_stop(stop, close);
  backoff retry(pauses);
  std::error_code cause;
  for (;;) {
    if (stop.stop_requested()) co_return;
    auto stream = co_await acceptor.accept();
    if (stop.stop_requested()) co_return;
    if (stream) {
      retry.reset();
      cause.clear();
      accepted(std::move(*stream));
      continue;
    }
    // Somebody else has closed it.
    if (stream.error() == errc::stopped) co_return;
    auto rng = runtime.rng();
    const auto length = retry.next(rng);
    if (stream.error() != cause) failed(stream.error(), length);
    cause = stream.error();
    co_await io::pause(runtime, length, stop);
  }
}

}  // namespace rathole::io
