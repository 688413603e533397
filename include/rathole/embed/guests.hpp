#pragma once

#include <rathole/version.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/execution/context.hpp>
#include <asio/execution_context.hpp>
#include <asio/query.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace rathole::embed::inline RATHOLE_ABI {

/// The end of a thread, which can be awaited without owning the thread.
class thread_end {
 public:
  /// Records that a thread is about to be started.
  void expect() { is_expected_ = true; }
  /// Records that the calling thread is the thread; its first action.
  void begin() { id_ = std::this_thread::get_id(); }
  /// Records that the thread uses nothing of the program any more, or could not be started.
  void reach() {
    reached_.test_and_set(std::memory_order_release);
    reached_.notify_all();
  }
  /// Returns whether there is no thread, or none any more.
  [[nodiscard]] bool is_reached() const {
    return !is_expected_ || reached_.test(std::memory_order_acquire);
  }
  /// Waits until the end is reached, if a thread is expected and does not call this itself.
  void wait() const {
    const bool is_here = id_ == std::this_thread::get_id();
    if (is_expected_ && !is_here) reached_.wait(false, std::memory_order_acquire);
  }

 private:
  std::atomic<bool> is_expected_ = false;
  std::atomic<std::thread::id> id_{};
  std::atomic_flag reached_;
};

/// A thread of the library that passes handlers to a context of the program.
class guest {
 public:
  /// Makes a guest whose thread has not started.
  guest() = default;
  guest(const guest&) = delete;
  guest& operator=(const guest&) = delete;

  /// Returns the end of the thread, which the guest must expect before it starts the thread.
  [[nodiscard]] const std::shared_ptr<thread_end>& end_of_thread() const { return end_; }

  /// Ends the thread, and destroys the handlers that it has not passed on; they hold objects of the
  /// context, which is being destroyed.
  virtual void end() = 0;
  /// Destroys what was left for the objects of those handlers, which are destroyed.
  virtual void discard() = 0;

 protected:
  /// Destroys this part of a guest.
  ~guest() = default;

 private:
  std::shared_ptr<thread_end> end_ = std::make_shared<thread_end>();
};

/// Ends the guests of a context when it is destroyed, as the context does with its own threads.
class guests : public asio::execution_context::service {
 public:
  /// The identifier of the service for Asio.
  inline static asio::execution_context::id id;

  /// Makes the service of `context`; called by Asio.
  explicit guests(asio::execution_context& context) : service(context) {}
  guests(const guests&) = delete;
  guests& operator=(const guests&) = delete;
  /// Lets the guests discard what is left.
  ~guests() override {
    for (const auto& each : kept_) each->discard();
  }

  /// Adds a guest of the context of `ex`, before its thread is started. May be called by any thread.
  static void add(const asio::any_io_executor& ex, const std::shared_ptr<guest>& added) {
    guests& self = asio::use_service<guests>(asio::query(ex, asio::execution::context));
    const std::lock_guard lock(self.mutex_);
    std::erase_if(self.members_,
                  [](const member& each) { return each.who.expired() && each.end->is_reached(); });
    self.members_.push_back({added, added->end_of_thread()});
  }

 private:
  struct member {
    std::weak_ptr<guest> who;
    // The thread may still be busy when it has destroyed the guest.
    std::shared_ptr<const thread_end> end;
  };

  void shutdown() override {
    std::vector<member> all;
    {
      const std::lock_guard lock(mutex_);
      all = std::exchange(members_, {});
    }
    for (const auto& each : all) {
      if (auto who = each.who.lock()) {
        who->end();
        kept_.push_back(std::move(who));
      } else {
        each.end->wait();
      }
    }
  }

  std::mutex mutex_;
  std::vector<member> members_;
  std::vector<std::shared_ptr<guest>> kept_;
};

}  // namespace rathole::embed::inline RATHOLE_ABI
