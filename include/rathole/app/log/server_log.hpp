#pragma once

#include <rathole/app/log/early_close_detector.hpp>
#include <rathole/app/log/logger.hpp>
#include <rathole/app/log/repeat_limiter.hpp>
#include <rathole/app/log/server_failure.hpp>
#include <rathole/app/log/text.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/observer_check.hpp>
#include <rathole/io/socket/descriptor_limit.hpp>
#include <rathole/server/events.hpp>
#include <rathole/text/advice.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace rathole::app {

/// Lines of each kind, such as "Control channel established", that one service has in a minute.
inline constexpr std::uint64_t max_service_lines = 20;

/// An observer of a server that logs its events. Compat: lines that scripts look for have
/// upstream's wording.
class server_log {
 public:
  /// The log target of the lines.
  static constexpr std::string_view target = "rathole::server";

  /// A function that receives the addresses on which the server listens for visitors of a service,
  /// or for clients if `service` is empty.
  using listening_hook = std::function<void(std::string_view service, const address& at)>;

  /// A function that returns the time, which limits repeated lines.
  using time_source = time_point (*)();

  /// Makes an observer that writes to `lines`, which must outlive it. `listens` may be empty.
  explicit server_log(logger& lines, listening_hook listens = {}, time_source now = &clock::now)
      : lines_(lines), listens_(std::move(listens)), now_(now) {
    check_observer<server_log, server_side::all_events>();
  }

