#pragma once

#include <rathole/io/handler_memory.hpp>
#include <rathole/io/suspension.hpp>
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

/// Work that one executor does for another. The memory for the way there and back is there before the
/// way begins, so that an errand that has set out comes back.
template <class T>
struct errand {
  errand(executor from, executor to, awaitable<T> what)
      : home(from), there(to), work(std::move(what)) {}

  executor home;
  executor there;
  std::optional<awaitable<T>> work;
  /// Who waits at home for a result or an error.
  suspension* waiter = nullptr;
  std::optional<T> made;
  std::exception_ptr error;
  handler_memory out_memory;
  handler_memory back_memory;
};

template <class T>
using errand_pointer = std::shared_ptr<errand<T>>;

template <class T>
void come_home(const errand_pointer<T>& self) {
  using memory_pointer = std::shared_ptr<handler_memory>;
  asio::post(self->home, in_memory(memory_pointer(self, &self->back_memory),
                                   [self] { self->waiter->resume(); }));
}

template <class T>
awaitable<void> do_errand(errand_pointer<T> self) {
  co_await asio::this_coro::throw_if_cancelled(false);
  try {
    // What the work holds belongs to this thread, and ends here.
    awaitable<T> work = std::move(*self->work);
    self->work.reset();
    T made = co_await std::move(work);
    self->made.emplace(std::move(made));
  } catch (...) {
    self->error = std::current_exception();
  }
  come_home(self);
}

template <class T>
void set_out(const errand_pointer<T>& self) {
  using memory_pointer = std::shared_ptr<handler_memory>;
  const auto begin = [self] {
    try {
      asio::co_spawn(self->there, do_errand(self), [](std::exception_ptr) {});
    } catch (const std::bad_alloc&) {
      self->error = std::current_exception();
      self->work.reset();
      come_home(self);
    }
  };
  asio::post(self->there, in_memory(memory_pointer(self, &self->out_memory), begin));
}

/// What `run_on` has where its work has no result.
struct done {};

inline awaitable<done> as_result(awaitable<void> work) {
  co_await std::move(work);
  co_return done();
}

}  // namespace detail

/// Runs `work` on `there`, which may be another thread's, and goes on here with its result. It is
/// ended only by what it waits for, and what it refers to outlives it. Where `there` is here it
/// is simply awaited. What `work` throws is thrown here.
template <class T>
awaitable<T> run_on(executor there, awaitable<T> work) {
  const executor here = co_await asio::this_coro::executor;
  if (here == there) co_return co_await std::move(work);
  const auto errand = std::make_shared<detail::errand<T>>(here, there, std::move(work));
  suspension waiting(suspension::registry_of(here), here);
  const auto set_out = [errand](suspension* self) {
    errand->waiter = self;
    detail::set_out(errand);
  };
  co_await waiting.suspend(set_out);
  if (errand->error) std::rethrow_exception(errand->error);
  co_return std::move(*errand->made);
}

/// As above, for work without a result.
inline awaitable<void> run_on(executor there, awaitable<void> work) {
  const executor here = co_await asio::this_coro::executor;
  if (here == there) {
    co_await std::move(work);
  } else {
    co_await run_on(there, detail::as_result(std::move(work)));
  }
}

}  // namespace rathole::io
