#pragma once

#include <rathole/core/expiring_cache.hpp>
#include <rathole/core/lookup_queue.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/resolve/context_gate.hpp>
#include <rathole/io/resolve/host_lookup.hpp>
#include <rathole/io/run/detached_thread.hpp>
#include <rathole/io/run/event.hpp>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

namespace rathole::io {

/// Resolves names on threads of its own, several at the same time, as `lookup_queue` decides.
/// Threads are started when they are needed and end when they are idle. The system's resolver
/// cannot be interrupted, so a thread that it blocks is abandoned; such a thread holds nothing that
/// belongs to others, and the program may exit meanwhile.
///
/// The functions may be called by any thread. The pool may be destroyed while lookups run.
class resolver_pool {
 public:
  /// The largest number of good answers that are kept for the case that the resolver does not
  /// answer.
  static constexpr std::size_t answers_kept = 256;
  /// The time for which a good answer is kept.
  static constexpr duration answers_kept_for = std::chrono::hours(1);
  /// The time that a thread without work waits before it ends.
  static constexpr std::chrono::seconds idle_limit{10};

  /// The request of one asker and its answer. Its content is accessed only on the asker's thread,
  /// where the answer is posted.
  struct ticket {
    /// Makes a ticket whose answer is posted to `ex`.
    explicit ticket(const executor& ex) : home(context_gate::of(ex)) {}
    /// The context of the asker.
    const std::shared_ptr<context_gate::gate> home;
    /// Notified when there is an answer; null once the asker is gone.
    event* waiter = nullptr;
    /// The answer, once there is one.
    std::optional<result<host_addresses>> answer;
  };
  /// A request, shared by the asker and the pool.
  using ticket_pointer = std::shared_ptr<ticket>;

  /// A function that resolves a name and blocks until there is an answer; it is called by several
  /// threads.
  using lookup_function = std::function<result<host_addresses>(const std::string&)>;
  /// A function that runs work on a new detached thread; it throws `std::system_error` if there is
  /// none.
  using thread_starter = std::function<void(std::function<void()>)>;

  /// Makes a pool without threads that resolves names by `look_up` and starts threads by `start`.
  explicit resolver_pool(lookup_function look_up = look_up_host,
                         thread_starter start = start_detached)
      : state_(std::make_shared<state>(std::move(look_up), std::move(start))) {}

  /// Returns the pool of the process. It is never destroyed, because its threads may outlive all
  /// other objects.
  static resolver_pool& of_process() {
    static resolver_pool& shared = *new resolver_pool;
    return shared;
  }

  /// Asks for the addresses of `name` on behalf of `asker`. Returns when the lookup that will
  /// answer was first asked for.
  ///
  /// The answer is the resolver's, or the last good one if the resolver has none. The answer may be
  /// an error of `look_up_host`, or the system's error if no thread can be started. Throws
  /// `std::bad_alloc`; nothing was asked then.
  time_point ask(const std::string& name, ticket_pointer asker) {
    return state::ask(state_, name, std::move(asker));
  }

  /// Withdraws the request of `asker`. A lookup that runs continues, and its answer is kept.
  void cancel(const std::string& name, const ticket_pointer& asker) { state_->cancel(name, asker); }

  /// Returns the last good answer for `name`, if one is kept.
  [[nodiscard]] std::optional<host_addresses> last_answer(const std::string& name) const {
    const std::lock_guard lock(state_->mutex);
    const host_addresses* const kept = state_->answers.find(name, clock::now());
    return kept ? std::optional(*kept) : std::nullopt;
  }

  /// Returns the number of threads.
  [[nodiscard]] std::size_t threads() const {
    const std::lock_guard lock(state_->mutex);
    return state_->threads;
  }

 private:
  using tickets = std::vector<ticket_pointer>;

  /// The state that the pool and its threads share.
  struct state {
    state(lookup_function how, thread_starter with)
        : look_up(std::move(how)), start(std::move(with)) {}

