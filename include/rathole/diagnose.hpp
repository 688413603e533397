#pragma once

#include <rathole/config/types.hpp>
#include <rathole/embed/diagnose/diagnosis.hpp>
#include <rathole/embed/diagnose/start.hpp>
#include <rathole/embed/diagnose/thread.hpp>
#include <rathole/embed/guests.hpp>
#include <rathole/embed/operation.hpp>
#include <rathole/embed/other_context.hpp>
#include <rathole/version.hpp>

#include <asio/async_result.hpp>
#include <asio/execution/executor.hpp>
#include <asio/io_context.hpp>
#include <asio/is_executor.hpp>
#include <asio/post.hpp>

#include <concepts>
#include <memory>
#include <system_error>
#include <utility>

namespace rathole::embed::inline RATHOLE_ABI {

/// The settings of a client or of a server.
template <class Block>
concept Diagnosable = std::same_as<Block, config::client> || std::same_as<Block, config::server>;

/// An executor of Asio.
template <class Executor>
concept AnyExecutor =
    asio::is_executor<Executor>::value || asio::execution::is_executor<Executor>::value;

}  // namespace rathole::embed::inline RATHOLE_ABI

namespace rathole::inline RATHOLE_ABI {

/// Finds out what happens when a client or a server with `settings` starts, step by step; see
/// `diagnosis_step`. A step that fails leaves out those that need it.
///
/// A client's diagnosis reads the files of keys and certificates, looks up the server or the proxy,
/// connects, performs the handshakes, asks the server for each service, and connects to each local
/// service once. It does not serve anybody; `diagnose_options::authenticate` says what it does with
/// tokens. For a local UDP service only the route is looked at. A server's diagnosis reads the files
/// and binds each address until it has ended; an address that a running server uses is in use.
///
/// Each step has a deadline: `connect_timeout` of a client for lookups and connections, and, four
/// times in total, for each message of a handshake; `handshake_timeout` for each message of the
/// tunnel's protocol, and for a server's lookups.
///
/// It runs in `context`, which one thread must run, and must outlive it. Completes with
/// `void(std::error_code, rathole::diagnosis)`: no error, whatever the steps found, or
/// `asio::error::operation_aborted` after a cancellation, which ends it at any step, or
/// `std::errc::not_enough_memory`; then with the steps that had ended. Throws `std::bad_alloc` if it
/// cannot be started.
template <embed::Diagnosable Block, class Token>
auto async_diagnose(asio::io_context& context, Block settings, diagnose_options options,
                    Token&& token) {
  auto start = [&context, what = std::move(settings), how = std::move(options)](
                   auto done, const embed::cancellation_pointer& cancel) mutable {
    embed::start_diagnosis(context, std::move(what), std::move(how), cancel, std::move(done));
  };
  return embed::start_operation<diagnosis>(context.get_executor(), context.get_executor(),
                                           std::move(start), std::forward<Token>(token));
}

/// Finds out in `context`, with the default options, what happens when `settings` are started.
template <embed::Diagnosable Block, class Token>
auto async_diagnose(asio::io_context& context, Block settings, Token&& token) {
  return async_diagnose(context, std::move(settings), diagnose_options(),
                        std::forward<Token>(token));
}

/// Finds out on a thread of its own what happens when `settings` are started, for a program whose
/// executor `ex` is not that of an `asio::io_context` with one thread. `on_step` is called, and the
/// operation completes, on `ex`, unless the token has an executor of its own. When it completes, the
/// thread has closed all that it used. Throws also `std::system_error` if no thread can be started.
template <embed::AnyExecutor Executor, embed::Diagnosable Block, class Token>
auto async_diagnose(const Executor& ex, Block settings, diagnose_options options, Token&& token) {
  const auto initiate = [](auto handler, Executor where, Block what, diagnose_options how) {
    if (how.on_step) {
      how.on_step = [where, report = std::move(how.on_step)](const diagnosis_step& step) {
        asio::post(where, [report, step] { report(step); });
      };
    }
    const auto thread = std::make_shared<embed::diagnosis_thread>();
    embed::guests::add(where, thread);
    auto start = [thread, what = std::move(what), how = std::move(how)](
                     auto done, const embed::cancellation_pointer& cancel) mutable {
      thread->diagnose(std::move(what), std::move(how), cancel, std::move(done));
    };
    embed::start_for<diagnosis>(std::move(handler), thread->get_executor(), where,
                                std::move(start));
    thread->start();
  };
  return asio::async_initiate<Token, void(std::error_code, diagnosis)>(
      initiate, token, ex, std::move(settings), std::move(options));
}

/// Finds out on a thread of its own, with the default options, what happens when `settings` are
/// started.
template <embed::AnyExecutor Executor, embed::Diagnosable Block, class Token>
auto async_diagnose(const Executor& ex, Block settings, Token&& token) {
  return async_diagnose(ex, std::move(settings), diagnose_options(), std::forward<Token>(token));
}

/// Finds out the same for a program that uses `context`, such as an `asio::thread_pool`: on its
/// executor.
template <embed::OtherContext Context, embed::Diagnosable Block, class Token>
auto async_diagnose(Context& context, Block settings, diagnose_options options, Token&& token) {
  return async_diagnose(context.get_executor(), std::move(settings), std::move(options),
                        std::forward<Token>(token));
}

/// Finds out the same with the default options.
template <embed::OtherContext Context, embed::Diagnosable Block, class Token>
auto async_diagnose(Context& context, Block settings, Token&& token) {
  return async_diagnose(context.get_executor(), std::move(settings), diagnose_options(),
                        std::forward<Token>(token));
}

}  // namespace rathole::inline RATHOLE_ABI

#if !RATHOLE_SEPARATE_COMPILATION
#include <rathole/embed/impl/diagnose_operations.hpp>
#endif
