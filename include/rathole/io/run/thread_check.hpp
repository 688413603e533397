#pragma once

#include <rathole/io/task.hpp>

#ifndef NDEBUG
#include <asio/execution_context.hpp>

#include <atomic>
#include <cassert>
#include <thread>
#endif

namespace rathole::io {

#ifdef NDEBUG

/// Asserts that the caller is on the thread that runs the context of `ex`, or that no thread runs
/// it: before the first run and after the last one, any thread may set up or tear down its objects.
/// Does nothing in a build with NDEBUG.
inline void check_thread(const executor&) {}

/// Allocates the memory that `check_thread` needs for `ex`.
inline void prepare_thread_check(const executor&) {}

#else

namespace detail {

/// Remembers the thread that last ran a context.
class running_thread : public asio::execution_context::service {
 public:
  /// The identifier of the service for Asio.
  inline static asio::execution_context::id id;

  /// Makes the service of `context`; called by Asio.
  explicit running_thread(asio::io_context& context) : service(context) {}

  /// The thread; a default-constructed id before the first run.
  std::atomic<std::thread::id> last{};

 private:
  void shutdown() override {}
};

}  // namespace detail

/// Allocates the memory that `check_thread` needs for `ex`.
inline void prepare_thread_check(const executor& ex) {
  asio::use_service<detail::running_thread>(ex.context());
}

/// Asserts that the caller is on the thread that runs the context of `ex`, or that no thread runs
/// it: before the first run and after the last one, any thread may set up or tear down its objects.
inline void check_thread(const executor& ex) {
  auto& last = asio::use_service<detail::running_thread>(ex.context()).last;
  const std::thread::id here = std::this_thread::get_id();
  if (ex.running_in_this_thread()) return last.store(here);
  const std::thread::id other = last.load();
  assert((other == std::thread::id() || other == here || ex.context().stopped()) &&
         "an object of one thread is used by another");
}

#endif

}  // namespace rathole::io
