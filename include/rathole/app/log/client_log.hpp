#pragma once

#include <rathole/app/log/logger.hpp>
#include <rathole/app/log/repeat_limiter.hpp>
#include <rathole/app/log/text.hpp>
#include <rathole/client/events.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/hex.hpp>
#include <rathole/core/observer_check.hpp>
#include <rathole/http/status_error.hpp>
#include <rathole/io/resolve/host_lookup.hpp>
#include <rathole/io/socket/descriptor_limit.hpp>
#include <rathole/protocol/authenticate.hpp>
#include <rathole/text/client_failure.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>

namespace rathole::app {

using text::failure_text;

/// Lines of one cause, such as a server that is down, that one service has in a minute.
inline constexpr std::uint64_t max_failure_lines = 3;
/// Lines of one cause that all services together have in a minute.
inline constexpr std::uint64_t max_cause_lines = 30;

/// Returns advice for a local address of `service` that is down because of `error`, which a visitor or a
/// health check has met.
inline std::string local_target_advice(const std::error_code& error, std::string_view service) {
  const auto key = [service](std::string_view name) {
    return '`' + service_key("client", service, name) + '`';
  };
  if (error.category() == http::status_category()) {
    return "; see " + key(".health_check.path") + " and the log of the local service";
  }
  // Only a health check by HTTP waits for an answer.
  if (error == errc::malformed_http || client_side::is_closed_by_peer(error)) {
    return "; the health check asks by HTTP: if the local service speaks something else, set " +
           key(".health_check") + " to \"tcp\"";
  }
  if (error == errc::timed_out || error == std::errc::timed_out) {
    return dial_advice(error, service_key("client", service, ".local_addr")) +
           "; if the local service is slow or hangs, see its log, and `timeout` and `path` of its "
           "`health_check`";
  }
  return dial_advice(error, service_key("client", service, ".local_addr"));
}

/// An observer of a client that logs its events. Compat: lines that scripts look for have
/// upstream's wording.
class client_log {
 public:
  /// The log target of the lines.
  static constexpr std::string_view target = "rathole::client";

  /// A function that returns the time, which limits repeated lines.
  using time_source = time_point (*)();

  /// Makes an observer that writes to `lines`, which must outlive it.
  explicit client_log(logger& lines, time_source now = &clock::now) : lines_(lines), now_(now) {
    check_observer<client_log, client_side::all_events>();
  }

  /// Logs at info only for the first attempt of a service at a server, because later attempts follow a
  /// failure that is logged.
  void on(const client_side::control_channel_starting& e) {
    const auto known = started_.try_emplace(std::string(e.service)).first;
    const std::string remote = to_string(e.remote);
    const bool is_first = known->second.insert(remote).second;
    if (is_first) ++servers_[remote];
    write(is_first ? log_level::info : log_level::debug, e.service,
          "Starting " + to_hex(protocol::service_digest(e.service)) + ": service " +
              escape(e.service) + " of the server at " + escaped(e.remote));
  }
  /// Logs at info.
  void on(const client_side::control_channel_established& e) {
    write(log_level::info, e.service, "Control channel established" + server_text(e.server));
  }
  /// Logs at error, `max_failure_lines` for each service and cause in an interval and
  /// `max_cause_lines` for each cause, but once in an interval if this process has no descriptor, and
  /// otherwise at debug. A server that closes the connection
  /// in order is no failure and is logged at info.
  /// A channel that this side closed to replace it is logged at info.
  void on(const client_side::control_channel_failed& e) {
    if (e.error == errc::stopped) {
      write(log_level::info, e.service, "Control channel is re-created" + server_text(e.next));
      return;
    }
    if (e.established && e.error == errc::end_of_stream && !e.is_displaced) {
      return write_failure(
          log_level::info, e,
          "Control channel" + server_text(e.remote) +
              " shutdown: the server closed the connection; it was "
              "stopped, another client took the service over, or the service was removed");
    }
    write_failure(
        log_level::error, e,
        "Failed to run the control channel" + server_text(e.remote) + ": " + failure_text(e));
  }
  /// Logs at info.
  void on(const client_side::control_channel_closed& e) {
    const std::string server = server_text(e.server);
    forget(e.service, e.server);
    write(log_level::info, e.service, "Control channel" + server + " shutdown");
  }
  /// Logs at warn, once per cause and interval, and otherwise at debug.
  void on(const client_side::data_channel_failed& e) {
    // The server closes what it no longer needs. That it was stopped or cut off, the control channel
    // says.
    const bool is_usual = !e.in_dial && client_side::is_closed_by_peer(e.error);
    std::string why = (e.in_dial ? "cannot connect to the server: " : "") + e.error.message();
    if (e.error == errc::limit_reached && !e.in_dial) {
      why +=
          "; as many connections or data channels are open as `client.max_forwards`, "
          "`client.max_dials` or the limit of open files allow";
    }
    if (e.error == errc::unexpected_traffic) {
      why = "the server does not forward the kind of traffic that this client does; `type` of `" +
            service_key("client", e.service) + "` must be that of `" +
            service_key("server", e.service) + '`';
    }
    write_channel_failure(is_usual, e.service, why, server_text(e.server));
  }
  /// Logs at warn, once per cause and interval, and otherwise at debug.
  void on(const client_side::local_connect_failed& e) {
    write_channel_failure(
        false, e.service,
        "Failed to connect to " + escaped(e.local) + ": " + e.error.message() +
            dial_advice(e.error, service_key("client", e.service, ".local_addr")));
  }
  /// Logs at warn if the address is down, and at info if it counts as up again.
  void on(const client_side::local_target_changed& e) {
    if (!e.reason) {
      return write(log_level::info, e.service,
                   "The local address " + escaped(e.local) + " counts as up again");
    }
    write(log_level::warn, e.service,
          "The local address " + escaped(e.local) + " is down: " + e.reason.message() +
              local_target_advice(e.reason, e.service));
  }
  /// Logs at debug.
  void on(const client_side::forward_started& e) {
    if (!lines_.wants(log_level::debug, target)) return;
    write(log_level::debug, e.service, "Forward " + std::to_string(e.id) + " started");
  }
  /// Logs at debug.
  void on(const client_side::forward_ended& e) {
    if (!lines_.wants(log_level::debug, target)) return;
    write(log_level::debug, e.service, forward_text(e.id, e.received, e.sent, e.error));
  }

