#pragma once

#include <rathole/io/poll/poller.hpp>
#include <rathole/io/resolve/context_gate.hpp>
#include <rathole/io/run/expensive_turns.hpp>
#include <rathole/io/run/suspension.hpp>
#include <rathole/io/run/thread_check.hpp>
#include <rathole/io/run/turn_budget.hpp>
#include <rathole/io/task.hpp>
#include <rathole/io/time/asio_timer.hpp>
#include <rathole/io/workers.hpp>
#include <rathole/version.hpp>

#include <asio/execution_context.hpp>
#include <asio/io_context.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace rathole::embed::inline RATHOLE_ABI {

/// The worker threads of one client or server, which end no later than the context of its control
/// plane: what runs on them uses objects of that context.
class worker_threads {
 public:
  /// Starts threads beside `context`; see `io::workers`, which says what this throws.
  worker_threads(asio::io_context& context, std::size_t count)
      : threads_(std::make_shared<slot>(std::in_place, context, count)) {
    asio::use_service<registry>(context).add(threads_);
  }

  /// Returns the threads; the context must not be shutting down.
  [[nodiscard]] io::workers& get() { return **threads_; }

 private:
  using slot = std::optional<io::workers>;

  /// Ends the threads before the context destroys what they use. Their own contexts are kept until
  /// nothing that refers to them is left.
  class registry : public asio::execution_context::service {
   public:
    inline static asio::execution_context::id id;

    // Asio shuts the services of a context down in the opposite order of their creation.
    explicit registry(asio::execution_context& context) : service(context) {
      const io::executor ex = static_cast<asio::io_context&>(context).get_executor();
      io::poller::of(ex);
      io::suspension::registry_of(ex);
      io::turn_budget::of(ex);
      io::expensive_turns::of(ex);
      io::context_gate::of(ex);
      io::prepare_thread_check(ex);
      const io::asio_timer timer(ex);
    }

    void add(const std::shared_ptr<slot>& threads) {
      std::erase_if(all_, [](const auto& each) { return each.expired(); });
      all_.push_back(threads);
    }

   private:
    void shutdown() override {
      for (const auto& each : std::exchange(all_, {})) {
        auto threads = each.lock();
        if (!threads || !*threads) continue;
        (*threads)->shut_down();
        kept_.push_back(std::move(threads));
      }
    }

    std::vector<std::weak_ptr<slot>> all_;
    std::vector<std::shared_ptr<slot>> kept_;
  };

  std::shared_ptr<slot> threads_;
};

}  // namespace rathole::embed::inline RATHOLE_ABI
