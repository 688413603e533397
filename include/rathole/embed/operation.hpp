#pragma once

#include <rathole/io/task.hpp>
#include <rathole/version.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/associated_allocator.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/defer.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>

#include <functional>
#include <memory>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>

namespace rathole::embed::inline RATHOLE_ABI {

/// Completes an asynchronous operation whose handler was erased: it passes the handler on to the
/// executor that is associated with it. May be called on any thread, once.
template <class... R>
using completion = std::move_only_function<void(std::error_code, R...)>;

/// What a cancellation of an operation does. It is made for an operation whose handler has a
/// cancellation slot, and belongs to the home of the operation.
struct cancellation {
  /// The action; empty while there is nothing to cancel.
  std::move_only_function<void(asio::cancellation_type)> action;
};

/// An owner of a `cancellation`; null if the operation cannot be cancelled.
using cancellation_pointer = std::shared_ptr<cancellation>;

namespace detail {

/// Calls a handler with results; its associated allocator is the handler's.
template <class Handler, class... R>
struct call {
  /// The associated allocator.
  using allocator_type = asio::associated_allocator_t<Handler>;
  /// Returns it.
  allocator_type get_allocator() const { return asio::get_associated_allocator(handler); }

  /// Calls the handler. Its cancellation slot is emptied before, because the handler may use it for
  /// the next operation.
  void operator()() {
    auto slot = asio::get_associated_cancellation_slot(handler);
    if (slot.is_connected()) slot.clear();
    std::apply(std::move(handler), std::move(results));
  }

  /// The handler.
  Handler handler;
  /// Its arguments.
  std::tuple<std::error_code, R...> results;
};

/// Erases the type of `handler`. Its executor, or `fallback`, does not run out of work before the
/// handler has run. The handler is never called inside the completion, so that what it throws, or
/// destroys, cannot disturb what the library does there.
template <class... R, class Handler>
completion<R...> erase(Handler handler, const asio::any_io_executor& fallback) {
  auto busy = asio::make_work_guard(asio::get_associated_executor(handler, fallback));
  return [busy = std::move(busy), done = std::move(handler)](std::error_code ec,
                                                             R... results) mutable {
    const auto where = busy.get_executor();
    asio::defer(where, call<Handler, R...>{std::move(done), {ec, std::move(results)...}});
  };
}

}  // namespace detail

/// Starts an operation for an outside caller with any Asio completion token of the signature
/// `void(std::error_code, R...)`. `start(done, cancel)` is called on `home`, never inside this call,
/// and must see to it that `done` is called once. If the token carries a cancellation slot,
/// `cancel` is not null, and what `start` stores there is called on `home` when the operation is
/// cancelled. `fallback` is the executor of handlers that have none.
template <class... R, class Start, class Token>
auto start_operation(const io::executor& home, const asio::any_io_executor& fallback, Start start,
                     Token&& token) {
  const auto initiate = [](auto handler, io::executor where, const asio::any_io_executor& otherwise,
                           Start begin) {
    cancellation_pointer cancel;
    if (auto slot = asio::get_associated_cancellation_slot(handler); slot.is_connected()) {
      cancel = std::make_shared<cancellation>();
      slot.assign([cancel, where](asio::cancellation_type type) {
        asio::post(where, [cancel, type] {
          if (cancel->action) cancel->action(type);
        });
      });
    }
    completion<R...> done = detail::erase<R...>(std::move(handler), otherwise);
    asio::post(where, [begin = std::move(begin), done = std::move(done),
                       cancel = std::move(cancel)]() mutable {
      begin(std::move(done), std::move(cancel));
    });
  };
  return asio::async_initiate<Token, void(std::error_code, R...)>(initiate, token, home, fallback,
                                                                  std::move(start));
}

}  // namespace rathole::embed::inline RATHOLE_ABI
