#pragma once

#include <rathole/app/escape.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/asio_timer.hpp>
#include <rathole/io/descriptor.hpp>
#include <rathole/io/task.hpp>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>

namespace rathole::app {

/// What a service manager asks of its service, by environment variables (sd_notify(3),
/// sd_watchdog_enabled(3)); empty is unset.
struct service_environment {
  /// `NOTIFY_SOCKET`: where it wants to be told; a path, or the name of an abstract socket after `@`.
  std::string socket{};
  /// `WATCHDOG_USEC`: in how many microseconds it wants to hear from the service, again and again,
  std::string watchdog_usec{};
  /// `WATCHDOG_PID`: if that is the process.
  std::string watchdog_pid{};

  /// That of this process.
  static service_environment of_process() {
    const auto value = [](const char* name) {
      const char* const found = std::getenv(name);
      return std::string(found == nullptr ? "" : found);
    };
    return {value("NOTIFY_SOCKET"), value("WATCHDOG_USEC"), value("WATCHDOG_PID")};
  }
};

/// Tells a service manager, as systemd is one, how the program does; where there is none, nothing is
/// told. Nothing waits, and what cannot be told is dropped.
class service_notifier {
 public:
  /// Longest status that is shown, in octets.
  static constexpr std::size_t longest_status = 1000;
  /// The longest pause between two signs of life.
  static constexpr std::chrono::hours longest_pause{1};

  /// If it is asked for, gives signs of life from now on, from `ex`; the context has work then until
  /// they are stopped.
  explicit service_notifier(io::executor ex,
                            const service_environment& asked = service_environment::of_process())
      : timer_(ex) {
    if (!find(asked.socket)) return;
    socket_ = io::descriptor(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    pause_ = pause_of(asked);
    if (is_heard() && pause_ > duration::zero()) live();
  }
  service_notifier(const service_notifier&) = delete;
  service_notifier& operator=(const service_notifier&) = delete;

  /// The service serves: after its start, and after each reload.
  void ready() const { tell("READY=1"); }

  /// The configuration is being loaded anew; `ready` ends it.
  void reloading() const {
    // systemd compares with CLOCK_MONOTONIC, which is what this clock reads.
    const auto now = std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::steady_clock::now().time_since_epoch());
    tell("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now.count()));
  }

  /// The service is about to end.
  void stopping() const { tell("STOPPING=1"); }

  /// A sentence on how it does, as `systemctl status` shows it: one line of printable characters
  /// whatever `text` holds.
  void status(std::string_view text) const {
    tell("STATUS=" + printable(text.substr(0, longest_status)));
  }

  /// Gives no more signs of life; the context may run out of work.
  void cancel() { timer_.disarm(); }

 private:
  /// Takes the socket's address apart; false if there is none that can be told.
  bool find(std::string_view name) {
    address_.sun_family = AF_UNIX;
    if (name.size() < 2 || name.size() >= sizeof address_.sun_path) return false;
    if (name.front() != '/' && name.front() != '@') return false;
    std::memcpy(address_.sun_path, name.data(), name.size());
    // An abstract name begins with a zero and ends with its length, a path ends with a zero.
    const bool is_abstract = name.front() == '@';
    if (is_abstract) address_.sun_path[0] = '\0';
    length_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() +
                                     (is_abstract ? 0 : 1));
    return true;
  }

  /// Half of the time that the manager waits, so that a late one is no dead one; 0 if it does not.
  static duration pause_of(const service_environment& asked) {
    if (!asked.watchdog_pid.empty() && asked.watchdog_pid != std::to_string(::getpid())) return {};
    std::int64_t count = 0;
    const char* const end = asked.watchdog_usec.data() + asked.watchdog_usec.size();
    const auto [rest, error] = std::from_chars(asked.watchdog_usec.data(), end, count);
    if (error != std::errc() || rest != end || count <= 0) return {};
    return std::min<std::chrono::microseconds>(std::chrono::microseconds(count) / 2, longest_pause);
  }

  [[nodiscard]] bool is_heard() const { return socket_.is_open(); }

  void tell(std::string_view message) const {
    if (!is_heard()) return;
    ::sendto(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL,
             reinterpret_cast<const sockaddr*>(&address_), length_);
  }

  void live() {
    tell("WATCHDOG=1");
    timer_.arm(clock::now() + pause_, [this] { live(); });
  }

  sockaddr_un address_{};
  socklen_t length_ = 0;
  io::descriptor socket_;
  duration pause_ = duration::zero();
  io::asio_timer timer_;
};

}  // namespace rathole::app
