#pragma once

#include <rathole/io/task.hpp>

#include <asio/execution_context.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include <memory>
#include <mutex>
#include <new>
#include <utility>

namespace rathole::io {

/// Passes results from detached threads to an `asio::io_context`. A thread that may be blocked in
/// the system longer than the context exists holds a `gate`, never the context.
class context_gate : public asio::execution_context::service {
 public:
  /// The identifier of the service for Asio.
  inline static asio::execution_context::id id;

  /// Makes the service of `context`; called by Asio.
  explicit context_gate(asio::io_context& context)
      : service(context), gate_(std::make_shared<gate>(context)) {}

  /// Gives access to a context until the context ends.
  class gate {
   public:
    /// Makes an open gate to `context`.
    explicit gate(asio::io_context& context) : context_(&context) {}

    /// Runs `work` on the context's thread. Does nothing if the context has ended or memory has run
    /// out. May be called by any thread.
    template <class F>
    void post(F work) noexcept {
      const std::lock_guard lock(mutex_);
      if (!context_) return;
      try {
        asio::post(context_->get_executor(), std::move(work));
      } catch (const std::bad_alloc&) {
        // The waiting coroutine has a deadline, so it does not wait without end.
      }
    }

    /// Closes the gate, because the context ends.
    void close() {
      const std::lock_guard lock(mutex_);
      context_ = nullptr;
    }

   private:
    std::mutex mutex_;
    asio::io_context* context_;
  };

  /// Returns the gate of the context of `ex`. Must be called on the context's thread.
  static const std::shared_ptr<gate>& of(const executor& ex) {
    return asio::use_service<context_gate>(ex.context()).gate_;
  }

 private:
  // Asio shuts services down from the newest to the oldest, the one that runs the work last.
  void shutdown() override { gate_->close(); }

  std::shared_ptr<gate> gate_;
};

}  // namespace rathole::io
