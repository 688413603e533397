#pragma once

#include <rathole/version.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/execution_context.hpp>
#include <asio/io_context.hpp>

#include <concepts>

namespace rathole::embed::inline RATHOLE_ABI {

/// An execution context of Asio other than an `asio::io_context`, such as an `asio::thread_pool`.
template <class Context>
concept OtherContext =
    std::convertible_to<Context&, asio::execution_context&> &&
    !std::convertible_to<Context&, asio::io_context&> && requires(Context& context) {
      { context.get_executor() } -> std::convertible_to<asio::any_io_executor>;
    };

}  // namespace rathole::embed::inline RATHOLE_ABI
