#pragma once

#include <rathole/admin/causes.hpp>
#include <rathole/admin/service_table.hpp>
#include <rathole/client/events.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/error.hpp>
#include <rathole/server/events.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace rathole::admin {

/// An observer that keeps the statistics of a client or server; see `service_table`.
class statistics : public service_table {
 public:
  using service_table::service_table;

  // What a server reports.

  /// Adds an event.
  void on(const server_side::listening& e) { record("listening", {}, to_string(e.at)); }
  /// Adds the address, and an event.
  void on(const server_side::service_listening& e) {
    if (entry* const found = find(e.service)) {
      change(*found, [where = to_string(e.at)](entry& each) {
        std::erase(each.what.unbound, where);
        std::erase(each.what.listening, where);
        each.what.listening.push_back(where);
      });
    }
    record("service_listening", e.service, to_string(e.at));
  }
  /// Records that the service cannot be reached, and adds an event for each new reason.
  void on(const server_side::service_bind_failed& e) {
    const std::string where = to_string(e.at);
    if (entry* const found = find(e.service)) {
      change(
          *found,
          [&where](entry& each) {
            std::erase(each.what.listening, where);
            std::erase(each.what.unbound, where);
            each.what.unbound.push_back(where);
          },
          "cannot listen at " + where + ": " + e.error.message());
    }
    if (!e.repeated) record("service_bind_failed", e.service, where, e.error.message());
  }
  /// Counts the connection.
  void on(const server_side::handshake_failed&) { ++counters().handshakes_failed; }
  /// Counts the client, and adds an event unless it is repeated.
  void on(const server_side::unknown_service& e) {
    ++counters().handshakes_refused;
    if (!e.repeated) record("unknown_service", {}, to_string(e.peer), std::string(e.digest));
  }
  /// Counts the client, and adds an event unless it is repeated.
  void on(const server_side::authentication_failed& e) {
    ++counters().handshakes_refused;
    if (!e.repeated) record("authentication_failed", e.service, to_string(e.peer));
  }
  /// Adds an event.
  void on(const server_side::connections_refused& e) {
    event_view what = made("connections_refused", {}, e.what.most_active);
    what.received = e.what.total();
    add(what);
  }
  /// Records that the service has a client.
  void on(const server_side::control_channel_established& e) {
    ++counters().handshakes_ok;
    channel_established(e.service, to_string(e.peer));
  }
  /// Counts it, and adds an event.
  void on(const server_side::control_channel_replaced& e) {
    if (entry* const found = find(e.service)) {
      ++found->what.reconnects[static_cast<std::size_t>(reconnect_cause::displaced)];
    }
    record("client_replaced", e.service, to_string(e.by), "in place of " + to_string(e.peer));
  }
  /// Counts it, and adds an event unless it is repeated.
  void on(const server_side::client_refused& e) {
    if (entry* const found = find(e.service)) ++found->what.clients_refused;
    if (e.repeated) return;
    record("client_refused", e.service, to_string(e.peer), e.error.message());
  }
  /// Counts it, and adds an event if the client is skipped from now on.
  void on(const server_side::visitor_failed_over& e) {
    if (entry* const found = find(e.service)) ++found->what.failed_over;
    if (e.is_skipped) record("client_skipped", e.service, to_string(e.client), e.error.message());
  }
  /// Records that the service has lost its client.
  void on(const server_side::control_channel_closed& e) {
    entry* const found = find(e.service);
    if (found && e.error && e.error != errc::stopped) {
      ++found->what.reconnects[static_cast<std::size_t>(cause_of(e.error, false))];
    }
    channel_ended(e.service, to_string(e.peer),
                  e.error ? e.error.message() : "the client has closed the connection");
  }
  /// Counts the visitor, and adds an event unless it is repeated.
  void on(const server_side::visitor_refused& e) {
    if (entry* const found = find(e.service)) {
      ++found->what.refused[static_cast<std::size_t>(reason_of(e.error))];
    }
    if (e.repeated) return;
    record("visitor_refused", e.service, to_string(e.visitor), e.error.message());
  }
  /// Adds an event.
  void on(const server_side::service_loops& e) {
    record("service_loops", e.service, to_string(e.client));
  }
  /// Adds the connection, and an event.
  void on(const server_side::forward_started& e) {
    if (entry* const found = find(e.service)) found->what.waited.add(e.waited);
    started(e.service, to_string(e.visitor), e.id, e.connection);
  }
  /// Removes the connection, and adds an event.
  void on(const server_side::forward_ended& e) { ended(e); }
  /// Adds an event.
  void on(const server_side::datagrams_lost& e) { lost(e.service, e.since); }
  /// Counts the datagrams.
  void on(const server_side::datagrams_carried& e) { carried(e); }

