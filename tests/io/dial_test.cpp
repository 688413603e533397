// Dials all addresses of a name with an attempt delay, and again while they do not answer.

#include "support/eventually.hpp"
#include "support/net.hpp"
#include "support/own_process.hpp"
#include "support/silent_listener.hpp"

#include <rathole/io/asio_runtime.hpp>
#include <rathole/io/tcp/dialler.hpp>

#include <doctest/doctest.h>
#include <asio/co_spawn.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;
using endpoint = io::dial_attempt::endpoint;

endpoint local(std::uint16_t port, unsigned last = 1) {
  return {asio::ip::address_v4(0x7f000000U + last), port};
}

/// A context and what runs in it.
class dial_bench {
 public:
  dial_bench() {
    // The poller opens its descriptor for the first watch and keeps it open.
    struct nothing final : io::poll_watch {
      using io::poll_watch::poll_watch;
      void ready(std::uint32_t) override {}
    } first(io::poller::of(context.get_executor()));
    const tcp_socket any = tcp_socket::listen();
    REQUIRE_FALSE(first.want(any.fd(), EPOLLIN));
    first.stop();
  }

  /// Runs the context until `condition` holds.
  void run_until(const std::function<bool()>& condition) {
    const auto deadline = clock::now() + test_timeout;
    while (!condition()) {
      REQUIRE(clock::now() < deadline);
      context.restart();
      context.run_for(10ms);
    }
  }

  /// Waits until a dial that was started has ended.
  result<io::dial_attempt> finish(io::dialler& dial) {
    bool over = false;
    asio::co_spawn(context, dial.wait(), [&](std::exception_ptr) { over = true; });
    run_until([&] { return over; });
    return dial.take();
  }

  struct connection {
    std::optional<result<io::tcp_stream>> stream;
    std::stop_source stop;
  };

  void begin(connection& into, const address& to, duration limit = test_timeout,
             const io::socket_options& options = {}) {
    asio::co_spawn(context, keep(into, to, limit, options), [](std::exception_ptr) {});
  }

  result<io::tcp_stream> connect(const address& to, duration limit = test_timeout,
                                 const io::socket_options& options = {}) {
    connection made;
    begin(made, to, limit, options);
    run_until([&] { return made.stream.has_value(); });
    return std::move(*made.stream);
  }

  asio::io_context context{1};

 private:
  io::awaitable<void> keep(connection& into, address to, duration limit,
                           io::socket_options options) {
    auto dialled =
        co_await runtime_.connect(to, options, clock::now() + limit, into.stop.get_token());
    into.stream.emplace(std::move(dialled));
  }

  io::asio_runtime runtime_{context};
};

io::tcp_acceptor listen(dial_bench& bench, const asio::ip::address& at, std::uint16_t port = 0) {
  auto opened = io::tcp_acceptor::open(bench.context.get_executor(), {at, port}, {});
  REQUIRE(opened);
  return std::move(*opened);
}

/// Listens at ::1, at the port of `reserved`, which it reserves at 127.0.0.1.
io::tcp_acceptor listen_beside(dial_bench& bench, std::optional<reserved_port>& reserved) {
  const auto deadline = clock::now() + test_timeout;
  for (;;) {
    reserved.emplace();
    auto opened = io::tcp_acceptor::open(bench.context.get_executor(),
                                         {asio::ip::address_v6::loopback(), *reserved}, {});
    if (opened) return std::move(*opened);
    REQUIRE(clock::now() < deadline);
  }
}

}  // namespace

