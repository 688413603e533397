#pragma once

#include <rathole/io/run/handler_memory.hpp>
#include <rathole/io/run/suspension.hpp>
#include <rathole/io/task.hpp>

#include <asio/execution_context.hpp>
#include <asio/post.hpp>

#include <utility>

namespace rathole::io {

/// The turns of a context for expensive steps, such as the public-key operations of handshakes.
/// Between two turns everything else that is ready runs once, so that a flood of handshakes delays
/// a forwarded connection by one step and not by all that wait. Turns are given in the order of the
/// requests. An `asio::io_context` has one, used on its thread.
class expensive_turns : public asio::execution_context::service {
 public:
  /// The identifier of the service for Asio.
  inline static asio::execution_context::id id;

  /// Makes the service of `context`; called by Asio.
  explicit expensive_turns(asio::io_context& context) : service(context) {}

  /// Returns the object of the context that `ex` belongs to.
  static expensive_turns& of(const executor& ex) {
    return asio::use_service<expensive_turns>(ex.context());
  }

  /// Returns when it is the caller's turn, which lasts until the caller suspends. Needs no memory
  /// but the coroutine's own.
  awaitable<void> wait(executor ex) {
    place here(*this, ex);
    const auto enqueue = [this, &here, ex](suspension*) { add(here, ex); };
    co_await here.suspended.suspend(enqueue);
  }

 private:
  /// A caller's place in the queue, in its own frame.
  struct place {
    place(expensive_turns& of, const executor& ex)
        : all(of), suspended(suspension::registry_of(ex), ex) {}
    place(const place&) = delete;
    place& operator=(const place&) = delete;
    ~place() {
      if (is_queued) all.remove(*this);
    }

    expensive_turns& all;
    suspension suspended;
    place* previous = nullptr;
    place* next = nullptr;
    bool is_queued = false;
  };

  void shutdown() override {}

  void add(place& newest, const executor& ex) {
    newest.previous = last_;
    (last_ ? last_->next : first_) = &newest;
    last_ = &newest;
    newest.is_queued = true;
    if (!is_posted_) post(ex);
  }

  void remove(place& gone) {
    (gone.previous ? gone.previous->next : first_) = gone.next;
    (gone.next ? gone.next->previous : last_) = gone.previous;
    gone.is_queued = false;
  }

  /// Gives the next turn when the executor reaches it, and continues until no coroutine waits.
  void post(const executor& ex) {
    is_posted_ = true;
    asio::post(ex, memory_bound(&memory_, [this, ex] {
                 is_posted_ = false;
                 if (!first_) return;
                 place& chosen = *first_;
                 remove(chosen);
                 chosen.suspended.resume();
                 // The turn ends when this handler runs: it is queued after the caller.
                 if (first_) post(ex);
               }));
  }

  handler_memory memory_;
  place* first_ = nullptr;
  place* last_ = nullptr;
  bool is_posted_ = false;
};

}  // namespace rathole::io
