#pragma once

#include <rathole/app/log/text.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/socket/descriptor.hpp>
#include <rathole/io/task.hpp>
#include <rathole/io/time/asio_timer.hpp>

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

/// The requests of a service manager to the program in environment variables (sd_notify(3),
/// sd_watchdog_enabled(3)); an empty text means unset.
struct notify_environment {
  /// `NOTIFY_SOCKET`: the socket for notifications, a path or the name of an abstract socket after
  /// `@`.
  std::string socket{};
  /// `WATCHDOG_USEC`: the time within which the manager expects the next watchdog notification, in
  /// microseconds.
  std::string watchdog_usec{};
  /// `WATCHDOG_PID`: the process that must send watchdog notifications; if unset, any.
  std::string watchdog_pid{};

  /// Returns the environment of this process.
  static notify_environment of_process() {
    const auto value = [](const char* name) {
      const char* const found = std::getenv(name);
      return std::string(found == nullptr ? "" : found);
    };
    return {value("NOTIFY_SOCKET"), value("WATCHDOG_USEC"), value("WATCHDOG_PID")};
  }
};

/// Notifies a service manager, such as systemd, of the program's state. Without a manager it does
/// nothing. It never waits, and drops notifications that cannot be sent.
class systemd_notifier {
 public:
  /// The longest status text, in bytes.
  static constexpr std::size_t max_status = 1000;
  /// The longest pause between two watchdog notifications.
  static constexpr std::chrono::hours max_pause{1};

  /// Makes a notifier. If the manager asks for watchdog notifications, they are sent from `ex`
  /// until `cancel`, and keep its context running.
  explicit systemd_notifier(io::executor ex,
                            const notify_environment& asked = notify_environment::of_process())
      : timer_(ex) {
    if (!find(asked.socket)) return;
    socket_ = io::descriptor(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    pause_ = pause_of(asked);
    if (is_active() && pause_ > duration::zero()) ping_watchdog();
  }
  systemd_notifier(const systemd_notifier&) = delete;
  systemd_notifier& operator=(const systemd_notifier&) = delete;

  /// Notifies the manager that the program is ready, after the start and after each reload.
  void ready() const { send("READY=1"); }

  /// Notifies the manager that the configuration is being reloaded; `ready` ends this state.
  void reloading() const {
    // systemd compares the value with CLOCK_MONOTONIC, which this clock reads.
    const auto now = std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::steady_clock::now().time_since_epoch());
    send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now.count()));
  }

  /// Notifies the manager that the program is stopping.
  void stopping() const { send("STOPPING=1"); }

  /// Sends a status text for `systemctl status`: one line of printable characters, whatever `text`
  /// contains.
  void status(std::string_view text) const {
    send("STATUS=" + printable(text.substr(0, max_status)));
  }

  /// Ends the watchdog notifications, so that they do not keep the context running.
  void cancel() { timer_.disarm(); }

 private:
  /// Parses the address of the socket; returns false if it cannot be used.
  bool find(std::string_view name) {
    address_.sun_family = AF_UNIX;
    if (name.size() < 2 || name.size() >= sizeof address_.sun_path) return false;
    if (name.front() != '/' && name.front() != '@') return false;
    std::memcpy(address_.sun_path, name.data(), name.size());
    // An abstract name begins with a zero byte and ends with its length; a path ends with a zero
    // byte.
    const bool is_abstract = name.front() == '@';
    if (is_abstract) address_.sun_path[0] = '\0';
    length_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() +
                                     (is_abstract ? 0 : 1));
    return true;
  }

  /// Returns half of the time that the manager waits, so that a notification that is late is not
  /// missed; 0 if there is no watchdog.
  static duration pause_of(const notify_environment& asked) {
    if (!asked.watchdog_pid.empty() && asked.watchdog_pid != std::to_string(::getpid())) return {};
    std::int64_t count = 0;
    const char* const end = asked.watchdog_usec.data() + asked.watchdog_usec.size();
    const auto [rest, error] = std::from_chars(asked.watchdog_usec.data(), end, count);
    if (error != std::errc() || rest != end || count <= 0) return {};
    return std::min<std::chrono::microseconds>(std::chrono::microseconds(count) / 2, max_pause);
  }

  [[nodiscard]] bool is_active() const { return socket_.is_open(); }

  void send(std::string_view message) const {
    if (!is_active()) return;
    ::sendto(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL,
             reinterpret_cast<const sockaddr*>(&address_), length_);
  }

  void ping_watchdog() {
    send("WATCHDOG=1");
    timer_.arm(clock::now() + pause_, [this] { ping_watchdog(); });
  }

  sockaddr_un address_{};
  socklen_t length_ = 0;
  io::descriptor socket_;
  duration pause_ = duration::zero();
  io::asio_timer timer_;
};

}  // namespace rathole::app