  /// Logs at info.
  void on(const server_side::listening& e) {
    warn_of_replacement({}, e.at, e.in_place_of);
    write(log_level::info, {}, "Listening at " + escaped(e.at));
    if (listens_) listens_({}, e.at);
  }
  /// Logs at info.
  void on(const server_side::service_listening& e) {
    warn_of_replacement(service_context(e.service), e.at, e.in_place_of);
    report("listening", log_level::info, e.service, service_context(e.service),
           "Listening at " + escaped(e.at));
    if (listens_) listens_(e.service, e.at);
  }
  /// Logs at error, once per service, address, cause and interval, but once per interval for all services
  /// if there are no descriptors; other times, and as long as the cause stays the same, at debug.
  void on(const server_side::service_bind_failed& e) {
    report_bind_failure(e.service, "Failed to listen at " + escaped(e.at) + ": ", e);
  }
  /// Logs like `service_bind_failed`.
  void on(const server_side::listener_lost& e) {
    report_bind_failure({}, "Failed to listen at " + escaped(e.at) + " again: ", e);
  }
  /// Logs at warn.
  void on(const server_side::address_left_out& e) {
    write(log_level::warn, context_of(e.service),
          "This host has no IPv6: " + escaped(e.at) +
              " is left out, since `bind_addr` names 0.0.0.0 with the same port");
  }
  /// Logs at warn.
  void on(const server_side::data_channels_limited& e) {
    write(log_level::warn, context_of(e.service),
          "The client at " + escaped(e.client) + " gets " + std::to_string(e.allowed) +
              " data channels instead of the " + std::to_string(e.wanted) +
              " of `pool.size`, because there are too few descriptors; raise the limit of open "
              "files (`ulimit -n`), or serve fewer ports");
  }
  /// Logs at error, once per service, cause and interval; other times at debug, because peers and
  /// other programs can cause it without limit.
  void on(const server_side::accept_failed& e) {
    const std::string why = e.error.message();
    write_once(log_level::error, "accept\n" + std::string(e.service) + '\n' + why,
               context_of(e.service), "Failed to accept: " + why + retry_text(e.retry_in));
  }
  /// Logs at warn, once per cause and interval, if it indicates a wrong configuration; otherwise at
  /// debug, because anybody can cause it.
  void on(const server_side::handshake_failed& e) {
    const bool is_mistake = is_misconfiguration(e.error);
    if (!is_mistake && !lines_.wants(log_level::debug, target)) return;
    const std::string why = failure_text(e);
    warn_once(is_mistake, "handshake\n" + why, connection_context(e.peer),
              "Failed to handshake: " + why);
  }
  /// Logs at error, and repetitions at debug.
  void on(const server_side::unknown_service& e) {
    write(
        refusal_level(e.repeated), connection_context(e.peer),
        "No such a service " + escape(e.digest) +
            "; a client's service has a name that none of `server.services` has: the client's log "
            "says which");
  }
  /// Logs at error, and repetitions at debug.
  void on(const server_side::authentication_failed& e) {
    write(refusal_level(e.repeated), connection_context(e.peer),
          "Service " + escape(e.service) +
              " failed the authentication; the client's `token` must be that of `" +
              service_key("server", e.service) + '`');
  }
  /// Logs at warn.
  void on(const server_side::connections_refused& e) {
    write(log_level::warn, {}, refusals_text(e.what));
  }
  /// Logs at info.
  void on(const server_side::control_channel_established& e) {
    report("established", log_level::info, e.service, channel_context(e.peer, e.service),
           "Control channel established");
  }
  /// Logs at warn, once per service and interval, and otherwise at debug.
  void on(const server_side::control_channel_replaced& e) {
    warn_once(true, "replaced\n" + std::string(e.service), channel_context(e.peer, e.service),
              "Dropping previous control channel for service " + escape(e.service) +
                  ": the client at " + escaped(e.by) +
                  " takes its place; if this goes on, two clients have the service");
  }
  /// Logs at warn, once per service and interval, and otherwise at debug, because the client comes again; at
  /// error, once per interval for all services, if there are no descriptors.
  void on(const server_side::client_refused& e) {
    if (io::out_of_descriptors(e.error)) {
      return write_once(log_level::error, "descriptors\nclients",
                        channel_context(e.peer, e.service),
                        "Client refused: " + e.error.message() + text::descriptor_advice(e.error) +
                            "; it comes again by itself");
    }
    const bool has_several = e.policy == config::conflict_policy::balance;
    warn_once(true, "conflict\n" + std::string(e.service), channel_context(e.peer, e.service),
              std::string("Client refused: ") +
                  (has_several ? "the service has as many clients as `max_clients` allows"
                               : "another client serves the service, and `on_conflict` is "
                                 "`reject`") +
                  "; it comes again by itself");
  }
  /// Logs at info, and warns of a client that repeatedly closes its channel early.
  void on(const server_side::control_channel_closed& e) {
    std::string message = "Control channel shutdown";
    if (e.error && e.error != errc::stopped) message += ": " + end_text(e.error, "the client");
    report("closed", log_level::info, e.service, channel_context(e.peer, e.service), message);
    if (!closes_.note_closed(e)) return;
    warn_once(true, "heartbeat\n" + std::string(e.service), channel_context(e.peer, e.service),
              "The client closes its control channel before the first heartbeat, again and again; "
              "it is stopped and started each time, or its `client.heartbeat_timeout` is not above "
              "`server.heartbeat_interval` (" +
                  to_text(e.settings.heartbeat_interval) + ')');
  }
  /// Warns of a client that repeatedly closes its channels early; otherwise logs nothing.
  void on(const server_side::udp_channel_lost& e) {
    if (!closes_.note_udp_channel(e)) return;
    warn_once(true, "udp\n" + std::string(e.service), channel_context(e.peer, e.service),
              "The client closes every UDP data channel at once; `type` of `" +
                  service_key("client", e.service) + "` must be `udp` too");
  }
  /// Logs at warn, once per cause and interval, and otherwise at debug.
  void on(const server_side::visitor_refused& e) {
    if (e.may_loop) suspicions_[std::string(e.service)] = now_();
    const std::string cause = refusal_text(e);
    warn_once(true, std::string(e.service) + '\n' + cause, service_context(e.service),
              "Visitor " + escaped(e.visitor) + " refused: " + cause);
  }
  /// Logs at warn, once per client and interval, if the client is skipped from now on; otherwise at debug.
  void on(const server_side::visitor_failed_over& e) {
    warn_once(e.is_skipped, "failover\n" + std::string(e.service) + '\n' + to_string(e.client),
              channel_context(e.client, e.service),
              "The client does not serve visitor " + escaped(e.visitor) + ": " + e.error.message() +
                  "; another client gets it" +
                  (e.is_skipped ? ", and new visitors for a while" : ""));
  }
  /// Logs at error.
  void on(const server_side::service_loops& e) {
    write_once(log_level::error, "loop\n" + std::string(e.service), service_context(e.service),
               "The service leads back to itself: its local_addr on the client at " +
                   escaped(e.client) + " reaches a bind_addr of this server. Correct local_addr");
  }
  /// Logs at debug.
  void on(const server_side::forward_started& e) {
    if (!lines_.wants(log_level::debug, target)) return;
    write(log_level::debug, service_context(e.service),
          "Forward " + std::to_string(e.id) + " started for visitor " + escaped(e.visitor));
  }
  /// Logs at debug, and warns of a client that repeatedly breaks connections early.
  void on(const server_side::forward_ended& e) {
    if (closes_.note_forward(e) && !is_suspected(e.service)) {
      warn_once(true, "forward\n" + std::string(e.service), service_context(e.service),
                "The client ends the connection of every visitor at once; its local service must "
                "run, and `type` of `" +
                    service_key("client", e.service) + "` must be `tcp` too");
    }
    if (!lines_.wants(log_level::debug, target)) return;
    write(log_level::debug, service_context(e.service),
          forward_text(e.id, e.received, e.sent, e.error));
  }

