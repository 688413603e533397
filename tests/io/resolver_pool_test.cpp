// Look-ups of names: none waits for another one, and none outlives its context.

#include "support/eventually.hpp"

#include <rathole/io/asio_runtime.hpp>
#include <rathole/io/resolve/lookup.hpp>

#include <doctest/doctest.h>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;

const std::error_code temporary(EAI_AGAIN, io::lookup_category());

/// A resolver that answers 127.0.0.1 at once for names that begin with "good", and hangs for names
/// that begin with "dead" until `fail` is called.
class scripted_resolver {
 public:
  io::resolver_pool::lookup_function function() {
    return [script = script_](const std::string& name) { return script->look_up(name); };
  }
  /// Ends the look-ups that hang, now and later, with `reason`.
  void fail_with(std::error_code reason) {
    const std::lock_guard lock(script_->mutex);
    script_->reason = reason;
    script_->changed.notify_all();
  }
  /// Makes names that begin with "good" hang too.
  void fall_silent(bool on = true) {
    const std::lock_guard lock(script_->mutex);
    script_->silent = on;
    if (on) script_->reason.reset();
    script_->changed.notify_all();
  }
  std::size_t calls() const { return locked(script_->calls); }
  std::size_t hanging() const { return locked(script_->hanging); }
  ~scripted_resolver() { fail_with(temporary); }

 private:
  struct script {
    result<io::host_addresses> look_up(const std::string& name) {
      std::unique_lock lock(mutex);
      ++calls;
      ++hanging;
      const bool is_good = name.starts_with("good");
      changed.wait(lock, [&] { return reason || (is_good && !silent); });
      --hanging;
      if (is_good && !silent) return io::host_addresses{asio::ip::make_address("127.0.0.1")};
      return failure(*reason);
    }
    std::mutex mutex;
    std::condition_variable changed;
    bool silent = false;
    std::optional<std::error_code> reason;
    std::size_t calls = 0;
    std::size_t hanging = 0;
  };
  std::size_t locked(const std::size_t& value) const {
    const std::lock_guard lock(script_->mutex);
    return value;
  }

  /// A thread that hangs keeps the object alive.
  std::shared_ptr<script> script_ = std::make_shared<script>();
};

/// A look-up in a context that runs on the test's thread.
class asking {
 public:
  asking(asio::io_context& context, const std::string& host, io::resolver_pool& pool)
      : body_(std::make_shared<body>(context.get_executor(), address{host, 80}, pool)) {
    body_->names.ask();
    asio::co_spawn(context, run(body_), [](std::exception_ptr) {});
  }
  io::lookup& names() { return body_->names; }
  /// Empty until the look-up has ended.
  const std::optional<result<io::endpoints>>& outcome() const { return body_->outcome; }

 private:
  struct body {
    body(const io::executor& ex, address name, io::resolver_pool& pool)
        : names(ex, std::move(name), pool) {}
    io::lookup names;
    std::optional<result<io::endpoints>> outcome;
  };
  static io::awaitable<void> run(std::shared_ptr<body> self) {
    auto found = co_await self->names.wait();
    self->outcome.emplace(std::move(found));
  }

  std::shared_ptr<body> body_;
};

void run_until(asio::io_context& context, const std::function<bool()>& condition) {
  const auto deadline = clock::now() + test_timeout;
  while (!condition()) {
    REQUIRE(clock::now() < deadline);
    context.restart();
    context.run_for(5ms);
  }
}