    static time_point ask(const std::shared_ptr<state>& self, const std::string& name,
                          ticket_pointer asker) {
      std::unique_lock lock(self->mutex);
      const time_point since = self->add(name, std::move(asker));
      const auto no_thread = provide_thread(self);
      if (!no_thread) return since;
      self->queue.cancel(name);
      self->deliver_answer(lock, name, failure(no_thread));
      return since;
    }

    time_point add(const std::string& name, ticket_pointer asker) {
      const auto [all, is_first] = askers.try_emplace(name);
      try {
        all->second.push_back(std::move(asker));
        return queue.ask(name, clock::now());
      } catch (const std::bad_alloc&) {
        if (is_first) askers.erase(all);
        throw;
      }
    }

    void cancel(const std::string& name, const ticket_pointer& asker) {
      const std::lock_guard lock(mutex);
      const auto found = askers.find(name);
      if (found == askers.end()) return;
      std::erase(found->second, asker);
      if (!found->second.empty()) return;
      askers.erase(found);
      queue.cancel(name);
    }

    /// Provides a thread for each name that waits and has a slot. Fails with the system's error
    /// only if there is no thread at all.
    static std::error_code provide_thread(const std::shared_ptr<state>& self) {
      if (self->queue.waiting() <= self->idle || self->threads >= lookup_queue::max_at_once) {
        self->work.notify_one();
        return {};
      }
      try {
        ++self->threads;
        self->start([self] { self->run_thread(); });
        return {};
      } catch (const std::system_error& refused) {
        --self->threads;
        return self->threads == 0 ? refused.code() : std::error_code();
      } catch (const std::bad_alloc&) {
        --self->threads;
        return self->threads == 0 ? std::make_error_code(std::errc::not_enough_memory)
                                  : std::error_code();
      }
    }

    /// Looks up names until none has waited for `idle_limit`; the main function of a thread.
    void run_thread() {
      std::unique_lock lock(mutex);
      for (;;) {
        if (const auto name = queue.begin(clock::now())) {
          lock.unlock();
          auto answer = call(*name);
          lock.lock();
          queue.end(*name, clock::now());
          deliver_answer(lock, *name, std::move(answer));
          lock.lock();
        } else {
          ++idle;
          const auto woken = work.wait_for(lock, idle_limit);
          --idle;
          if (woken == std::cv_status::timeout && queue.waiting() == 0) break;
        }
      }
      --threads;
    }

    result<host_addresses> call(const std::string& name) noexcept {
      try {
        return look_up(name);
      } catch (const std::bad_alloc&) {
        return failure(std::make_error_code(std::errc::not_enough_memory));
      }
    }

    /// Delivers an answer to everyone who asked for `name`; if it is a failure to get an answer,
    /// the last good answer instead. Called with `lock` held, and unlocks it.
    void deliver_answer(std::unique_lock<std::mutex>& lock, const std::string& name,
                        result<host_addresses> answer) noexcept {
      const time_point now = clock::now();
      try {
        if (answer) {
          answers.put(name, *answer, now);
        } else if (answer.error() == errc::host_not_found) {
          answers.forget(name);
        } else if (const host_addresses* const kept = answers.find(name, now)) {
          answer = *kept;
        }
      } catch (const std::bad_alloc&) {
        // Without memory the answer is not kept.
      }
      auto found = askers.extract(name);
      lock.unlock();
      if (!found) return;
      for (const ticket_pointer& each : found.mapped()) deliver(each, answer);
    }

    static void deliver(const ticket_pointer& to, const result<host_addresses>& answer) noexcept {
      try {
        to->home->post([to, answer] {
          if (!to->waiter || to->answer) return;
          to->answer = answer;
          to->waiter->notify();
        });
      } catch (const std::bad_alloc&) {
        // The asker has a deadline, so it does not wait without end.
      }
    }

    const lookup_function look_up;
    const thread_starter start;
    mutable std::mutex mutex;
    std::condition_variable work;
    lookup_queue queue;
    expiring_cache<host_addresses> answers{answers_kept, answers_kept_for};
    std::unordered_map<std::string, tickets> askers;
    std::size_t threads = 0;
    /// The number of threads that wait for work.
    std::size_t idle = 0;
  };

  std::shared_ptr<state> state_;
};

}  // namespace rathole::io
