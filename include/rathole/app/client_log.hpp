#pragma once

#include <rathole/app/client_failure.hpp>
#include <rathole/app/log.hpp>
#include <rathole/app/log_text.hpp>
#include <rathole/app/repeats.hpp>
#include <rathole/client/events.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/hex.hpp>
#include <rathole/io/host_lookup.hpp>
#include <rathole/protocol/authenticate.hpp>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>

namespace rathole::app {

/// Is an observer of a client that logs its events. Compat: lines that scripts look for have
/// upstream's wording.
class client_log {
 public:
  /// Is the log target of the lines.
  static constexpr std::string_view target = "rathole::client";

  /// Returns the time, which limits repeated lines.
  using time_source = time_point (*)();

  /// Makes an observer that writes to `lines`, which must outlive it.
  explicit client_log(logger& lines, time_source now = &clock::now) : lines_(lines), now_(now) {}

  /// Logs at info only for the first attempt of a service, because later attempts follow a failure
  /// that is logged.
  void on(const client::control_channel_starting& e) {
    const bool is_first = started_.emplace(e.service).second;
    write(is_first ? log_level::info : log_level::debug, e.service,
          "Starting " + to_hex(protocol::service_digest(e.service)));
  }
  /// Logs at info.
  void on(const client::control_channel_established& e) {
    write(log_level::info, e.service, "Control channel established");
  }
  /// Logs at error, once per cause and interval for all services together, and otherwise at debug.
  /// A channel that this side closed to replace it is logged at info.
  void on(const client::control_channel_failed& e) {
    if (e.error == errc::stopped) {
      write(log_level::info, e.service, "Control channel is made anew");
      return;
    }
    const std::string why = failure_text(e);
    const auto before = repeats_.note("control\n" + why, now_());
    write(before ? log_level::error : log_level::debug, e.service,
          "Failed to run the control channel: " + why + retry_text(e.retry_in) +
              repeats_text(before.value_or(0)));
  }
  /// Logs at info.
  void on(const client::control_channel_closed& e) {
    forget(e.service);
    write(log_level::info, e.service, "Control channel shutdown");
  }
  /// Logs at warn, once per cause and interval, and otherwise at debug.
  void on(const client::data_channel_failed& e) {
    // The server closes channels that it no longer needs, which is no failure.
    const bool is_usual = e.error == errc::end_of_stream;
    std::string why = e.error.message();
    if (e.error == errc::unexpected_traffic) {
      const std::string service = shown_key(e.service);
      why =
          "the server does not forward the kind of traffic that this client does; `type` of "
          "`client.services." +
          service + "` must be that of `server.services." + service + '`';
    }
    write_channel_failure(is_usual, e.service, why);
  }
  /// Logs at warn, once per cause and interval, and otherwise at debug.
  void on(const client::local_connect_failed& e) {
    write_channel_failure(
        false, e.service,
        "Failed to connect to " + shown(e.local) + ": " + e.error.message() +
            dial_advice(e.error, "client.services." + shown_key(e.service) + ".local_addr"));
  }
  /// Logs at debug.
  void on(const client::forward_started& e) {
    if (!lines_.wants(log_level::debug, target)) return;
    write(log_level::debug, e.service, "Forward " + std::to_string(e.id) + " started");
  }
  /// Logs at debug.
  void on(const client::forward_ended& e) {
    if (!lines_.wants(log_level::debug, target)) return;
    write(log_level::debug, e.service, forward_text(e.id, e.received, e.sent, e.error));
  }

  /// Logs at warn.
  void on(const client::datagrams_lost& e) {
    write(log_level::warn, e.service, losses_text(e.since));
  }

 private:
  /// Limits lines that visitors or the server can cause as often as they like.
  void write_channel_failure(bool is_usual, std::string_view service, const std::string& cause) {
    std::optional<std::uint64_t> before;
    if (!is_usual) before = repeats_.note(std::string(service) + '\n' + cause, now_());
    write(before ? log_level::warn : log_level::debug, service,
          "Failed to run the data channel: " + cause + repeats_text(before.value_or(0)));
  }

  /// Forgets a service, so that it is logged as new if it is added again.
  void forget(std::string_view service) {
    if (const auto first = started_.find(service); first != started_.end()) started_.erase(first);
  }

  void write(log_level level, std::string_view service, std::string_view message) {
    lines_.write(level, target, service_context(service), message);
  }

  logger& lines_;
  time_source now_;
  repeats repeats_;
  std::set<std::string, std::less<>> started_;
};

}  // namespace rathole::app
