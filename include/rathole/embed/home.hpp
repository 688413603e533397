#pragma once

#include <rathole/io/run/run_context.hpp>
#include <rathole/io/task.hpp>
#include <rathole/version.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

#include <memory>
#include <thread>
#include <utility>

namespace rathole::embed::inline RATHOLE_ABI {

/// Where the control plane of a client or server runs: the caller's `asio::io_context`, which one
/// thread runs, or a context with a thread of its own, for a caller with another kind of executor.
/// What lives there shares the ownership of it.
class home {
 public:
  /// Uses `context`, which must outlive everything that runs there.
  explicit home(asio::io_context& context)
      : context_(&context), fallback_(context.get_executor()) {}

  /// Starts a thread; handlers without an executor run on `fallback`. Throws `std::system_error` if
  /// there can be no thread.
  explicit home(asio::any_io_executor fallback)
      : own_(std::make_shared<own_context>()),
        context_(&own_->context),
        fallback_(std::move(fallback)),
        // The thread owns the context, too, because it may have to end the last owner of this object.
        thread_([own = own_] { io::run_context(own->context); }) {}

  home(const home&) = delete;
  home& operator=(const home&) = delete;
  /// Ends the thread.
  ~home() {
    if (!own_) return;
    own_->context.stop();
    if (thread_.get_id() == std::this_thread::get_id()) {
      thread_.detach();
    } else {
      thread_.join();
    }
  }

  /// Returns the context.
  [[nodiscard]] asio::io_context& context() const { return *context_; }
  /// Returns the executor of the context.
  [[nodiscard]] io::executor get_executor() const { return context_->get_executor(); }
  /// Returns the executor of handlers that have none.
  [[nodiscard]] const asio::any_io_executor& fallback() const { return fallback_; }

 private:
  struct own_context {
    asio::io_context context{1};
    asio::executor_work_guard<io::executor> busy{context.get_executor()};
  };

  std::shared_ptr<own_context> own_;
  asio::io_context* context_;
  asio::any_io_executor fallback_;
  std::thread thread_;
};

}  // namespace rathole::embed::inline RATHOLE_ABI
