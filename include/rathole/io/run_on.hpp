#pragma once

#include <rathole/io/task.hpp>

#include <asio/co_spawn.hpp>
#include <asio/this_coro.hpp>

#include <optional>
#include <utility>

namespace rathole::io {

namespace detail {

inline awaitable<void> follow(awaitable<void> work) {
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await std::move(work);
}

template <class T>
awaitable<void> keep(awaitable<T> work, std::optional<T>& out) {
  co_await asio::this_coro::throw_if_cancelled(false);
  T made = co_await std::move(work);
  out.emplace(std::move(made));
}

}  // namespace detail

/// Runs `work` on `there`, which may be another thread's, and goes on here with its result. It is
/// ended only by what it waits for, and what it refers to outlives it. Where `there` is here it
/// is simply awaited.
template <class T>
awaitable<T> run_on(executor there, awaitable<T> work) {
  const executor here = co_await asio::this_coro::executor;
  if (here == there) co_return co_await std::move(work);
  std::optional<T> made;
  co_await asio::co_spawn(there, detail::keep(std::move(work), made),
                          asio::use_awaitable_t<executor>());
  co_return std::move(*made);
}

/// As above, for work without a result.
inline awaitable<void> run_on(executor there, awaitable<void> work) {
  const executor here = co_await asio::this_coro::executor;
  if (here == there) {
    co_await std::move(work);
  } else {
    co_await asio::co_spawn(there, detail::follow(std::move(work)),
                            asio::use_awaitable_t<executor>());
  }
}

}  // namespace rathole::io
