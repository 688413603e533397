#pragma once

#include <rathole/core/out_of_memory.hpp>
#include <rathole/io/run/suspension.hpp>
#include <rathole/io/task.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>

#include <exception>
#include <memory>
#include <new>
#include <utility>

namespace rathole::io {

namespace detail {

/// Awaits `first` and then `work`.
template <class T>
task<T> in_order(awaitable<void> first, task<T> work) {
  co_await std::move(first);
  co_return co_await std::move(work);
}

}  // namespace detail

/// Starts the task that `make` returns on `ex`, whose thread must call this, and calls `done` with
/// its `result<T>` there, perhaps inside this call. If memory runs out, the result is
/// `std::errc::not_enough_memory`. What the task refers to must outlive it.
template <class T, class Make, class Done>
void start_task(const executor& ex, Make make, Done done) {
  // Shared, because Asio may lose the completion of a coroutine that cannot be started.
  const auto report = std::make_shared<Done>(std::move(done));
  const auto finish = [report](std::exception_ptr error, result<T> ended) {
    (*report)(catch_bad_alloc([&]() -> result<T> {
      if (error) std::rethrow_exception(error);
      return std::move(ended);
    }));
  };
  asio::co_spawn(ex, detail::in_order<T>(completed_operation(), make()),
                 asio::bind_cancellation_slot(asio::cancellation_slot(), finish));
}

}  // namespace rathole::io
