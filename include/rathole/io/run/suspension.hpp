#pragma once

#include <rathole/io/run/handler_memory.hpp>
#include <rathole/io/task.hpp>

#include <asio/async_result.hpp>
#include <asio/execution_context.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>

#include <optional>
#include <utility>

namespace rathole::io {

class suspension;

namespace detail {

/// Holds the suspended coroutines of a context, and destroys them when the context ends.
class suspensions : public asio::execution_context::service {
 public:
  /// The identifier of the service for Asio.
  inline static asio::execution_context::id id;

  /// Makes the service of `context`; called by Asio.
  explicit suspensions(asio::execution_context& context) : service(context) {}

 private:
  friend class io::suspension;

  void shutdown() override;

  suspension* first_ = nullptr;
};

}  // namespace detail

/// Suspends a coroutine until it is resumed. The object is in the coroutine's own frame, so neither
/// suspending nor resuming allocates memory. Asio terminates the program if an operation that a
/// coroutine awaits cannot be started, so coroutines of this library await only this operation.
class suspension {
 public:
  /// The registry of the suspended coroutines of a context.
  using registry = detail::suspensions;

  /// Returns the registry of the context of `ex`.
  static registry& registry_of(const executor& ex) {
    return asio::use_service<registry>(ex.context());
  }

  /// Makes a suspension in the registry `all`, for a coroutine on `executor`.
  suspension(registry& all, executor ex) : all_(all), executor_(ex) {}
  suspension(const suspension&) = delete;
  suspension& operator=(const suspension&) = delete;
  /// Leaves the registry.
  ~suspension() { unlink(); }

  /// Suspends the coroutine that awaits it, then calls `suspended(this)`. Must be called once.
  template <class F>
  awaitable<void> suspend(F suspended) {
    const asio::use_awaitable_t<executor> token;
    return asio::async_initiate<const asio::use_awaitable_t<executor>, void()>(
        [this, suspended](auto handler) {
          enlist(std::move(handler));
          suspended(this);
        },
        token);
  }

  /// Resumes the coroutine through the executor, never inside this call. Must be called once, and
  /// only after `suspended`.
  void resume() {
    asio::post(executor_, memory_bound(&memory_, take()));
    busy_.reset();
  }

  /// Names a pointer to this object that must become null if the coroutine is destroyed while
  /// suspended.
  void set_place(suspension** place) { place_ = place; }

 private:
  friend registry;
  using handler_type =
      typename asio::async_result<asio::use_awaitable_t<executor>, void()>::handler_type;

  /// Stores the handler of the suspended coroutine, and enters the registry.
  void enlist(handler_type handler) {
    handler_.emplace(std::move(handler));
    busy_.emplace(executor_);
    next_ = all_.first_;
    if (next_) next_->previous_ = this;
    all_.first_ = this;
  }

  handler_type take() {
    unlink();
    handler_type out = std::move(*handler_);
    handler_.reset();
    return out;
  }

  void unlink() {
    if (!handler_) return;
    (previous_ ? previous_->next_ : all_.first_) = next_;
    if (next_) next_->previous_ = previous_;
  }

  void end() {
    if (place_) *place_ = nullptr;
    busy_.reset();
    // Destroying the handler destroys the coroutine, and with it this object.
    const handler_type gone = take();
  }

  registry& all_;
  executor executor_;
  suspension* previous_ = nullptr;
  suspension* next_ = nullptr;
  suspension** place_ = nullptr;
  std::optional<handler_type> handler_;
  /// Keeps the context running.
  std::optional<asio::executor_work_guard<executor>> busy_;
  handler_memory memory_;
};

inline void detail::suspensions::shutdown() {
  while (first_) first_->end();
}

/// Returns an operation that completes at once, inside the `co_await`, and allocates its memory now.
///
/// A coroutine that `asio::co_spawn` starts, and that ends before it has awaited any operation, needs
/// memory for the call of its completion handler, and Asio 1.30 terminates the program if there is
/// none. So what is started awaits this first.
inline awaitable<void> completed_operation() {
  const asio::use_awaitable_t<executor> token;
  return asio::async_initiate<const asio::use_awaitable_t<executor>, void()>(
      [](auto handler) { std::move(handler)(); }, token);
}

/// Lets everything else in the executor's queue run first.
inline awaitable<void> next_turn(executor ex) {
  suspension here(suspension::registry_of(ex), ex);
  const auto go_on = [](suspension* self) { self->resume(); };
  co_await here.suspend(go_on);
}

}  // namespace rathole::io