  /// Logs at warn.
  void on(const server_side::datagrams_lost& e) {
    write(log_level::warn, service_context(e.service), losses_text(e.since));
  }

 private:
  /// Returns whether the service may lead back to itself, according to the events of the interval.
  bool is_suspected(std::string_view service) const {
    const auto found = suspicions_.find(service);
    return found != suspicions_.end() && now_() < found->second + repeat_interval;
  }

  /// Returns the level of a refusal. Anybody can cause these lines, so repetitions are only for
  /// debugging.
  static log_level refusal_level(bool repeated) {
    return repeated ? log_level::debug : log_level::error;
  }

  /// Logs that an address cannot be bound; `service` is empty for one of the clients' listeners.
  template <class Event>
  void report_bind_failure(std::string_view service, const std::string& failed, const Event& e) {
    const std::string what = failed + e.error.message() + listen_advice(e.error, e.at);
    const std::string line = what + retry_text(e.retry_in);
    if (e.repeated) return write(log_level::debug, context_of(service), line);
    const std::string kind = io::out_of_descriptors(e.error)
                                 ? "descriptors\nlisteners"
                                 : "bind\n" + std::string(service) + '\n' + what;
    write_once(log_level::error, kind, context_of(service), line);
  }

  void warn_of_replacement(std::string_view context, const address& at, const address* wanted) {
    if (!wanted) return;
    write(log_level::warn, context,
          "This host has no IPv6: listening at " + escaped(at) + " in place of " +
              escaped(*wanted) + "; name 0.0.0.0 in `bind_addr` if that is meant");
  }

  /// Returns the context of a line about a listener: that of `service`, or none if it is empty.
  static std::string context_of(std::string_view service) {
    return service.empty() ? std::string() : service_context(service);
  }

  static std::string channel_context(const address& peer, std::string_view service) {
    return connection_context(peer) + ':' + service_context(service);
  }

  /// Logs a line that a client can cause without limit by opening and closing control channels for
  /// `service`: at `level` up to `max_service_lines` times per interval, otherwise at debug.
  void report(std::string_view kind, log_level level, std::string_view service,
              const std::string& context, const std::string& message) {
    const std::string line = std::string(kind) + '\n' + std::string(service);
    write_limited(max_service_lines, level, line, context, message);
  }

  /// Logs at warn if it is a mistake and none of its kind was logged in the interval; otherwise at
  /// debug.
  void warn_once(bool is_mistake, std::string_view kind, const std::string& context,
                 const std::string& message) {
    if (is_mistake) return write_once(log_level::warn, kind, context, message);
    write(log_level::debug, context, message);
  }

  /// Logs at `level` if none of its kind was logged in the interval; otherwise at debug.
  void write_once(log_level level, std::string_view kind, const std::string& context,
                  const std::string& message) {
    write_limited(1, level, kind, context, message);
  }

  /// Logs at `level` if fewer than `allowed` of its kind were logged in the interval; otherwise at
  /// debug.
  void write_limited(std::uint64_t allowed, log_level level, std::string_view kind,
                     const std::string& context, const std::string& message) {
    const std::optional<std::uint64_t> before = repeat_limiter_.note(kind, now_(), allowed);
    write(before ? level : log_level::debug, context,
          message + suppressed_text(before.value_or(0)));
  }

  void write(log_level level, std::string_view context, std::string_view message) {
    lines_.write(level, target, context, message);
  }

  logger& lines_;
  listening_hook listens_;
  time_source now_;
  repeat_limiter repeat_limiter_;
  early_close_detector closes_;
  /// When a service was last suspected to lead back to itself.
  std::map<std::string, time_point, std::less<>> suspicions_;
};

}  // namespace rathole::app
