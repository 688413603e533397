#pragma once

#include <rathole/io/task.hpp>

#include <asio/execution_context.hpp>

namespace rathole::io {

/// Counts operations that may complete without waiting, so that loops over such operations
/// regularly let timers and other work run. It counts for all objects of a context together, so
/// neither one peer that is always ready nor many objects can block the thread. An
/// `asio::io_context` has one, used on its thread.
class fair_turns : public asio::execution_context::service {
 public:
  /// Identifies the service to Asio.
  inline static asio::execution_context::id id;

  /// Is the number of such operations after which other work must run.
  static constexpr unsigned operations_in_a_turn = 16;

  /// Makes the service of `context`; called by Asio.
  explicit fair_turns(asio::io_context& context) : service(context) {}

  /// Returns the counter of the context of `ex`.
  static fair_turns& of(const executor& ex) { return asio::use_service<fair_turns>(ex.context()); }

  /// Counts an operation that is about to be tried. If it returns true, the operation must first
  /// yield through the executor, by `next_turn`.
  [[nodiscard]] bool is_over() { return ++operations_ % operations_in_a_turn == 0; }

 private:
  void shutdown() override {}

  unsigned operations_ = 0;
};

}  // namespace rathole::io
