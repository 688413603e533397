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

/// Everything runs on an `asio::io_context`: one context, one thread, no locks.
using executor = asio::io_context::executor_type;

/// A coroutine on `executor`. Nothing below `task_group` starts one by itself.
template <class T>
using awaitable = asio::awaitable<T, executor>;

/// A coroutine that may fail: the shape of every asynchronous operation inside the library.
/// Operations that were ended by closing or cancelling their object fail with `errc::stopped`.
template <class T>
using task = awaitable<result<T>>;

#if __has_include(<asio/as_tuple.hpp>)
/// Completion token: `auto [ec, value] = co_await op(use_tuple);`, never an exception.
inline constexpr asio::as_tuple_t<asio::use_awaitable_t<executor>> use_tuple{};
#else
inline constexpr asio::experimental::as_tuple_t<asio::use_awaitable_t<executor>> use_tuple{};
#endif

/// An error of Asio's in this library's words: "cancelled" is `errc::stopped`, and what the system
/// said is in the standard category, so that it compares with `std::errc`.
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
