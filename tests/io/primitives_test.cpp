// The primitives of the I/O layer: when they run, on which thread, how often, and how they behave
// when they are used from inside their own callbacks.

#include "support/net.hpp"

#include <rathole/io/asio_runtime.hpp>
#include <rathole/io/run/async_run.hpp>
#include <rathole/io/run/event.hpp>
#include <rathole/io/run/expensive_turns.hpp>
#include <rathole/io/run/run_on.hpp>
#include <rathole/io/run/stop_action.hpp>
#include <rathole/io/run/task_group.hpp>
#include <rathole/io/run/thread_check.hpp>
#include <rathole/io/run/turn_budget.hpp>
#include <rathole/io/time/alarm.hpp>

#include <doctest/doctest.h>

#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace rathole::test {

namespace {

using namespace std::chrono_literals;

/// A context that the test runs, and a task group in it.
struct io_bench {
  asio::io_context context{1};
  io::task_group group{context.get_executor()};
  io::asio_runtime runtime{context};

  void run() {
    context.run();
    context.restart();
  }
  /// Runs `work` on the executor's thread.
  void within(std::function<void()> work) {
    asio::post(context, std::move(work));
    run();
  }
};

/// A context with a thread that runs it.
struct other_thread {
  asio::io_context context{1};
  asio::executor_work_guard<io::executor> busy{context.get_executor()};
  std::jthread thread{[this] { context.run(); }};
  ~other_thread() { context.stop(); }
};

io::awaitable<void> note(bool& done) {
  done = true;
  co_return;
}

io::awaitable<void> await_event(io::event& awaited, int& times) {
  co_await awaited.wait();
  ++times;
}

io::awaitable<void> await_twice(io::event& awaited, int& times) {
  co_await awaited.wait();
  ++times;
  co_await awaited.wait();
  ++times;
}

io::awaitable<void> await_end(io::task_group& group, bool& done) {
  co_await group.join();
  done = true;
}

io::awaitable<void> spawn_another(io::task_group& group, int left) {
  if (left > 0) group.spawn(spawn_another(group, left - 1));
  co_return;
}

io::awaitable<void> fail() {
  throw std::runtime_error("thrown");
  co_return;
}

io::awaitable<std::thread::id> thread_here() { co_return std::this_thread::get_id(); }

io::awaitable<void> compare_threads(io::executor there, bool& same_there, bool& same_here) {
  const auto here = std::this_thread::get_id();
  const auto found = co_await io::run_on(there, thread_here());
  same_there = found == here;
  same_here = std::this_thread::get_id() == here;
}

io::task<void> at_once(bool& done) {
  done = true;
  co_return result<void>{};
}

/// The two ends of a connection; the first one is a stream of the library.
struct stream_pair {
  explicit stream_pair(const io::executor& ex) {
    tcp_socket listener = tcp_socket::listen();
    outside = tcp_socket::connect(listener.port());
    auto accepted = listener.accept();
    const int fd = ::dup(accepted->fd());
    ::fcntl(fd, F_SETFL, O_NONBLOCK);
    stream.emplace(ex, io::descriptor(fd), address{"127.0.0.1", 1});
  }
  tcp_socket outside;
  std::optional<io::tcp_stream> stream;
};

/// Reads one byte at a time until `enough` holds or the stream has ended.
io::awaitable<void> read_single_bytes(io::tcp_stream& from, const bool& enough, int& count) {
  for (;;) {
    if (enough) co_return;
    std::array<std::uint8_t, 1> byte;
    const byte_span room(byte);
    const auto taken = co_await from.read_some(room);
    if (!taken || *taken == 0) co_return;
    ++count;
  }
}

io::awaitable<void> write_single_bytes(io::tcp_stream& to, const bool& enough, int& count) {
  const std::array<std::uint8_t, 1> byte{'x'};
  for (;;) {
    if (enough) co_return;
    const byte_view one(byte);
    const auto sent = co_await to.write(one);
    if (!sent) co_return;
    ++count;
  }
}

/// One end of a pair of local sockets, with a watch.
struct watched final : io::poll_watch {
  watched(const io::executor& ex, int descriptor)
      : poll_watch(io::poller::of(ex)), fd(descriptor) {}
  ~watched() {
    stop();
    ::close(fd);
  }
  void ready(std::uint32_t) override {
    ++times;
    if (then) then();
  }

