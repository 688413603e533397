#pragma once

#include <rathole/io/task.hpp>

#include <asio/execution_context.hpp>

namespace rathole::io {

/// Counts the operations of a context that may complete without waiting, so that none of the loops that
/// await them keeps the thread from timers and from others: not while one peer is always ready, and
/// not if each turn has an object of its own. An `asio::io_context` has one, used on its thread.
class fair_turns : public asio::execution_context::service {
 public:
  /// Names the service to Asio.
  inline static asio::execution_context::id id;

  /// Operations in a row after which other work gets its turn.
  static constexpr unsigned operations_in_a_turn = 16;

  explicit fair_turns(asio::io_context& context) : service(context) {}

  /// The one of the context that `ex` belongs to.
  static fair_turns& of(const executor& ex) { return asio::use_service<fair_turns>(ex.context()); }

  /// Counts an operation that is about to be tried. If it returns true, the operation is to post itself
  /// to the executor first.
  [[nodiscard]] bool is_over() { return ++operations_ % operations_in_a_turn == 0; }

 private:
  void shutdown() override {}

  unsigned operations_ = 0;
};

}  // namespace rathole::io
