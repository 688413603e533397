// Unix-domain sockets: listening, connecting, and the file.

#include "support/eventually.hpp"
#include "support/temp_dir.hpp"
#include "support/unix_sockets.hpp"

#include <rathole/io/asio_runtime.hpp>
#include <rathole/io/tcp/acceptor.hpp>

#include <doctest/doctest.h>
#include <asio/co_spawn.hpp>

#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;

/// A context, a folder, and what runs in them.
class unix_bench {
 public:
  [[nodiscard]] std::string path() const { return (folder.path() / "s.sock").string(); }
  [[nodiscard]] address where() const { return "unix:" + path(); }

  result<io::tcp_acceptor> listen(const address& at) {
    return io::tcp_acceptor::open_unix(context.get_executor(), at);
  }

  /// Runs `work` until it is done.
  template <class T>
  result<T> run(io::task<T> work) {
    std::optional<result<T>> out;
    asio::co_spawn(context, keep(std::move(work), out), [](std::exception_ptr) {});
    const auto deadline = clock::now() + test_timeout;
    while (!out) {
      REQUIRE(clock::now() < deadline);
      context.restart();
      context.run_for(10ms);
    }
    return std::move(*out);
  }

  result<io::tcp_stream> connect(const address& to, duration limit = test_timeout,
                                 std::stop_token stop = {}) {
    return run(runtime.connect(to, {}, clock::now() + limit, std::move(stop)));
  }

  temp_dir folder;
  asio::io_context context{1};
  io::asio_runtime runtime{context};

 private:
  template <class T>
  static io::awaitable<void> keep(io::task<T> work, std::optional<result<T>>& out) {
    auto done = co_await std::move(work);
    out.emplace(std::move(done));
  }
};

TEST_CASE("unix socket: both ends, and what they are called") {
  for (const bool is_abstract : {false, true}) {
    CAPTURE(is_abstract);
    unix_bench bench;
    const address where = is_abstract ? "unix:@" + bench.path() : bench.where();
    auto acceptor = bench.listen(where);
    REQUIRE(acceptor);
    CHECK(acceptor->local() == where);
    CHECK(mode_of(bench.path()).has_value() == !is_abstract);
    auto dialled = bench.connect(where);
    REQUIRE(dialled);
    auto accepted = bench.run(acceptor->accept());
    REQUIRE(accepted);
    CHECK(to_string(dialled->peer()) == to_string(where));
    CHECK(to_string(accepted->peer()) == "unix:");
    CHECK(to_string(accepted->local()) == "unix:");
    io::socket_options options;
    options.keepalive_idle = 1s;
    options.user_timeout = 1s;
    accepted->apply(options);
    const std::array<std::uint8_t, 3> sent{1, 2, 3};
    REQUIRE(bench.run(dialled->write(sent)));
    std::array<std::uint8_t, 8> got{};
    const auto count = bench.run(accepted->read_some(got));
    REQUIRE(count);
    CHECK(*count == 3);
    dialled->close();
    CHECK(bench.run(accepted->read_some(got)).value() == 0);
  }
}

TEST_CASE("unix socket: the file has its permissions and owner, and goes with the listener") {
  unix_bench bench;
  address where = bench.where();
  {
    const auto acceptor = bench.listen(where);
    REQUIRE(acceptor);
    CHECK(mode_of(bench.path()) == 0660U);
  }
  CHECK_FALSE(mode_of(bench.path()));
  where.permissions = {.mode = 0604, .owner = ::geteuid(), .group = ::getegid()};
  auto acceptor = bench.listen(where);
  REQUIRE(acceptor);
  CHECK(mode_of(bench.path()) == 0604U);
  acceptor->close();
  CHECK_FALSE(mode_of(bench.path()));
}

TEST_CASE("unix socket: what cannot be permitted leaves no file") {
  unix_bench bench;
  address where = bench.where();
  where.permissions.owner = 0;
  // Root may give files to everybody, unless it touches them as another user (setfsuid(2)).
  constexpr uid_t nobody = 65534;
  REQUIRE(::chmod(bench.folder.path().c_str(), 0777) == 0);
  const bool is_root = ::geteuid() == 0;
  if (is_root) ::setfsuid(nobody);
  const auto acceptor = bench.listen(where);
  if (is_root) ::setfsuid(0);
  REQUIRE_FALSE(acceptor);
  CHECK(acceptor.error() == std::errc::operation_not_permitted);
  CHECK_FALSE(mode_of(bench.path()));
}

TEST_CASE("unix socket: what an ended process has left is replaced, and nothing else") {
  unix_bench bench;
  {
    const tcp_socket left = listen_unix(bench.path());
  }
  REQUIRE(mode_of(bench.path()));
  {
    auto acceptor = bench.listen(bench.where());
    REQUIRE(acceptor);
    CHECK(connect_unix(bench.path()));
    const auto second = bench.listen(bench.where());
    REQUIRE_FALSE(second);
    CHECK(second.error() == std::errc::address_in_use);
    CHECK(connect_unix(bench.path()));
  }
  bench.folder.write("s.sock", "a file of the user");
  const auto refused = bench.listen(bench.where());
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == std::errc::address_in_use);
  CHECK(mode_of(bench.path()));
  const auto no_folder = bench.listen("unix:" + bench.path() + "/s");
  REQUIRE_FALSE(no_folder);
  CHECK(no_folder.error() == std::errc::not_a_directory);
}

