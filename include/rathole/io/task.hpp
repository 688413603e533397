#pragma once

#include <rathole/core/result.hpp>

#include <asio/awaitable.hpp>
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/use_awaitable.hpp>

#if __has_include(<asio/as_tuple.hpp>)
#include <asio/as_tuple.hpp>
#else
#include <asio/experimental/as_tuple.hpp>
#endif

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

#if __has_include(<asio/as_tuple.hpp>)
/// A completion token that returns errors instead of throwing: `auto [ec, value] = co_await
/// op(use_tuple);`.
inline constexpr asio::as_tuple_t<asio::use_awaitable_t<executor>> use_tuple{};
#else
/// A completion token that returns errors instead of throwing: `auto [ec, value] = co_await
/// op(use_tuple);`.
inline constexpr asio::experimental::as_tuple_t<asio::use_awaitable_t<executor>> use_tuple{};
#endif

/// Returns an error of Asio as an error of this library: "operation aborted" becomes
/// `errc::stopped`, and an error of the system gets the standard category, so that it compares with
/// `std::errc`.
inline std::error_code translate(const std::error_code& ec) {
  if (ec == asio::error::operation_aborted || ec == asio::error::bad_descriptor) {
    return make_error_code(errc::stopped);
  }
  if (ec.category() == asio::error::get_system_category()) {
    return {ec.value(), std::system_category()};
  }
  return ec;
}

}  // namespace rathole::io
