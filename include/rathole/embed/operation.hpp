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
#include <mutex>
#include <optional>
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
/// cancellation slot.
class cancellation {
 public:
  /// Belongs to an operation that lives at `home`.
  explicit cancellation(io::executor home) : home_(home) {}

  /// The action; empty while there is nothing to cancel. It is set and called at home.
  std::move_only_function<void(asio::cancellation_type)> action;

  /// Calls the action of `which` at home soon, unless the operation has ended. May be called by any
  /// thread.
  static void request(const std::shared_ptr<cancellation>& which, asio::cancellation_type type) {
    const std::lock_guard lock(which->mutex_);
    if (!which->home_) return;
    asio::post(*which->home_, [which, type] {
      if (which->action) which->action(type);
    });
  }

  /// Says that the operation has ended: its home may be destroyed before its handler runs. May be
  /// called by any thread.
  void end() {
    const std::lock_guard lock(mutex_);
    home_.reset();
  }

 private:
  std::mutex mutex_;
  std::optional<io::executor> home_;
};

/// An owner of a `cancellation`; null if the operation cannot be cancelled.
using cancellation_pointer = std::shared_ptr<cancellation>;

namespace detail {

/// Calls a handler with results; its associated allocator is the handler's.
template <class Handler, class... R>
struct call {
  /// The associated allocator.
  using allocator_type = asio::associated_allocator_t<Handler>;
  /// Returns the handler's allocator.
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

/// Ends what may be cancelled when it is destroyed.
class end_of_cancellation {
 public:
  /// Ends `which`, which may be null.
  explicit end_of_cancellation(cancellation_pointer which) : which_(std::move(which)) {}
  end_of_cancellation(end_of_cancellation&&) = default;
  end_of_cancellation& operator=(end_of_cancellation&&) = delete;
  ~end_of_cancellation() { now(); }

  /// Ends it earlier.
  void now() {
    if (const auto ended = std::exchange(which_, nullptr)) ended->end();
  }

 private:
  cancellation_pointer which_;
};

/// Erases the type of `handler`. Its executor, or `fallback`, does not run out of work before the
/// handler has run. The handler is never called inside the completion, so that what it throws, or
/// destroys, cannot disturb what the library does there. The completion ends `cancel`.
template <class... R, class Handler>
completion<R...> erase(Handler handler, const asio::any_io_executor& fallback,
                       cancellation_pointer cancel) {
  auto busy = asio::make_work_guard(asio::get_associated_executor(handler, fallback));
  return [busy = std::move(busy), done = std::move(handler),
          end = end_of_cancellation(std::move(cancel))](std::error_code ec, R... results) mutable {
    end.now();
    const auto where = busy.get_executor();
    asio::defer(where, call<Handler, R...>{std::move(done), {ec, std::move(results)...}});
  };
}

}  // namespace detail

/// Starts an operation at `home` for `handler`, as `start_operation` does for any token.
template <class... R, class Handler, class Start>
void start_for(Handler handler, io::executor home, const asio::any_io_executor& fallback,
               Start start) {
  cancellation_pointer cancel;
  if (auto slot = asio::get_associated_cancellation_slot(handler); slot.is_connected()) {
    cancel = std::make_shared<cancellation>(home);
    slot.assign([cancel](asio::cancellation_type type) { cancellation::request(cancel, type); });
  }
  completion<R...> done = detail::erase<R...>(std::move(handler), fallback, cancel);
  asio::post(home,
             [start = std::move(start), done = std::move(done),
              cancel = std::move(cancel)]() mutable { start(std::move(done), std::move(cancel)); });
}

/// Starts an operation for an outside caller with any Asio completion token of the signature
/// `void(std::error_code, R...)`. `start(done, cancel)` is called on `home`, never inside this call,
/// and must see to it that `done` is called once. If the token carries a cancellation slot,
/// `cancel` is not null, and what `start` stores there is called on `home` when the operation is
/// cancelled. `home` must exist until `done` was called. `fallback` is the executor of handlers that
/// have none.
template <class... R, class Start, class Token>
auto start_operation(const io::executor& home, const asio::any_io_executor& fallback, Start start,
                     Token&& token) {
  const auto initiate = [](auto handler, io::executor where, const asio::any_io_executor& otherwise,
                           Start begin) {
    start_for<R...>(std::move(handler), where, otherwise, std::move(begin));
  };
  return asio::async_initiate<Token, void(std::error_code, R...)>(initiate, token, home, fallback,
                                                                  std::move(start));
}

}  // namespace rathole::embed::inline RATHOLE_ABI