TEST_SUITE("dial") {
  TEST_CASE("a refused connection starts the next attempt at once") {
    dial_bench bench;
    const reserved_port refusing;
    tcp_socket serving = tcp_socket::listen();
    io::dialler dial(bench.context.get_executor(), {local(refusing), local(serving.port())});
    REQUIRE(dial.start());
    const auto won = dial.take();
    REQUIRE(won);
    CHECK(won->to() == local(serving.port()));
  }

  TEST_CASE("if all attempts are refused, the last error is reported") {
    dial_bench bench;
    const reserved_port refusing;
    io::dialler dial(bench.context.get_executor(), {local(refusing), local(refusing, 2)});
    REQUIRE(dial.start());
    CHECK(dial.take().error() == std::errc::connection_refused);
    io::dialler nowhere(bench.context.get_executor(), {});
    REQUIRE(nowhere.start());
    CHECK(nowhere.take().error() == errc::host_not_found);
  }

  TEST_CASE(
      "an address that does not answer is overtaken by the next one after the attempt delay, and "
      "closed") {
    dial_bench bench;
    silent_listener silent;
    tcp_socket serving = tcp_socket::listen();
    const std::size_t before = open_descriptors();
    const auto began = clock::now();
    io::dialler dial(bench.context.get_executor(), {local(silent.port()), local(serving.port())});
    REQUIRE_FALSE(dial.start());
    CHECK(connecting_ports().size() == 1);
    {
      const auto won = bench.finish(dial);
      REQUIRE(won);
      CHECK(won->to() == local(serving.port()));
      CHECK(clock::now() - began >= dial_plan::attempt_delay);
      CHECK(clock::now() - began < dial_plan::attempt_delay + 5s);
      CHECK(open_descriptors() == before + 1);
    }
    CHECK(open_descriptors() == before);
  }

  TEST_CASE("an address that begins to answer late is reached by a new attempt") {
    dial_bench bench;
    silent_listener silent;
    io::dialler dial(bench.context.get_executor(), {local(silent.port())});
    REQUIRE_FALSE(dial.start());
    const auto first = connecting_ports();
    REQUIRE(first.size() == 1);
    bool over = false;
    asio::co_spawn(bench.context, dial.wait(), [&](std::exception_ptr) { over = true; });
    // The system repeats the first attempt's SYN only after seconds.
    bench.run_until([] { return connecting_ports().size() == 5; });
    CHECK_FALSE(over);
    silent.answer();
    bench.run_until([&] { return over; });
    auto won = dial.take();
    REQUIRE(won);
    CHECK(connecting_ports().empty());
    const auto accepted = silent.accept();
    REQUIRE(accepted);
    const tcp_socket mine(won->release().release());
    CHECK(mine.port() != first.front());
  }

  TEST_CASE("the number of open attempts is bounded: the oldest is closed for a new one") {
    dial_bench bench;
    silent_listener silent;
    io::endpoints many;
    for (unsigned i = 0; i <= dial_plan::max_open; ++i) many.push_back(local(silent.port(), i + 1));
    const std::size_t before = open_descriptors();
    io::dialler dial(bench.context.get_executor(), many);
    REQUIRE_FALSE(dial.start());
    const auto first = connecting_ports();
    REQUIRE(first.size() == 1);
    bool over = false;
    asio::co_spawn(bench.context, dial.wait(), [&](std::exception_ptr) { over = true; });
    std::size_t most = 0;
    bench.run_until([&] {
      const auto now = connecting_ports();
      most = std::max(most, now.size());
      return std::ranges::find(now, first.front()) == now.end();
    });
    CHECK(most == dial_plan::max_open);
    CHECK(connecting_ports().size() == dial_plan::max_open);
    dial.give_up(errc::stopped);
    CHECK(open_descriptors() == before);
    bench.run_until([&] { return over; });
    CHECK(dial.take().error() == errc::stopped);
  }

  TEST_CASE("a dial that is cancelled or times out leaks nothing") {
    dial_bench bench;
    silent_listener silent;
    const std::size_t before = open_descriptors();
    const address to{"127.0.0.1", silent.port()};
    CHECK(bench.connect(to, 20ms).error() == errc::timed_out);
    CHECK(open_descriptors() == before);
    dial_bench::connection stopped;
    bench.begin(stopped, to);
    bench.run_until([] { return connecting_ports().size() == 1; });
    stopped.stop.request_stop();
    bench.run_until([&] { return stopped.stream.has_value(); });
    CHECK(stopped.stream->error() == errc::stopped);
    CHECK(open_descriptors() == before);
  }

  TEST_CASE("a context that ends during a dial closes its sockets") {
    silent_listener silent;
    const std::size_t before = open_descriptors();
    {
      dial_bench::connection unfinished;
      dial_bench bench;
      bench.begin(unfinished, {"127.0.0.1", silent.port()});
      bench.run_until([] { return connecting_ports().size() == 2; });
    }
    CHECK(open_descriptors() == before);
  }

  TEST_CASE("running out of descriptors fails only that attempt") {
    dial_bench bench;
    tcp_socket serving = tcp_socket::listen();
    const auto dialled = [&] { return bench.connect({"localhost", serving.port()}); };
    rlimit usual{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &usual) == 0);
    rlimit none = usual;
    none.rlim_cur = 0;
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    const auto starved = dialled();
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &usual) == 0);
    CHECK(starved.error() == std::errc::too_many_files_open);
    CHECK(dialled());
  }

  TEST_CASE("localhost is resolved without a look-up") {
    for (const char* name : {"localhost", "LocalHost", "localhost.", "a.b.localhost"}) {
      CAPTURE(name);
      CHECK(io::is_localhost(name));
      CHECK(io::known_endpoints({name, 7}).size() == 2);
    }
    for (const char* name : {"", "localhos", "notlocalhost", "localhost.example", "localhost..",
                             "\x0c"
                             "ocalhost",
                             "example"}) {
      CAPTURE(name);
      CHECK_FALSE(io::is_localhost(name));
      CHECK(io::known_endpoints({name, 7}).empty());
    }
  }

  TEST_CASE("both addresses of localhost are dialled, the preferred family first") {
    dial_bench bench;
    std::optional<reserved_port> at_v4;
    auto on_v6 = listen_beside(bench, at_v4);
    const address to{"tunnel.localhost", on_v6.local().port};
    io::socket_options ipv6_first;
    ipv6_first.prefer_ipv6 = true;
    const auto peer = [&](const io::socket_options& options) {
      const auto connected = bench.connect(to, test_timeout, options);
      return connected ? connected->peer().host : connected.error().message();
    };
    CHECK(peer({}) == "::1");
    CHECK(peer(ipv6_first) == "::1");
    auto on_v4 = listen(bench, asio::ip::address_v4::loopback(), to.port);
    CHECK(peer({}) == "127.0.0.1");
    CHECK(peer(ipv6_first) == "::1");
    on_v6.close();
    CHECK(peer(ipv6_first) == "127.0.0.1");
  }
}

}  // namespace rathole::test
