#pragma once

#include <rathole/io/task.hpp>

#include <asio/execution_context.hpp>

namespace rathole::io {

/// Counts operations that may complete without waiting, so that loops over such operations
/// regularly let timers and other work run. It counts for all objects of a context together, so
/// neither one peer that is always ready nor many objects can block the thread. An
/// `asio::io_context` has one, used on its thread.
class turn_budget : public asio::execution_context::service {
 public:
  /// The identifier of the service for Asio.
  inline static asio::execution_context::id id;

  /// The number of such operations after which other work must run.
  static constexpr unsigned operations_per_turn = 16;

  /// Makes the service of `context`; called by Asio.
  explicit turn_budget(asio::io_context& context) : service(context) {}

  /// Returns the counter of the context of `ex`.
  static turn_budget& of(const executor& ex) {
    return asio::use_service<turn_budget>(ex.context());
  }

  /// Counts an operation that is about to be tried. If it returns true, the operation must first
  /// yield through the executor, by `next_turn`.
  [[nodiscard]] bool is_spent() { return ++operations_ % operations_per_turn == 0; }

 private:
  void shutdown() override {}

  unsigned operations_ = 0;
};

}  // namespace rathole::io
