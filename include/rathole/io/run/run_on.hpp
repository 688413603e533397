#pragma once

#include <rathole/io/run/handler_memory.hpp>
#include <rathole/io/run/suspension.hpp>
#include <rathole/io/task.hpp>

#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>

#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <utility>

namespace rathole::io {

namespace detail {

/// Work that one executor does for another. The memory for both posts is allocated in advance,
/// so that work that has started always returns its result.
template <class T>
struct remote_call {
  /// Prepares `what`, to be run on `to` for a coroutine on `from`.
  remote_call(executor from, executor to, awaitable<T> what)
      : home(from), there(to), first(completed_operation()), work(std::move(what)) {}

  /// The executor of the waiting coroutine.
  executor home;
  /// The executor that does the work.
  executor there;
  /// What the coroutine on `there` awaits first.
  std::optional<awaitable<void>> first;
  /// The work, until it has started.
  std::optional<awaitable<T>> work;
  /// The coroutine that waits on `home` for the result or the error.
  suspension* waiter = nullptr;
  /// The result.
  std::optional<T> made;
  /// The exception that the work threw.
  std::exception_ptr error;
  /// The memory for the post to `there`.
  handler_memory call_memory;
  /// The memory for the post back to `home`.
  handler_memory result_memory;
};

/// The state of the work, which both executors share.
template <class T>
using remote_call_pointer = std::shared_ptr<remote_call<T>>;

/// Resumes the waiting coroutine on its executor.
template <class T>
void post_result(const remote_call_pointer<T>& self) {
  using memory_pointer = std::shared_ptr<handler_memory>;
  asio::post(self->home, memory_bound(memory_pointer(self, &self->result_memory),
                                      [self] { self->waiter->resume(); }));
}

/// Runs the work on its executor, then resumes the waiting coroutine.
template <class T>
awaitable<void> run_remote_call(remote_call_pointer<T> self) {
  awaitable<void> first = std::move(*self->first);
  self->first.reset();
  co_await std::move(first);
  co_await asio::this_coro::throw_if_cancelled(false);
  try {
    // The objects of the work belong to this thread, so they must be destroyed here.
    awaitable<T> work = std::move(*self->work);
    self->work.reset();
    T made = co_await std::move(work);
    self->made.emplace(std::move(made));
  } catch (...) {
    self->error = std::current_exception();
  }
  post_result(self);
}

/// Starts the work on its executor.
template <class T>
void post_call(const remote_call_pointer<T>& self) {
  using memory_pointer = std::shared_ptr<handler_memory>;
  const auto begin = [self] {
    try {
      asio::co_spawn(self->there, run_remote_call(self), [](std::exception_ptr) {});
    } catch (const std::bad_alloc&) {
      self->error = std::current_exception();
      self->work.reset();
      post_result(self);
    }
  };
  asio::post(self->there, memory_bound(memory_pointer(self, &self->call_memory), begin));
}

/// The result of `run_on` for work without a result.
struct done {};

/// Returns `work` with a result.
inline awaitable<done> as_result(awaitable<void> work) {
  co_await std::move(work);
  co_return done();
}

}  // namespace detail

/// Runs `work` on `there`, which may belong to another thread, and returns its result on the
/// executor of the caller. If `there` is the caller's executor, the work is simply awaited. The
/// work cannot be cancelled from outside, and what it refers to must outlive it. An exception of
/// `work` is thrown here.
template <class T>
awaitable<T> run_on(executor there, awaitable<T> work) {
  const executor here = co_await asio::this_coro::executor;
  if (here == there) co_return co_await std::move(work);
  const auto remote_call = std::make_shared<detail::remote_call<T>>(here, there, std::move(work));
  suspension waiting(suspension::registry_of(here), here);
  const auto post_call = [remote_call](suspension* self) {
    remote_call->waiter = self;
    detail::post_call(remote_call);
  };
  co_await waiting.suspend(post_call);
  if (remote_call->error) std::rethrow_exception(remote_call->error);
  co_return std::move(*remote_call->made);
}

/// Runs `work` without a result on `there`; otherwise the same.
inline awaitable<void> run_on(executor there, awaitable<void> work) {
  const executor here = co_await asio::this_coro::executor;
  if (here == there) {
    co_await std::move(work);
  } else {
    co_await run_on(there, detail::as_result(std::move(work)));
  }
}

}  // namespace rathole::io
