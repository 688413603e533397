#pragma once

#include <rathole/embed/guests.hpp>
#include <rathole/embed/own_thread.hpp>
#include <rathole/io/task.hpp>
#include <rathole/version.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/io_context.hpp>

#include <memory>
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

  /// Starts a thread, which ends no later than the context of `fallback`; handlers without an executor
  /// run on `fallback`. Throws `std::system_error` if there can be no thread.
  explicit home(asio::any_io_executor fallback)
      : own_(std::make_shared<own_thread>()),
        context_(&own_->context()),
        fallback_(std::move(fallback)) {
    guests::add(fallback_, own_);
    own_thread::start(own_);
  }

  home(const home&) = delete;
  home& operator=(const home&) = delete;
  /// Ends the thread.
  ~home() {
    if (own_) own_->stop();
  }

  /// Returns the context.
  [[nodiscard]] asio::io_context& context() const { return *context_; }
  /// Returns the executor of the context.
  [[nodiscard]] io::executor get_executor() const { return context_->get_executor(); }
  /// Returns the executor of handlers that have none.
  [[nodiscard]] const asio::any_io_executor& fallback() const { return fallback_; }

 private:
  std::shared_ptr<own_thread> own_;
  asio::io_context* context_;
  asio::any_io_executor fallback_;
};

/// Returns a pointer to `what`, which lives at `where`, that owns both: a thread of its own does not
/// end before it.
template <class T>
std::shared_ptr<T> with_home(std::shared_ptr<home> where, std::shared_ptr<T> what) {
  struct resident {
    std::shared_ptr<home> where;
    std::shared_ptr<T> what;
  };
  T* const out = what.get();
  return {std::make_shared<resident>(std::move(where), std::move(what)), out};
}

}  // namespace rathole::embed::inline RATHOLE_ABI
