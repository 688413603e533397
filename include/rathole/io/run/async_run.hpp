#pragma once

#include <rathole/core/out_of_memory.hpp>
#include <rathole/io/run/suspension.hpp>
#include <rathole/io/task.hpp>

#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/co_spawn.hpp>
#include <asio/dispatch.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/this_coro.hpp>

#include <exception>
#include <memory>
#include <stop_token>
#include <system_error>
#include <utility>

namespace rathole::io {

namespace detail {

/// Runs `work` after the current handler of the executor has returned. It needs no memory before
/// that, because Asio loses the completion of a coroutine that fails before its first suspension.
inline task<void> begin_later(std::shared_ptr<suspension> first, awaitable<void> suspended,
                              task<void> work) {
  co_await std::move(suspended);
  first.reset();
  co_return co_await std::move(work);
}

/// Returns a task that does this on the executor `on`.
inline task<void> begin_later(executor on, task<void> work) {
  const auto first = std::make_shared<suspension>(suspension::registry_of(on), on);
  const auto go_on = [](suspension* self) { self->resume(); };
  return begin_later(first, first->suspend(go_on), std::move(work));
}

}  // namespace detail

/// Starts a long-running task for an outside caller with any Asio completion token of the signature
/// `void(std::error_code)`. The task never begins inside this call, so it may also be started from
/// an observer in the middle of an event.
///
/// If the token carries a cancellation slot, cancelling it requests `stop`, and the operation
/// completes once the task has ended in order. If memory runs out in the task, the operation
/// completes with `std::errc::not_enough_memory`. Throws `std::bad_alloc` if the task cannot be
/// started.
template <class Token>
auto async_run(executor ex, task<void> work, std::stop_source stop, Token&& token) {
  const auto initiate = [](auto handler, executor where, task<void> what, std::stop_source source) {
    auto slot = asio::get_associated_cancellation_slot(handler);
    if (slot.is_connected()) {
      slot.assign([source](asio::cancellation_type) mutable { source.request_stop(); });
    }
    // The executor of the handler must not run out of work before the handler has run.
    auto busy = asio::make_work_guard(asio::get_associated_executor(handler, where));
    auto finish = [busy = std::move(busy), slot, done = std::move(handler)](
                      std::exception_ptr error, result<void> ended) mutable {
      ended = catch_bad_alloc([&] {
        if (error) std::rethrow_exception(error);
        return ended;
      });
      if (slot.is_connected()) slot.clear();
      const std::error_code reason = ended ? std::error_code() : ended.error();
      asio::dispatch(busy.get_executor(),
                     [done = std::move(done), reason]() mutable { std::move(done)(reason); });
    };
    // The task is stopped by its stop source, never by Asio's terminal cancellation.
    asio::co_spawn(where, detail::begin_later(where, std::move(what)),
                   asio::bind_cancellation_slot(asio::cancellation_slot(), std::move(finish)));
  };
  return asio::async_initiate<Token, void(std::error_code)>(initiate, token, ex, std::move(work),
                                                            std::move(stop));
}

}  // namespace rathole::io
