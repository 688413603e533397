#pragma once

#include <rathole/core/result.hpp>

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/use_awaitable.hpp>

namespace rathole::io {

/// The executor of all coroutines: one `asio::io_context`, run by one thread, so that no locks
/// are needed.
using executor = asio::io_context::executor_type;

/// A coroutine on `executor`. Only `task_group`, `run_on` and `async_run` start coroutines.
template <class T>
using awaitable = asio::awaitable<T, executor>;

/// A coroutine that may fail, the form of every asynchronous operation inside the library. An
/// operation that is ended by closing or cancelling its object fails with `errc::stopped`.
template <class T>
using task = awaitable<result<T>>;

}  // namespace rathole::io