TEST_SUITE("resolver_pool") {
  TEST_CASE("a name without an answer delays no other look-up") {
    scripted_resolver resolver;
    io::resolver_pool pool(resolver.function());
    asio::io_context context(1);
    std::vector<std::unique_ptr<asking>> dead;
    // Many callers ask for one name, and there are more names than threads.
    for (int i = 0; i < 100; ++i) {
      dead.push_back(std::make_unique<asking>(context, "dead.example", pool));
    }
    for (int i = 0; i < 3; ++i) {
      dead.push_back(std::make_unique<asking>(context, "dead" + std::to_string(i), pool));
    }
    CHECK(eventually([&] { return resolver.hanging() == 4; }));
    for (int i = 0; i < 20; ++i) {
      asking good(context, "good" + std::to_string(i), pool);
      run_until(context, [&] { return good.outcome().has_value(); });
      REQUIRE(*good.outcome());
      CHECK(**good.outcome() == io::endpoints(1, {asio::ip::make_address("127.0.0.1"), 80}));
    }
    CHECK(resolver.calls() == 24);
    CHECK(pool.threads() <= lookup_queue::max_at_once);
    resolver.fail_with(temporary);
    run_until(context, [&] {
      return std::ranges::all_of(dead,
                                 [](const auto& each) { return each->outcome().has_value(); });
    });
    for (const auto& each : dead) CHECK(each->outcome()->error() == temporary);
  }

  TEST_CASE("however many names are without an answer, a name that was fast is looked up") {
    scripted_resolver resolver;
    io::resolver_pool pool(resolver.function());
    asio::io_context context(1);
    asking first(context, "good", pool);
    run_until(context, [&] { return first.outcome().has_value(); });
    std::vector<std::unique_ptr<asking>> dead;
    for (int i = 0; i < 100; ++i) {
      dead.push_back(std::make_unique<asking>(context, "dead" + std::to_string(i), pool));
    }
    CHECK(eventually([&] { return resolver.hanging() == lookup_queue::max_at_once * 3 / 4; }));
    asking again(context, "good", pool);
    run_until(context, [&] { return again.outcome().has_value(); });
    CHECK(again.outcome()->has_value());
    CHECK(pool.threads() <= lookup_queue::max_at_once);
    resolver.fail_with(temporary);
    run_until(context, [&] {
      return std::ranges::all_of(dead,
                                 [](const auto& each) { return each->outcome().has_value(); });
    });
  }

  TEST_CASE("the last good answer is used if the resolver has none") {
    scripted_resolver resolver;
    io::resolver_pool pool(resolver.function());
    asio::io_context context(1);
    const auto ask = [&] {
      asking one(context, "good", pool);
      run_until(context, [&] { return one.outcome().has_value(); });
      return *one.outcome();
    };
    CHECK(ask().has_value());
    resolver.fall_silent();
    {
      asking one(context, "good", pool);
      one.names().use_last_answer();
      run_until(context, [&] { return one.outcome().has_value(); });
      CHECK(one.outcome()->has_value());
      // Nothing is cached for the other name, so its look-up is awaited.
      asking other(context, "good-too", pool);
      other.names().use_last_answer();
      context.restart();
      context.poll();
      CHECK_FALSE(other.outcome().has_value());
      other.names().give_up(errc::timed_out);
      run_until(context, [&] { return other.outcome().has_value(); });
      CHECK(other.outcome()->error() == errc::timed_out);
    }
    resolver.fail_with(temporary);
    CHECK(ask().has_value());
    // The answer that a name does not exist is an answer too.
    resolver.fall_silent();
    resolver.fail_with(errc::host_not_found);
    CHECK(ask().error() == errc::host_not_found);
    resolver.fall_silent();
    resolver.fail_with(temporary);
    CHECK(ask().error() == temporary);
  }

  TEST_CASE("contexts of several threads look names up at the same time") {
    scripted_resolver resolver;
    io::resolver_pool pool(resolver.function());
    std::atomic<int> answered = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 6; ++i) {
      threads.emplace_back([&, i] {
        asio::io_context context(1);
        for (int turn = 0; turn < 50; ++turn) {
          asking one(context, "good" + std::to_string((i + turn) % 5), pool);
          asking dropped(context, "good" + std::to_string(turn % 3), pool);
          while (!one.outcome()) {
            context.restart();
            context.run_for(5ms);
          }
          if (one.outcome()->has_value()) ++answered;
        }
      });
    }
    for (std::thread& each : threads) each.join();
    CHECK(answered == 300);
  }

  TEST_CASE("a context, its callers and the pool may end while look-ups hang") {
    scripted_resolver resolver;
    {
      io::resolver_pool pool(resolver.function());
      {
        asio::io_context context(1);
        io::asio_runtime runtime(context);
        auto ask = [](io::resolver_pool& at) -> io::awaitable<void> {
          const io::executor ex = co_await asio::this_coro::executor;
          io::lookup names(ex, {"dead.example", 80}, at);
          names.ask();
          co_await names.wait();
        };
        asio::co_spawn(context, ask(pool), [](std::exception_ptr) {});
        context.poll();
        CHECK(eventually([&] { return resolver.hanging() == 1; }));
      }
      asio::io_context context(1);
      {
        asking gone(context, "dead.example", pool);
      }
      asking gone_too(context, "dead.other", pool);
      gone_too.names().give_up(errc::stopped);
      run_until(context, [&] { return gone_too.outcome().has_value(); });
      CHECK(gone_too.outcome()->error() == errc::stopped);
      CHECK(eventually([&] { return resolver.hanging() == 2; }));
    }
    resolver.fail_with(temporary);
    CHECK(eventually([&] { return resolver.hanging() == 0; }));
  }

  TEST_CASE("a look-up fails if no thread can be started, and the next one may succeed") {
    scripted_resolver resolver;
    bool has_threads = false;
    io::resolver_pool pool(resolver.function(), [&](std::function<void()> work) {
      if (!has_threads)
        throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
      io::start_detached(std::move(work));
    });
    asio::io_context context(1);
    asking first(context, "good", pool);
    run_until(context, [&] { return first.outcome().has_value(); });
    CHECK(first.outcome()->error() == std::errc::resource_unavailable_try_again);
    CHECK(pool.threads() == 0);
    has_threads = true;
    asking second(context, "good", pool);
    run_until(context, [&] { return second.outcome().has_value(); });
    CHECK(second.outcome()->has_value());
  }

  TEST_CASE("the system resolver: a name that does not exist, and one of /etc/hosts") {
    CHECK(io::look_up_host("localhost").has_value());
    // A label is at most 63 bytes long, so no server is queried.
    CHECK_FALSE(io::look_up_host(std::string(64, 'x') + ".invalid").has_value());
    CHECK(temporary.message() ==
          std::string("the name could not be looked up: ") + ::gai_strerror(EAI_AGAIN));
  }
}

}  // namespace
}  // namespace rathole::test