  // What a client reports.

  /// Records that the server serves the service.
  void on(const client_side::control_channel_established& e) {
    channel_established(e.service, to_string(e.remote));
    at_server(e.service, {.server = to_string(e.server),
                          .state = server_statistics::activity::up,
                          .peer = to_string(e.remote)});
    if (entry* const found = find(e.service)) forget_left(found->what.servers);
  }
  /// Records that the service is down, and counts why.
  void on(const client_side::control_channel_failed& e) {
    entry* const found = find(e.service);
    if (found) {
      ++found->what.reconnects[static_cast<std::size_t>(cause_of(e.error, e.is_displaced))];
    }
    if (e.established) channel_ended(e.service, peer_at(e.service, e.remote), e.error.message());
    at_server(e.service, {.server = to_string(e.remote),
                          .state = server_statistics::activity::down,
                          .reason = (e.gives_up ? "given up: " : "") + e.error.message(),
                          .is_left = !e.next.host.empty() && e.next != e.remote});
    if (e.established || !found || found->what.is_up()) return;
    found->what.reason = (e.gives_up ? "given up: " : "") + e.error.message();
  }
  /// Records that the service is down.
  void on(const client_side::control_channel_closed& e) {
    if (e.was_established) {
      channel_ended(e.service, peer_at(e.service, e.server), "closed by this side");
    }
    at_server(e.service, {.server = to_string(e.server)});
  }
  /// Counts the visitor, and adds an event.
  void on(const client_side::data_channel_failed& e) {
    if (entry* const found = find(e.service)) {
      ++found->what.refused[static_cast<std::size_t>(reason_of(e.error))];
    }
    record("visitor_refused", e.service, {}, e.error.message());
  }
  /// Counts the visitor, and adds an event.
  void on(const client_side::local_connect_failed& e) {
    if (entry* const found = find(e.service)) {
      ++found->what.refused[static_cast<std::size_t>(refusal_reason::failed)];
    }
    record("local_connect_failed", e.service, to_string(e.local), e.error.message());
  }
  /// Records whether the address is down, and adds an event.
  void on(const client_side::local_target_changed& e) {
    const std::string where = to_string(e.local);
    if (entry* const found = find(e.service)) {
      std::erase(found->what.down, where);
      if (e.reason) found->what.down.push_back(where);
    }
    if (!e.reason) return record("local_address_up", e.service, where);
    record("local_address_down", e.service, where, e.reason.message());
  }
  /// Adds the connection, and an event.
  void on(const client_side::forward_started& e) { started(e.service, {}, e.id, e.connection); }
  /// Removes the connection, and adds an event.
  void on(const client_side::forward_ended& e) { ended(e); }
  /// Adds an event.
  void on(const client_side::datagrams_lost& e) { lost(e.service, e.since); }
  /// Counts the datagrams.
  void on(const client_side::datagrams_carried& e) { carried(e); }
  /// Adds an event.
  void on(const client_side::service_loops& e) {
    record("service_loops", e.service, to_string(e.local));
  }

 private:
  /// Records what a service of a client does at a server.
  void at_server(std::string_view service, server_statistics now) {
    if (entry* const found = find(service)) set_server(found->what.servers, std::move(now));
  }
  /// Returns the address that `server`, as the settings name it, has answered from.
  std::string peer_at(std::string_view service, const address& server) {
    entry* const found = find(service);
    return found ? peer_of(found->what.servers, to_string(server)) : std::string();
  }
};

}  // namespace rathole::admin