  /// Logs at warn.
  void on(const client_side::datagrams_lost& e) {
    write(log_level::warn, e.service, losses_text(e.since));
  }
  /// Logs at warn.
  void on(const client_side::multiplexing_refused& e) {
    lines_.write(log_level::warn, target,
                 "The server at " + escaped(e.remote) +
                     " does not multiplex: " + text::refusal_reason(e.error) +
                     "; each channel is a connection of its own, as without "
                     "`client.transport.multiplex`. Update the server, or remove the key. Asking "
                     "again in " +
                     to_text(e.retry_in));
  }
  /// Logs at error.
  void on(const client_side::service_loops& e) {
    write(log_level::error, e.service,
          "The service leads back to itself: datagrams that this client sends to " +
              escaped(e.local) + " come back as its visitors'. Correct `" +
              service_key("client", e.service, ".local_addr") +
              "`. Datagrams dropped since the last report: " + std::to_string(e.dropped));
  }

 private:
  /// What follows a failure that is the last one.
  static inline const std::string given_up_text =
      ". Given up after `client.max_retries`, until the settings change";

  void write_failure(log_level level, const client_side::control_channel_failed& e,
                     const std::string& what) {
    // It happens once for each change of the settings.
    if (e.gives_up) return write(level, e.service, what + given_up_text);
    const time_point now = now_();
    const auto before = repeat_limiter_.note("control\n" + std::string(e.service) + '\n' + what,
                                             now, max_failure_lines);
    // The text of a refusal names the service.
    const std::string cause =
        e.error == errc::service_in_use && !e.established ? e.error.message() : what;
    const bool is_own = io::out_of_descriptors(e.error) && !e.established;
    const auto of_cause =
        before ? repeat_limiter_.note("cause\n" + cause, now, is_own ? 1 : max_cause_lines)
               : before;
    const bool moves = !e.next.host.empty() && e.next != e.remote;
    const std::string next =
        moves ? ". Trying the server at " + escaped(e.next) : retry_text(e.retry_in);
    write(of_cause ? level : log_level::debug, e.service,
          what + next + suppressed_text(before.value_or(0) + of_cause.value_or(0)));
  }

  /// Limits lines that visitors or the server can cause as often as they like.
  void write_channel_failure(bool is_usual, std::string_view service, const std::string& cause,
                             const std::string& server = {}) {
    std::optional<std::uint64_t> before;
    if (!is_usual) before = repeat_limiter_.note(std::string(service) + '\n' + cause, now_());
    write(before ? log_level::warn : log_level::debug, service,
          "Failed to run the data channel" + server + ": " + cause +
              suppressed_text(before.value_or(0)));
  }

  /// Forgets a service at `server`, so that it is logged as new if it is added again.
  void forget(std::string_view service, const address& server) {
    const auto known = started_.find(service);
    if (known == started_.end()) return;
    std::erase_if(known->second, [this, &server](const std::string& each) {
      if (!server.host.empty() && each != to_string(server)) return false;
      const auto found = servers_.find(each);
      if (--found->second == 0) servers_.erase(found);
      return true;
    });
    if (known->second.empty()) started_.erase(known);
  }

  /// Returns text that names `server`; empty if the client has met only one.
  [[nodiscard]] std::string server_text(const address& server) const {
    const bool is_named = servers_.size() > 1 && !server.host.empty();
    return is_named ? " with the server at " + escaped(server) : "";
  }

  void write(log_level level, std::string_view service, std::string_view message) {
    lines_.write(level, target, service_context(service), message);
  }

  logger& lines_;
  time_source now_;
  repeat_limiter repeat_limiter_;
  /// The servers of each service.
  std::map<std::string, std::set<std::string>, std::less<>> started_;
  /// The number of services that have each server.
  std::map<std::string, std::size_t, std::less<>> servers_;
};

}  // namespace rathole::app