  const int fd;
  int times = 0;
  std::function<void()> then;
};

struct watched_pair {
  explicit watched_pair(const io::executor& ex) {
    int fds[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    outside = tcp_socket(fds[0]);
    inside.emplace(ex, fds[1]);
  }
  tcp_socket outside;
  std::optional<watched> inside;
};

/// Returns whether `work` ends a child process by an assertion.
bool is_asserted_against(const std::function<void()>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    // The test's own handler would report it as the parent's failure.
    ::signal(SIGABRT, SIG_DFL);
    ::close(STDOUT_FILENO);
    ::close(STDERR_FILENO);
    work();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

}  // namespace

TEST_SUITE("primitives") {
  TEST_CASE("event: a notification is kept for the next waiter, and several count as one") {
    io_bench bench;
    io::event woken(bench.context.get_executor());
    woken.notify();
    woken.notify();
    int times = 0;
    bench.group.spawn(await_twice(woken, times));
    bench.context.poll();
    CHECK(times == 1);
    woken.notify();
    bench.run();
    CHECK(times == 2);
  }

  TEST_CASE("event: a waiter is never resumed inside notify") {
    io_bench bench;
    io::event woken(bench.context.get_executor());
    int times = 0;
    int times_within = 0;
    bench.group.spawn(await_event(woken, times));
    bench.context.poll();
    bench.within([&] {
      woken.notify();
      times_within = times;
    });
    CHECK(times_within == 0);
    CHECK(times == 1);
  }

  TEST_CASE("task_group: work never begins inside spawn, and begins in the order of the calls") {
    io_bench bench;
    bool done = false;
    bool within = true;
    std::vector<int> order;
    bench.within([&] {
      asio::post(bench.context, [&] { order.push_back(done ? 2 : 1); });
      bench.group.spawn(note(done));
      within = done;
      CHECK(bench.group.size() == 1);
    });
    CHECK_FALSE(within);
    CHECK(done);
    // Handlers queued before have run first.
    CHECK(order == std::vector<int>{1});
    CHECK(bench.group.size() == 0);
  }

  TEST_CASE("task_group: join waits for the last coroutine, including those started meanwhile") {
    io_bench bench;
    bool joined = false;
    io::task_group outer(bench.context.get_executor());
    bench.group.spawn(spawn_another(bench.group, 5));
    outer.spawn(await_end(bench.group, joined));
    bench.run();
    CHECK(joined);
    CHECK(bench.group.size() == 0);
    joined = false;
    outer.spawn(await_end(bench.group, joined));
    bench.run();
    CHECK(joined);
  }

  TEST_CASE("task_group: an exception leaves the executor's run, and the group continues") {
    io_bench bench;
    bool done = false;
    bench.group.spawn(fail());
    CHECK_THROWS_AS(bench.context.run(), std::runtime_error);
    bench.context.restart();
    CHECK(bench.group.size() == 0);
    bench.group.spawn(note(done));
    bench.run();
    CHECK(done);
  }

  TEST_CASE("task_group: a context may be destroyed with work that has not begun") {
    bool done = false;
    {
      io_bench bench;
      bench.group.spawn(note(done));
    }
    CHECK_FALSE(done);
  }

  TEST_CASE("async_run: the task never begins inside the call") {
    io_bench bench;
    bool done = false;
    bool within = true;
    std::optional<std::error_code> ended;
    bench.within([&] {
      io::async_run(bench.context.get_executor(), at_once(done), std::stop_source(),
                    [&](std::error_code ec) { ended = ec; });
      within = done;
    });
    CHECK_FALSE(within);
    CHECK(done);
    CHECK(ended == std::error_code());
  }

  TEST_CASE("stop_action: runs at once on its own thread, once, and never after destruction") {
    io_bench bench;
    int times = 0;
    std::stop_source stop;
    std::stop_source other;
    bench.within([&] {
      const io::stop_action on_stop(stop.get_token(), bench.context.get_executor(),
                                    [&] { ++times; });
      stop.request_stop();
      CHECK(times == 1);
      {
        const io::stop_action gone(other.get_token(), bench.context.get_executor(),
                                   [&] { ++times; });
      }
      other.request_stop();
      // A stop that was already requested takes effect at once.
      const io::stop_action late(stop.get_token(), bench.context.get_executor(), [&] { ++times; });
      CHECK(times == 2);
    });
    CHECK(times == 2);
  }

  TEST_CASE(
      "stop_action: a request from another thread runs on the executor's, unless it was "
      "destroyed") {
    io_bench bench;
    std::stop_source stop;
    std::optional<std::thread::id> ran;
    std::optional<io::stop_action> on_stop;
    on_stop.emplace(stop.get_token(), bench.context.get_executor(),
                    [&] { ran = std::this_thread::get_id(); });
    SUBCASE("it runs") {
      std::thread([&] { stop.request_stop(); }).join();
      CHECK_FALSE(ran);
      bench.run();
      CHECK(ran == std::this_thread::get_id());
    }
    SUBCASE("it is destroyed between the request and the run") {
      std::thread([&] { stop.request_stop(); }).join();
      on_stop.reset();
      bench.run();
      CHECK_FALSE(ran);
    }
    SUBCASE("it destroys itself") {
      std::optional<io::stop_action> own;
      std::stop_source second;
      own.emplace(second.get_token(), bench.context.get_executor(), [&own] { own.reset(); });
      std::thread([&] { second.request_stop(); }).join();
      bench.run();
      CHECK_FALSE(own);
    }
  }

  TEST_CASE("stop_action: its action may destroy it, on its own thread") {
    io_bench bench;
    std::optional<io::stop_action> own;
    std::stop_source stop;
    bench.within([&] {
      own.emplace(stop.get_token(), bench.context.get_executor(), [&own] { own.reset(); });
      stop.request_stop();
      CHECK_FALSE(own);
    });
  }

  TEST_CASE("stop_action: one of several stops suffices, and each runs the action") {
    io_bench bench;
    std::stop_source first;
    std::stop_source second;
    int times = 0;
    using two_stops = io::basic_stop_action<2>;
    const two_stops::tokens stops{first.get_token(), second.get_token()};
    SUBCASE("on its own thread") {
      bench.within([&] {
        const two_stops on_stop(stops, bench.context.get_executor(), [&] { ++times; });
        second.request_stop();
        CHECK(times == 1);
        first.request_stop();
        CHECK(times == 2);
      });
    }
    SUBCASE("from other threads, one after the other") {
      const two_stops on_stop(stops, bench.context.get_executor(), [&] { ++times; });
      std::thread([&] { first.request_stop(); }).join();
      bench.run();
      CHECK(times == 1);
      std::thread([&] { second.request_stop(); }).join();
      bench.run();
      CHECK(times == 2);
    }
    SUBCASE("from other threads, before it runs") {
      const two_stops on_stop(stops, bench.context.get_executor(), [&] { ++times; });
      std::thread([&] { first.request_stop(); }).join();
      std::thread([&] { second.request_stop(); }).join();
      bench.run();
      CHECK(times == 1);
    }
    SUBCASE("within the action") {
      bench.within([&] {
        const two_stops on_stop(stops, bench.context.get_executor(), [&] {
          if (++times == 1) second.request_stop();
        });
        first.request_stop();
        CHECK(times == 2);
      });
    }
    SUBCASE("only one is possible") {
      bench.within([&] {
        const two_stops on_stop({std::stop_token(), second.get_token()},
                                bench.context.get_executor(), [&] { ++times; });
        second.request_stop();
        CHECK(times == 1);
      });
    }
  }

  TEST_CASE("run_on: work runs on the other thread, and the result returns to the caller's") {
    io_bench bench;
    other_thread there;
    bool same_there = true;
    bool same_here = false;
    SUBCASE("another thread's executor") {
      bench.group.spawn(compare_threads(there.context.get_executor(), same_there, same_here));
      bench.run();
      CHECK_FALSE(same_there);
      CHECK(same_here);
    }
    SUBCASE("the caller's own executor") {
      bench.group.spawn(compare_threads(bench.context.get_executor(), same_there, same_here));
      bench.run();
      CHECK(same_there);
      CHECK(same_here);
    }
  }

  TEST_CASE("alarm: runs at its time, never inside its constructor, and not after destruction") {
    io_bench bench;
    int times = 0;
    const auto past = bench.runtime.now() - 1s;
    {
      const io::alarm<io::asio_runtime> gone(bench.runtime, past, [&] { ++times; });
      CHECK(times == 0);
    }
    bench.run();
    CHECK(times == 0);
    const io::alarm<io::asio_runtime> on_timeout(bench.runtime, past, [&] { ++times; });
    CHECK_FALSE(on_timeout.expired());
    CHECK(on_timeout.explain(errc::stopped) == errc::stopped);
    bench.run();
    CHECK(times == 1);
    CHECK(on_timeout.expired());
    CHECK(on_timeout.explain(errc::stopped) == errc::timed_out);
  }

  TEST_CASE(
      "poller: a one-shot wait fires once, and a watch removed in the same batch is not called") {
    io_bench bench;
    const io::executor ex = bench.context.get_executor();
    watched_pair once(ex);
    once.outside.send_all("x");
    CHECK_FALSE(once.inside->want_once(once.inside->fd, EPOLLIN));
    bench.run();
    CHECK(once.inside->times == 1);

    watched_pair first(ex);
    watched_pair second(ex);
    for (watched_pair* each : {&first, &second}) {
      each->outside.send_all("x");
      watched& mine = *each->inside;
      watched& other = each == &first ? *second.inside : *first.inside;
      mine.then = [&mine, &other] {
        mine.stop();
        other.stop();
      };
      CHECK_FALSE(mine.want(mine.fd, EPOLLIN));
    }
    bench.run();
    CHECK(first.inside->times + second.inside->times == 1);
  }

  TEST_CASE("fairness: a loop over a stream that is always ready lets other work run") {
    io_bench bench;
    stream_pair pair(bench.context.get_executor());
    bool others_ran = false;
    int count = 0;
    SUBCASE("reading") {
      pair.outside.send_all(std::string(10'000, 'x'));
      pair.outside.shutdown_write();
      bench.group.spawn(read_single_bytes(*pair.stream, others_ran, count));
    }
    SUBCASE("writing") { bench.group.spawn(write_single_bytes(*pair.stream, others_ran, count)); }
    // The coroutine runs before the others enter the queue.
    asio::post(bench.context, [&] {
      asio::post(bench.context, [&] { asio::post(bench.context, [&] { others_ran = true; }); });
    });
    bench.context.poll();
    CHECK(others_ran);
    CHECK(count <= 8 * static_cast<int>(io::turn_budget::operations_per_turn));
    pair.stream->close();
    bench.run();
  }

#ifndef NDEBUG
  TEST_CASE("thread_check: objects of one thread are not used by another while it runs") {
    const auto misuse = [] {
      other_thread there;
      // It has run a handler, so its thread is known.
      io::event known(there.context.get_executor());
      std::atomic<bool> ran = false;
      asio::post(there.context, [&] {
        known.notify();
        ran = true;
      });
      while (!ran) std::this_thread::yield();
      known.notify();
    };
    CHECK(is_asserted_against(misuse));
    const auto use = [] {
      io_bench bench;
      io::event known(bench.context.get_executor());
      bench.within([&] { known.notify(); });
      known.notify();
    };
    CHECK_FALSE(is_asserted_against(use));
  }
#endif
}

namespace {

io::awaitable<void> take_turn(io_bench& bench, int number, std::vector<std::string>& seen) {
  const io::executor ex = bench.context.get_executor();
  co_await io::expensive_turns::of(ex).wait(ex);
  seen.push_back("turn " + std::to_string(number));
  const auto note = [number, &seen] { seen.push_back("ready " + std::to_string(number)); };
  asio::post(ex, note);
}

}  // namespace

TEST_CASE("expensive turns: first come, first served, and ready work runs between two of them") {
  io_bench bench;
  std::vector<std::string> seen;
  for (int i = 1; i <= 3; ++i) bench.group.spawn(take_turn(bench, i, seen));
  bench.run();
  CHECK(seen ==
        std::vector<std::string>{"turn 1", "ready 1", "turn 2", "ready 2", "turn 3", "ready 3"});
  seen.clear();
  bench.group.spawn(take_turn(bench, 4, seen));
  bench.run();
  CHECK(seen == std::vector<std::string>{"turn 4", "ready 4"});
}

TEST_CASE("expensive turns: a context that ends destroys the waiting turns") {
  std::vector<std::string> seen;
  {
    io_bench bench;
    for (int i = 1; i <= 3; ++i) bench.group.spawn(take_turn(bench, i, seen));
    while (seen.empty()) bench.context.run_one();
  }
  CHECK(seen == std::vector<std::string>{"turn 1"});
}

}  // namespace rathole::test