TEST_CASE("unix socket: whoever asks whether somebody listens is no visitor") {
  unix_bench bench;
  tcp_socket other = listen_unix(bench.path());
  CHECK(bench.listen(bench.where()).error() == std::errc::address_in_use);
  REQUIRE(::fcntl(other.fd(), F_SETFL, O_NONBLOCK) == 0);
  CHECK_FALSE(other.accept());
}

TEST_CASE("unix socket: one that is bound and does not listen yet is not replaced") {
  unix_bench bench;
  const tcp_socket other = unconnected_unix();
  const auto [name, size] = unix_name(bench.path());
  REQUIRE(::bind(other.fd(), reinterpret_cast<const sockaddr*>(&name), size) == 0);
  CHECK(bench.listen(bench.where()).error() == std::errc::address_in_use);
  REQUIRE(::listen(other.fd(), 1) == 0);
  CHECK(connect_unix(bench.path()));
}

TEST_CASE("unix socket: a file that was put in the place of the socket is left alone") {
  unix_bench bench;
  const std::string treasure = bench.folder.write("treasure", "of another user");
  REQUIRE(::chmod(treasure.c_str(), 0600) == 0);
  io::socket_file file(bench.path());
  const tcp_socket socket = listen_unix(bench.path());
  SUBCASE("before it is claimed") {
    REQUIRE(::unlink(bench.path().c_str()) == 0);
    REQUIRE(::link(treasure.c_str(), bench.path().c_str()) == 0);
    CHECK(file.claim(socket.fd()).error() == std::errc::address_in_use);
  }
  SUBCASE("afterwards") {
    REQUIRE(file.claim(socket.fd()));
    REQUIRE(::unlink(bench.path().c_str()) == 0);
    REQUIRE(::link(treasure.c_str(), bench.path().c_str()) == 0);
  }
  CHECK_FALSE(file.exists());
  CHECK_FALSE(file.permit({.mode = 0666}));
  CHECK(mode_of(treasure) == 0600U);
}

TEST_CASE("unix socket: the last of two handles removes the file") {
  unix_bench bench;
  auto first = bench.listen(bench.where());
  REQUIRE(first);
  auto second = first->duplicate();
  REQUIRE(second);
  first->close();
  CHECK(connect_unix(bench.path()));
  second->close();
  CHECK_FALSE(mode_of(bench.path()));
}

TEST_CASE("unix socket: a file that has taken the place of the own one stays") {
  unix_bench bench;
  auto acceptor = bench.listen(bench.where());
  REQUIRE(acceptor);
  REQUIRE(::unlink(bench.path().c_str()) == 0);
  const tcp_socket other = listen_unix(bench.path());
  acceptor->close();
  CHECK(connect_unix(bench.path()));
}

TEST_CASE("unix socket: a dial waits for room in a full queue, until its deadline") {
  unix_bench bench;
  tcp_socket busy = listen_unix(bench.path(), 1);
  std::vector<io::tcp_stream> queued;
  for (;;) {
    auto next = bench.connect(bench.where(), 50ms);
    if (!next) {
      CHECK(next.error() == errc::timed_out);
      break;
    }
    queued.push_back(std::move(*next));
    REQUIRE(queued.size() < 10);
  }
  std::stop_source stop;
  stop.request_stop();
  CHECK(bench.connect(bench.where(), test_timeout, stop.get_token()).error() == errc::stopped);
  const auto taken = busy.accept();
  REQUIRE(taken);
  CHECK(bench.connect(bench.where()));
}

TEST_CASE("unix socket: the errors of a dial are those of the system") {
  unix_bench bench;
  CHECK(bench.connect(bench.where()).error() == std::errc::no_such_file_or_directory);
  {
    const tcp_socket left = listen_unix(bench.path());
  }
  CHECK(bench.connect(bench.where()).error() == std::errc::connection_refused);
}

TEST_CASE("unix socket: a peer that has closed in order is there until its bytes are read") {
  unix_bench bench;
  const tcp_socket local = listen_unix(bench.path());
  auto dialled = bench.connect(bench.where());
  REQUIRE(dialled);
  {
    tcp_socket accepted(::accept(local.fd(), nullptr, nullptr));
    accepted.send_all("bytes");
  }
  CHECK_FALSE(dialled->peer_has_closed());
  std::array<std::uint8_t, 8> got{};
  CHECK(bench.run(dialled->read_some(got)).value() == 5);
  CHECK(dialled->peer_has_closed());
}

/// A connection over TCP that was dialled by our runtime.
struct tcp_pair : unix_bench {
  tcp_pair() {
    tcp_socket local = tcp_socket::listen();
    auto made = connect(address("127.0.0.1", local.port()));
    REQUIRE(made);
    dialled.emplace(std::move(*made));
    accepted = local.accept();
    REQUIRE(accepted);
  }

  std::optional<io::tcp_stream> dialled;
  std::optional<tcp_socket> accepted;
};

TEST_CASE("tcp stream: both directions may end before the last bytes are read") {
  tcp_pair bench;
  REQUIRE(bench.run(bench.dialled->shutdown_send()));
  CHECK(bench.accepted->receive_all().empty());
  bench.accepted->send_all("bytes");
  bench.accepted->close();
  REQUIRE(bench.run(bench.dialled->wait_readable()));
  CHECK_FALSE(bench.dialled->peer_has_closed());
  std::array<std::uint8_t, 8> got{};
  CHECK(bench.run(bench.dialled->read_some(got)).value() == 5);
}

TEST_CASE("tcp stream: a reset is seen behind unread bytes") {
  tcp_pair bench;
  bench.accepted->send_all("bytes");
  bench.accepted->reset();
  CHECK(eventually([&] { return bench.dialled->peer_has_closed(); }));
}

}  // namespace
}  // namespace rathole::test
