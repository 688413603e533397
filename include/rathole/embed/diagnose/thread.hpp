#pragma once

#include <rathole/core/error.hpp>
#include <rathole/embed/diagnose/diagnosis.hpp>
#include <rathole/embed/diagnose/start.hpp>
#include <rathole/embed/guests.hpp>
#include <rathole/embed/operation.hpp>
#include <rathole/io/run/detached_thread.hpp>
#include <rathole/io/run/run_context.hpp>
#include <rathole/io/task.hpp>
#include <rathole/version.hpp>

#include <asio/io_context.hpp>

#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>

namespace rathole::embed::inline RATHOLE_ABI {

/// A thread that performs one diagnosis, and reports it once it has closed all that it used. It must
/// be held by `shared_ptr`; the thread is one of the owners.
class diagnosis_thread final : public guest, public std::enable_shared_from_this<diagnosis_thread> {
 public:
  /// Makes a thread that has not started.
  diagnosis_thread() = default;

  /// Returns the executor of the thread's context.
  [[nodiscard]] io::executor get_executor() { return context_->get_executor(); }

  /// Starts the diagnosis; see `start_diagnosis`. Must be called on the thread, once. `done` is called
  /// there, at the end of it.
  template <class Block>
  void diagnose(Block settings, diagnose_options options, const cancellation_pointer& cancel,
                completion<diagnosis> done) {
    cancel_ = cancel;
    done_ = std::move(done);
    auto finish = [self = shared_from_this()](std::error_code error, diagnosis found) {
      self->error_ = error;
      self->found_ = std::move(found);
    };
    start_diagnosis(*context_, std::move(settings), std::move(options), cancel, std::move(finish));
  }

  /// Starts the thread, which ends when its context has nothing left to do. Throws
  /// `std::system_error` if there can be no thread.
  void start() try {
    end_of_thread()->expect();
    io::start_detached([self = shared_from_this()] { self->run(); });
  } catch (...) {
    // What the context would have run owns this object.
    context_.reset();
    end_of_thread()->reach();
    throw;
  }

  void end() override {
    {
      const std::lock_guard lock(mutex_);
      if (context_) context_->stop();
    }
    end_of_thread()->wait();
  }
  void discard() override {}

 private:
  void run() {
    end_of_thread()->begin();
    io::run_context(*context_);
    if (cancel_) cancel_->end();
    {
      const std::lock_guard lock(mutex_);
      context_.reset();
    }
    if (done_) done_(error_, std::move(found_));
    done_ = nullptr;
    end_of_thread()->reach();
  }

  std::mutex mutex_;
  std::optional<asio::io_context> context_{1};
  cancellation_pointer cancel_;
  completion<diagnosis> done_;
  // What is reported if the diagnosis could not be started.
  std::error_code error_ = std::make_error_code(std::errc::not_enough_memory);
  diagnosis found_;
};

}  // namespace rathole::embed::inline RATHOLE_ABI
