#include "support/eventually.hpp"
#include "support/temp_dir.hpp"

#include <rathole/app/systemd_notifier.hpp>

#include <doctest/doctest.h>
#include <asio/io_context.hpp>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace rathole::app {
namespace {

using namespace std::chrono_literals;

/// The socket of a service manager.
class manager {
 public:
  /// Binds to `name` in the form of sockaddr_un: a path, or a zero byte and an abstract name.
  explicit manager(std::string_view name)
      : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    REQUIRE(name.size() < sizeof at.sun_path);
    std::memcpy(at.sun_path, name.data(), name.size());
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    REQUIRE(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&at), length) == 0);
  }

  /// Returns the next message that was received; nothing if there is none.
  std::optional<std::string> received() {
    std::array<char, 8192> buffer;
    const ssize_t size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (size < 0) return std::nullopt;
    return std::string(buffer.data(), static_cast<std::size_t>(size));
  }

 private:
  io::descriptor socket_;
};

std::int64_t microseconds_now() {
  timespec now{};
  REQUIRE(::clock_gettime(CLOCK_MONOTONIC, &now) == 0);
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

std::string path_in(const test::temp_dir& at) { return (at.path() / "notify").string(); }

/// Returns a unique abstract name.
std::string abstract_name() {
  static int count = 0;
  return "rathole-test-" + std::to_string(::getpid()) + '-' + std::to_string(++count);
}

TEST_CASE("systemd_notifier: readiness, status, reload and stop are sent to the service manager") {
  const test::temp_dir at;
  manager listener(path_in(at));
  asio::io_context context(1);
  const systemd_notifier notifier(context.get_executor(), {.socket = path_in(at)});
  CHECK(listener.received() == std::nullopt);
  notifier.ready();
  CHECK(listener.received() == "READY=1");
  notifier.stopping();
  CHECK(listener.received() == "STOPPING=1");
  notifier.status("Listening at [::]:2333");
  CHECK(listener.received() == "STATUS=Listening at [::]:2333");

  const std::int64_t before = microseconds_now();
  notifier.reloading();
  const std::string reloading = listener.received().value_or("");
  const std::string_view start = "RELOADING=1\nMONOTONIC_USEC=";
  REQUIRE(reloading.starts_with(start));
  const std::int64_t when = std::stoll(reloading.substr(start.size()));
  CHECK(before <= when);
  CHECK(when <= microseconds_now());
  CHECK(listener.received() == std::nullopt);
  // The context has no work left.
  CHECK(context.run() == 0);
}

TEST_CASE("systemd_notifier: a status is one line of bounded length") {
  const test::temp_dir at;
  manager listener(path_in(at));
  asio::io_context context(1);
  const systemd_notifier notifier(context.get_executor(), {.socket = path_in(at)});
  notifier.status("one\nREADY=1\x1b[31m");
  CHECK(listener.received() == "STATUS=one\\nREADY=1\\x1b[31m");
  notifier.status("");
  CHECK(listener.received() == "STATUS=");
  notifier.status(std::string(100'000, '\x01'));
  const std::string longest = listener.received().value_or("");
  CHECK(longest.starts_with("STATUS=\\x01\\x01"));
  // systemd's limit for a message.
  CHECK(longest.size() <= 4096);
}

TEST_CASE("systemd_notifier: abstract sockets and the longest names work") {
  asio::io_context context(1);
  const std::size_t room = sizeof(sockaddr_un::sun_path) - 1;
  for (const std::string& name : {abstract_name(), abstract_name() + std::string(room, 'x')}) {
    const std::string fitting = name.substr(0, room - 1);
    manager listener('\0' + fitting);
    const systemd_notifier notifier(context.get_executor(), {.socket = '@' + fitting});
    notifier.ready();
    CHECK(listener.received() == "READY=1");
  }
  const test::temp_dir at;
  std::string path = path_in(at);
  path.resize(room, 'x');
  manager listener(path);
  const systemd_notifier notifier(context.get_executor(), {.socket = path});
  notifier.ready();
  CHECK(listener.received() == "READY=1");
}

TEST_CASE("systemd_notifier: a missing or unreachable socket is ignored") {
  const test::temp_dir at;
  // No socket, a missing one, an unsupported form, and a name that is too long.
  for (const std::string& socket :
       {std::string(), path_in(at), '@' + abstract_name(), std::string("notify"),
        std::string("vsock:2:1234"), std::string("/"), std::string("@"),
        '/' + std::string(200, 'x')}) {
    CAPTURE(socket);
    asio::io_context context(1);
    const systemd_notifier notifier(context.get_executor(), {.socket = socket});
    notifier.ready();
    notifier.reloading();
    notifier.status("s");
    notifier.stopping();
  }
  // A manager that starts later receives later messages.
  asio::io_context context(1);
  const systemd_notifier notifier(context.get_executor(), {.socket = path_in(at)});
  notifier.ready();
  manager listener(path_in(at));
  notifier.stopping();
  CHECK(listener.received() == "STOPPING=1");
}

TEST_CASE("systemd_notifier: a service manager that does not read blocks nothing") {
  const test::temp_dir at;
  manager listener(path_in(at));
  asio::io_context context(1);
  const systemd_notifier notifier(context.get_executor(), {.socket = path_in(at)});
  for (int i = 0; i < 100'000; ++i) notifier.status("s");
  CHECK(listener.received() == "STATUS=s");
}

TEST_CASE("systemd_notifier: watchdog messages are sent only if they are requested") {
  struct example {
    std::string usec;
    std::string pid;
    bool lives;
  };
  const std::string self = std::to_string(::getpid());
  const example examples[] = {
      {"2000", "", true},
      {"2000", self, true},
      {"2000", self + "0", false},
      {"2000", "nobody", false},
      {"", self, false},
      {"0", self, false},
      {"-2000", self, false},
      {"2000s", self, false},
      {"99999999999999999999", self, false},
      // Half of the interval exceeds the clock's range; the first message is sent at once.
      {"9223372036854775807", self, true},
  };
  for (const auto& [usec, pid, lives] : examples) {
    CAPTURE(usec);
    CAPTURE(pid);
    const test::temp_dir at;
    manager listener(path_in(at));
    asio::io_context context(1);
    systemd_notifier notifier(context.get_executor(),
                              {.socket = path_in(at), .watchdog_usec = usec, .watchdog_pid = pid});
    CHECK(listener.received() == (lives ? std::optional<std::string>("WATCHDOG=1") : std::nullopt));
    notifier.cancel();
    context.run_for(test::test_timeout);
    CHECK(context.stopped());
    CHECK(listener.received() == std::nullopt);
  }
  // Without a socket there is no receiver.
  asio::io_context context(1);
  const systemd_notifier notifier(context.get_executor(), {.watchdog_usec = "2000"});
  CHECK(context.run() == 0);
}

TEST_CASE("systemd_notifier: watchdog messages are sent at half of the interval") {
  const test::temp_dir at;
  manager listener(path_in(at));
  asio::io_context context(1);
  systemd_notifier notifier(context.get_executor(),
                            {.socket = path_in(at), .watchdog_usec = "100000"});
  const time_point start = clock::now();
  for (int signs = 0; signs < 4;) {
    REQUIRE(clock::now() < start + test::test_timeout);
    context.run_one_for(test::test_timeout);
    while (const auto message = listener.received()) {
      CHECK(message == "WATCHDOG=1");
      ++signs;
    }
  }
  // Not earlier; how much later depends on the machine's load.
  CHECK(clock::now() - start >= 150ms);
  notifier.cancel();
}

}  // namespace
}  // namespace rathole::app
