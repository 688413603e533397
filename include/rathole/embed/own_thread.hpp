#pragma once

#include <rathole/embed/guests.hpp>
#include <rathole/io/run/run_context.hpp>
#include <rathole/io/task.hpp>
#include <rathole/version.hpp>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

namespace rathole::embed::inline RATHOLE_ABI {

/// A context with a thread that runs it. It must be held by `shared_ptr`; the thread is one of the
/// owners, because it may have to destroy what holds the last other pointer.
class own_thread final : public guest {
 public:
  /// Makes a context whose thread has not started.
  own_thread() : context_(std::in_place), busy_(context_->get_executor()) {}
  /// Ends the thread, or lets it end by itself if it destroys its own object.
  ~own_thread() {
    if (thread_.get_id() == std::this_thread::get_id()) {
      thread_.detach();
    } else {
      join();
    }
  }

  /// Starts the thread of `self`. Throws `std::system_error` if there can be no thread.
  static void start(const std::shared_ptr<own_thread>& self) try {
    self->end_of_thread()->expect();
    self->thread_ = std::thread([owner = self, end = self->end_of_thread()]() mutable {
      end->begin();
      owner->id_ = std::this_thread::get_id();
      io::run_context(*owner->context_);
      owner.reset();
      end->reach();
    });
  } catch (...) {
    self->end_of_thread()->reach();
    throw;
  }

  /// Returns the context.
  [[nodiscard]] asio::io_context& context() { return *context_; }

  /// Ends the thread, unless the thread calls this: then the thread ends afterwards.
  void stop() {
    if (is_discarded_) return;
    context_->stop();
    if (!is_here()) join();
  }

  void end() override {
    stop();
    if (!is_here()) context_->shut_down();
  }

  void discard() override {
    if (is_here()) return;
    is_discarded_ = true;
    busy_.reset();
    context_.reset();
  }

 private:
  /// A context that can destroy what is unfinished before it is destroyed itself.
  struct context_type : asio::io_context {
    context_type() : asio::io_context(1) {}
    void shut_down() { shutdown(); }
  };

  [[nodiscard]] bool is_here() const { return id_ == std::this_thread::get_id(); }

  void join() {
    const std::lock_guard lock(mutex_);
    if (thread_.joinable()) thread_.join();
    // Another thread may get the same identifier.
    id_ = std::thread::id();
  }

  std::optional<context_type> context_;
  asio::executor_work_guard<io::executor> busy_;
  std::mutex mutex_;
  std::thread thread_;
  std::atomic<std::thread::id> id_{};
  bool is_discarded_ = false;
};

}  // namespace rathole::embed::inline RATHOLE_ABI
