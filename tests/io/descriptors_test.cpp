// Descriptors after broken relays, and behaviour when no descriptor is left.

#include "io/relay_fixture.hpp"
#include "support/eventually.hpp"
#include "support/own_process.hpp"

#include <rathole/io/stream/accept_loop.hpp>
#include <rathole/io/workers.hpp>

#include <doctest/doctest.h>

#include <sys/resource.h>

#include <cerrno>
#include <cstddef>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace rathole::test {
namespace {

/// Runs a bulk transfer whose receiver closes in the middle of it, with bytes still in a pipe.
void break_bulk_flow(const std::string& bytes) {
  relay_fixture relay;
  std::jthread sender([&] {
    try {
      for (;;) relay.left.send_all(bytes);
    } catch (const std::system_error&) {
      return;
    }
  });
  std::jthread receiver([&] {
    relay.right.receive(4 * 1024 * 1024);
    relay.right.reset();
  });
  relay.run();
}

/// Prevents more than `left` further descriptors from being opened while an object exists, if those that are
/// open are the lowest.
class no_descriptors {
 public:
  explicit no_descriptors(int left = 0) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const int next = ::dup(0);
    ::close(next);
    const rlimit none{static_cast<rlim_t>(next + left), before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);
    if (left > 0) return;
    REQUIRE(::dup(0) == -1);
    REQUIRE(errno == EMFILE);
  }
  ~no_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

template <class T>
io::awaitable<void> keep(io::task<T> work, std::optional<result<T>>& found) {
  auto ended = co_await std::move(work);
  found.emplace(std::move(ended));
}

/// Runs `work` to completion.
template <class T>
result<T> outcome(asio::io_context& context, io::task<T> work) {
  std::optional<result<T>> found;
  asio::co_spawn(context, keep(std::move(work), found),
                 [](std::exception_ptr thrown) { REQUIRE_FALSE(thrown); });
  context.restart();
  const auto deadline = clock::now() + test_timeout;
  while (!found && clock::now() < deadline) context.run_one_for(std::chrono::milliseconds(20));
  REQUIRE(found);
  return std::move(*found);
}

}  // namespace

