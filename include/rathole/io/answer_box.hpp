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

/// Brings results from threads that belong to nobody to an `asio::io_context` for as long as the
/// context exists. A thread that may be stuck in the system beyond the context's life keeps a
/// `gate`, never the context.
class answer_box : public asio::execution_context::service {
 public:
  /// Names the service to Asio.
  inline static asio::execution_context::id id;

  explicit answer_box(asio::io_context& context)
      : service(context), gate_(std::make_shared<gate>(context)) {}

  /// The way to a context, which is shut when the context ends.
  class gate {
   public:
    explicit gate(asio::io_context& context) : context_(&context) {}

    /// Has `work` run on the context's thread, unless the context has ended or memory ran out.
    /// Called by any thread.
    template <class F>
    void post(F work) noexcept {
      const std::lock_guard lock(mutex_);
      if (!context_) return;
      try {
        asio::post(context_->get_executor(), std::move(work));
      } catch (const std::bad_alloc&) {
        // Whoever waits has a deadline.
      }
    }

    void shut() {
      const std::lock_guard lock(mutex_);
      context_ = nullptr;
    }

   private:
    std::mutex mutex_;
    asio::io_context* context_;
  };

  /// The gate of the context that `ex` belongs to. Called on the context's thread.
  static const std::shared_ptr<gate>& of(const executor& ex) {
    return asio::use_service<answer_box>(ex.context()).gate_;
  }

 private:
  // Asio shuts services down from the newest to the oldest: what runs the work comes last.
  void shutdown() override { gate_->shut(); }

  std::shared_ptr<gate> gate_;
};

}  // namespace rathole::io
