#pragma once

#include <rathole/version.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/execution/context.hpp>
#include <asio/execution_context.hpp>
#include <asio/query.hpp>

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace rathole::embed::inline RATHOLE_ABI {

/// A thread of the library that passes handlers to a context of the program.
class guest {
 public:
  /// Makes a guest.
  guest() = default;
  guest(const guest&) = delete;
  guest& operator=(const guest&) = delete;

  /// Ends the thread, and destroys the handlers that it has not passed on; they hold objects of the
  /// context, which is being destroyed.
  virtual void end() = 0;
  /// Destroys what was left for the objects of those handlers, which are destroyed.
  virtual void discard() = 0;

 protected:
  /// Destroys this part of a guest.
  ~guest() = default;
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

  /// Adds a guest of the context of `ex`. May be called by any thread.
  static void add(const asio::any_io_executor& ex, const std::shared_ptr<guest>& member) {
    guests& self = asio::use_service<guests>(asio::query(ex, asio::execution::context));
    const std::lock_guard lock(self.mutex_);
    std::erase_if(self.members_, [](const auto& each) { return each.expired(); });
    self.members_.push_back(member);
  }

 private:
  void shutdown() override {
    std::vector<std::weak_ptr<guest>> all;
    {
      const std::lock_guard lock(mutex_);
      all = std::exchange(members_, {});
    }
    for (const auto& each : all) {
      auto member = each.lock();
      if (!member) continue;
      member->end();
      kept_.push_back(std::move(member));
    }
  }

  std::mutex mutex_;
  std::vector<std::weak_ptr<guest>> members_;
  std::vector<std::shared_ptr<guest>> kept_;
};

}  // namespace rathole::embed::inline RATHOLE_ABI
