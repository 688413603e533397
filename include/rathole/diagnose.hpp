#pragma once

#include <rathole/config/types.hpp>
#include <rathole/embed/diagnose/diagnosis.hpp>
#include <rathole/embed/diagnose/start.hpp>
#include <rathole/io/run/detached_thread.hpp>
#include <rathole/io/run/run_context.hpp>
#include <rathole/version.hpp>

#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/dispatch.hpp>
#include <asio/execution/executor.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/is_executor.hpp>
#include <asio/post.hpp>

#include <concepts>
#include <memory>
#include <stop_token>
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

/// Returns a handler that passes the result of a diagnosis to `handler` on its associated executor,
/// or on `ex`.
template <class Handler, class Executor>
diagnosis_handler on_executor_of(Handler handler, const Executor& ex) {
  // The executor of the handler must not run out of work before the handler has run.
  auto busy = asio::make_work_guard(asio::get_associated_executor(handler, ex));
  return [busy = std::move(busy), handler = std::move(handler)](std::error_code error,
                                                                diagnosis found) mutable {
    auto deliver = [handler = std::move(handler), error, found = std::move(found)]() mutable {
      if (auto slot = asio::get_associated_cancellation_slot(handler); slot.is_connected()) {
        slot.clear();
      }
      std::move(handler)(error, std::move(found));
    };
    asio::dispatch(busy.get_executor(), std::move(deliver));
  };
}

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
  const auto initiate = [](auto handler, asio::io_context* where, Block what,
                           diagnose_options how) {
    std::stop_source stop;
    auto slot = asio::get_associated_cancellation_slot(handler);
    if (slot.is_connected()) {
      slot.assign([stop](asio::cancellation_type) mutable { stop.request_stop(); });
    }
    auto done = embed::on_executor_of(std::move(handler), where->get_executor());
    embed::start_diagnosis(*where, std::move(what), std::move(how), stop, std::move(done));
  };
  return asio::async_initiate<Token, void(std::error_code, diagnosis)>(
      initiate, token, &context, std::move(settings), std::move(options));
}

/// Does the same with the default options.
template <embed::Diagnosable Block, class Token>
auto async_diagnose(asio::io_context& context, Block settings, Token&& token) {
  return async_diagnose(context, std::move(settings), diagnose_options(),
                        std::forward<Token>(token));
}

/// Does the same on a thread of its own, for a program whose executor `ex` is not that of an
/// `asio::io_context` with one thread. `on_step` is called, and the operation completes, on `ex`,
/// unless the token has an executor of its own. Throws also `std::system_error` if no thread can be
/// started.
template <embed::AnyExecutor Executor, embed::Diagnosable Block, class Token>
auto async_diagnose(const Executor& ex, Block settings, diagnose_options options, Token&& token) {
  const auto initiate = [](auto handler, Executor where, Block what, diagnose_options how) {
    const auto own = std::make_shared<asio::io_context>(1);
    std::stop_source stop;
    auto slot = asio::get_associated_cancellation_slot(handler);
    if (slot.is_connected()) {
      slot.assign([stop, own](asio::cancellation_type) {
        asio::post(*own, [stop]() mutable { stop.request_stop(); });
      });
    }
    if (how.on_step) {
      how.on_step = [where, report = std::move(how.on_step)](const diagnosis_step& step) {
        asio::post(where, [report, step] { report(step); });
      };
    }
    auto done = embed::on_executor_of(std::move(handler), where);
    embed::start_diagnosis(*own, std::move(what), std::move(how), stop, std::move(done));
    io::start_detached([own] { io::run_context(*own); });
  };
  return asio::async_initiate<Token, void(std::error_code, diagnosis)>(
      initiate, token, ex, std::move(settings), std::move(options));
}

/// Does the same with the default options.
template <embed::AnyExecutor Executor, embed::Diagnosable Block, class Token>
auto async_diagnose(const Executor& ex, Block settings, Token&& token) {
  return async_diagnose(ex, std::move(settings), diagnose_options(), std::forward<Token>(token));
}

}  // namespace rathole::inline RATHOLE_ABI