TEST_SUITE("descriptors") {
  TEST_CASE("without descriptors a dial fails, and a later one succeeds") {
    asio::io_context context(1);
    io::asio_runtime runtime(context);
    tcp_socket listener = tcp_socket::listen();
    const address to{"127.0.0.1", listener.port()};
    const io::socket_options options;
    const auto dial = [&] {
      return outcome(context, runtime.connect(to, options, clock::now() + test_timeout, {}));
    };
    {
      const no_descriptors none;
      CHECK(dial().error() == std::errc::too_many_files_open);
    }
    CHECK(dial());
  }

  TEST_CASE("without descriptors listening fails, and succeeds later") {
    asio::io_context context(1);
    io::asio_runtime runtime(context);
    const address at{"127.0.0.1", 0};
    {
      const no_descriptors none;
      CHECK(outcome(context, runtime.listen(at)).error() == std::errc::too_many_files_open);
    }
    CHECK(outcome(context, runtime.listen(at)));
  }

  TEST_CASE("without descriptors the first wait on a context fails, and the next one succeeds") {
    asio::io_context context(1);
    tcp_socket listener = tcp_socket::listen();
    tcp_socket outside = tcp_socket::connect(listener.port());
    auto inside = listener.accept();
    io::tcp_stream stream(context.get_executor(), io::descriptor(::dup(inside->fd())),
                          address{"127.0.0.1", 1});
    outside.send_all("x");
    {
      const no_descriptors none;
      const auto ready = outcome(context, stream.wait_readable());
      CHECK(ready.error() == std::errc::too_many_files_open);
    }
    CHECK(outcome(context, stream.wait_readable()));
  }

  TEST_CASE(
      "without descriptors a connection waits to be accepted, and the cause is reported once") {
    asio::io_context context(1);
    io::asio_runtime runtime(context);
    const address at{"127.0.0.1", 0};
    auto acceptor = outcome(context, runtime.listen(at));
    REQUIRE(acceptor);
    const tcp_socket visitor = tcp_socket::connect(acceptor->local().port);
    std::vector<std::error_code> failures;
    std::size_t accepted = 0;
    const auto on_accepted = [&](io::tcp_stream) { ++accepted; };
    const auto on_failed = [&](std::error_code error, duration) { failures.push_back(error); };
    const backoff_parameters pauses{std::chrono::milliseconds(1), 0, 1,
                                    std::chrono::milliseconds(1)};
    const auto nothing_to_close = [] { return false; };
    std::stop_source stop;
    context.restart();
    asio::co_spawn(context,
                   io::accept_loop(runtime, *acceptor, pauses, stop.get_token(), on_accepted,
                                   on_failed, nothing_to_close),
                   [](std::exception_ptr thrown) { REQUIRE_FALSE(thrown); });
    {
      const no_descriptors none;
      context.run_for(5 * min_retry_delay);
    }
    REQUIRE(failures.size() == 1);
    CHECK(failures[0] == std::errc::too_many_files_open);
    CHECK(accepted == 0);
    const auto deadline = clock::now() + test_timeout;
    while (accepted == 0 && clock::now() < deadline) {
      context.run_one_for(std::chrono::milliseconds(20));
    }
    CHECK(accepted == 1);
    stop.request_stop();
    context.run();
  }

  TEST_CASE("without descriptors a bulk flow is copied, and arrives whole") {
    relay_fixture relay;
    // Opens the descriptors that a context needs to wait.
    relay.run_for(std::chrono::milliseconds(10));
    const std::string sent = scrambled(8 * 1024 * 1024, 12);
    std::string got;
    const auto cross = [&] {
      const no_descriptors none;
      std::jthread sender([&] { relay.left.send_all(sent), relay.left.shutdown_write(); });
      std::jthread reader([&] { got = relay.right.receive_all(), relay.right.shutdown_write(); });
      relay.run();
    };
    // This thread may have pipes of earlier flows; a new thread has none.
    std::jthread(cross).join();
    CHECK(got == sent);
    REQUIRE(relay.status);
    CHECK_FALSE(relay.status->error);
  }

  TEST_CASE("worker threads that were started end if there are no descriptors for another one") {
    asio::io_context context(1);
    std::vector<io::descriptor> used;
    while (used.empty() || used.back().get() < 64) used.emplace_back(::dup(0));
    for (int i = 0; i < 6; ++i) used.pop_back();
    const no_descriptors none(6);
    CHECK_THROWS_AS(io::workers(context, 4), std::system_error);
    // There may be five at most, whatever is left.
    used.erase(used.end() - 30, used.end());
    CHECK_NOTHROW(io::workers(context, 4));
    CHECK_THROWS_WITH_AS(io::workers(context, 6),
                         "6 worker threads need 20 descriptors, and with a limit of 65 open files "
                         "there may be 5 threads: Too many open files",
                         std::system_error);
    io::workers threads(context, 4);
    CHECK(threads.descriptors() == 12);
    CHECK_THROWS_AS(threads.use(6), std::system_error);
    CHECK(threads.descriptors() == 12);
    CHECK_NOTHROW(threads.use(0));
  }

  TEST_CASE("without descriptors a stream can be made on a worker that had none") {
    asio::io_context context(1);
    io::workers threads(context, 2);
    asio::io_context& worker = threads.next();
    tcp_socket listener = tcp_socket::listen();
    tcp_socket outside = tcp_socket::connect(listener.port());
    auto inside = listener.accept();
    io::descriptor socket(::dup(inside->fd()));
    const no_descriptors none;
    CHECK_NOTHROW(io::tcp_stream(worker.get_executor(), std::move(socket), address{"h", 1}));
  }

  TEST_CASE("connections that break while they are spliced leak no descriptors") {
    const std::string bytes = scrambled(1024 * 1024, 11);
    for (int i = 0; i < 3; ++i) break_bulk_flow(bytes);
    const std::size_t before = open_descriptors();
    for (int i = 0; i < 20; ++i) break_bulk_flow(bytes);
    // An empty pipe may be kept for the next flow.
    CHECK(open_descriptors() <= before + 2);
  }
}

}  // namespace rathole::test
