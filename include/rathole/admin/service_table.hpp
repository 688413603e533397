#pragma once

#include <rathole/admin/causes.hpp>
#include <rathole/admin/event_log.hpp>
#include <rathole/admin/running_connections.hpp>
#include <rathole/admin/service_description.hpp>
#include <rathole/admin/service_statistics.hpp>
#include <rathole/admin/snapshot.hpp>
#include <rathole/client/events.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/ip_literal.hpp>
#include <rathole/io/live_connection.hpp>
#include <rathole/server/events.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::admin {

/// The services and connections of a client or server, and its last events. It lives on the control plane;
/// the events may be read by any thread. Names that are no service of the settings are ignored, so what a
/// peer can make it hold is bounded by the settings and by the connections.
class service_table {
 public:
  /// The system's clock; a function, so that tests can set it.
  using time_source = std::chrono::system_clock::time_point (*)();

  /// Makes a table without services, whose events go to `events`, which must outlive them.
  explicit service_table(event_log& events, time_source now = &std::chrono::system_clock::now)
      : events_(events), now_(now) {}

  /// Uses the services of new settings. What is known of those that remain is kept; those that are
  /// gone are forgotten once their last connection has ended.
  void set_services(const std::vector<service_description>& services) {
    for (auto& [name, each] : services_) each.is_configured = false;
    for (const service_description& each : services) {
      entry& kept = services_[each.name];
      if (kept.what.name.empty() || kept.what.kind != each.kind) {
        kept.what.since = now_();
        kept.what.reason = "not connected yet";
      }
      kept.is_configured = true;
      kept.what.name = each.name;
      kept.what.kind = each.kind;
      kept.what.file = each.file;
      kept.what.range = each.range;
      kept.what.configured = each.addresses;
      kept.what.servers = kept_servers(kept.what.servers, each.servers);
      change(kept, [&each](entry& of) { drop_others(of.what, each.addresses); });
    }
    std::erase_if(services_, [this](const auto& each) {
      if (!is_gone(each.second)) return false;
      of_gone_ += each.second.what;
      return true;
    });
  }

  /// Returns what is known of the configured services, in the order of their names, with what running
  /// connections have carried so far.
  [[nodiscard]] std::vector<service_statistics> services() const {
    std::vector<service_statistics> out;
    out.reserve(services_.size());
    for (const auto& [name, each] : services_) {
      if (!each.is_configured) continue;
      service_statistics& added = out.emplace_back(each.what);
      add_carried(each.running, added);
    }
    return out;
  }

  /// Returns what all services have carried, also those that are gone, and running connections.
  [[nodiscard]] connection_totals totals() const {
    connection_totals out = of_gone_;
    for (const auto& [name, each] : services_) {
      out += each.what;
      add_carried(each.running, out);
    }
    return out;
  }

  /// Returns why visitors of a configured service cannot be accepted, though it should be possible; empty
  /// if there is none.
  [[nodiscard]] std::string unbound() const {
    for (const auto& [name, each] : services_) {
      const bool is_served = each.is_configured && !each.what.channels.empty();
      if (is_served && !each.what.unbound.empty()) {
        return name + ": cannot listen at " + each.what.unbound.front();
      }
    }
    return {};
  }

  /// Returns at most `most` connections, the newest first; those of `service` only, which may be a range of
  /// ports, if it is given.
  [[nodiscard]] connection_list connections(const std::optional<std::string>& service,
                                            std::size_t most) const {
    using place = std::pair<std::uint64_t, const service_map::value_type*>;
    std::vector<place> found;
    for (const auto& each : services_) {
      const service_statistics& of = each.second.what;
      if (service && of.name != *service && (of.range.empty() || of.range != *service)) continue;
      for (const auto& [id, running] : each.second.running) found.emplace_back(id, &each);
    }
    connection_list out;
    out.total = found.size();
    const auto shown = static_cast<std::ptrdiff_t>(std::min(most, found.size()));
    std::ranges::partial_sort(found, found.begin() + shown, std::greater(), &place::first);
    for (const auto& [id, of] : found | std::views::take(shown)) {
      const running_connection& each = of->second.running.at(id);
      out.connections.push_back({.id = id,
                                 .service = of->first,
                                 .visitor = each.visitor,
                                 .since = each.since,
                                 .carried = carried_by(each)});
    }
    return out;
  }

  /// Resets the connection with the number `id`; returns whether there is one.
  bool cut(std::uint64_t id) {
    for (const auto& [name, each] : services_) {
      const auto found = each.running.find(id);
      if (found == each.running.end()) continue;
      if (found->second.live) found->second.live->abort();
      return found->second.live != nullptr;
    }
    return false;
  }

  /// Returns the counters of the program, for the owner to change those that are not events.
  [[nodiscard]] program_counters& counters() { return counters_; }

  /// Records that no service of a server has data channels, before `set_pool` says which do.
  void clear_pools() {
    for (auto& [name, each] : services_) {
      each.what.idle = each.what.waiting = 0;
      each.what.clients.clear();
    }
  }
  /// Sets what the data channels of a service of a server do now.
  void set_pool(std::string_view service, std::size_t idle, std::size_t waiting) {
    if (entry* const found = find(service)) {
      found->what.idle = idle;
      found->what.waiting = waiting;
    }
  }

  /// Sets which clients a service of a server has now.
  void set_clients(std::string_view service, std::vector<client_statistics> clients) {
    if (entry* const found = find(service)) found->what.clients = std::move(clients);
  }

  /// Adds an event that is none of a client or server.
  void note(std::string_view name, std::string_view detail = {}, std::string_view service = {}) {
    events_.add(made(name, service, {}, detail));
  }

 protected:
  /// A service.
  struct entry {
    /// What is known of it.
    service_statistics what = {};
    /// Its connections.
    running_connections running = {};
    /// Whether the settings have the service.
    bool is_configured = false;
  };
  /// The services by their names.
  using service_map = std::map<std::string, entry, std::less<>>;

  /// Adds an event.
  void add(const event_view& what) { events_.add(what); }

  /// Forgets the listeners at addresses that are not in `configured` any more. A name stands for addresses
  /// that are not known here, and port 0 for any.
  static void drop_others(service_statistics& of, const std::vector<std::string>& configured) {
    const auto is_other = [&configured](const std::string& bound) {
      const auto at = parse_address(bound);
      return at && std::ranges::none_of(configured, [&](const std::string& each) {
               const auto wanted = parse_address(each);
               if (!wanted || (wanted->port != 0 && wanted->port != at->port)) return false;
               const bool is_literal =
                   wanted->is_unix() || parse_ipv4(wanted->host) || parse_ipv6(wanted->host);
               return !is_literal || wanted->host == at->host;
             });
    };
    std::erase_if(of.listening, is_other);
    std::erase_if(of.unbound, is_other);
    std::erase_if(of.down, is_other);
  }

  /// Returns whether the settings do not have a service any more, and no connection is left of it.
  static bool is_gone(const entry& each) { return !each.is_configured && each.what.active == 0; }

  /// Returns a service; null if there is none.
  entry* find(std::string_view service) {
    const auto found = services_.find(service);
    return found == services_.end() ? nullptr : &found->second;
  }

  /// Returns an event of now; the texts must outlive it.
  event_view made(std::string_view name, std::string_view service, std::string_view address,
                  std::string_view detail = {}) const {
    return {.at = now_(), .name = name, .service = service, .address = address, .detail = detail};
  }
  /// Adds an event of now.
  void record(std::string_view name, std::string_view service, std::string_view address,
              std::string_view detail = {}) {
    events_.add(made(name, service, address, detail));
  }

  /// Changes `what` by `edit`, and records if the service thereby comes up or goes down; `reason` says
  /// why it is down.
  template <class Edit>
  void change(entry& what, Edit edit, std::string reason = {}) {
    const bool was_up = what.what.is_up();
    std::string peer = what.what.peer();
    edit(what);
    const bool is_up = what.what.is_up();
    if (!is_up && !reason.empty()) what.what.reason = reason;
    if (was_up == is_up) return;
    what.what.since = now_();
    if (is_up) what.what.reason.clear();
    if (is_up) peer = what.what.peer();
    record(is_up ? "service_up" : "service_down", what.what.name, peer, what.what.reason);
  }

  /// Records that a service has a control channel with `peer`.
  void channel_established(std::string_view service, std::string peer) {
    const auto add_peer = [&peer](entry& each) { each.what.channels.push_back(std::move(peer)); };
    if (entry* const found = find(service)) change(*found, add_peer);
  }

  /// Records that a service has one control channel less, that with `peer`, because of `why`.
  void channel_ended(std::string_view service, const std::string& peer, std::string why) {
    entry* const found = find(service);
    if (!found || found->what.channels.empty()) return;
    if (auto& channels = found->what.channels; channels.size() > 1) {
      const auto gone = std::ranges::find(channels, peer);
      channels.erase(gone == channels.end() ? channels.begin() : gone);
      return;
    }
    const auto end = [](entry& each) {
      each.what.channels.clear();
      // A server closes the listeners with the last control channel.
      each.what.listening.clear();
      each.what.unbound.clear();
    };
    change(*found, end, std::move(why));
  }

  /// Adds a connection, and an event.
  void started(std::string_view service, std::string visitor, std::uint64_t id,
               const std::shared_ptr<io::live_connection>& live) {
    entry* const of = find(service);
    if (!of) return;
    ++of->what.active;
    ++of->what.total;
    const auto added =
        of->running.insert_or_assign(id, running_connection{std::move(visitor), now_(), live});
    const running_connection& each = added.first->second;
    events_.add({.at = each.since,
                 .name = "connection_started",
                 .service = service,
                 .address = each.visitor,
                 .connection = id});
  }

  /// Removes a connection, and adds an event.
  template <class Event>
  void ended(const Event& e) {
    const auto of = services_.find(e.service);
    if (of == services_.end()) return;
    const auto node = of->second.running.extract(e.id);
    if (node.empty()) return;
    const running_connection& gone = node.mapped();
    service_statistics& sums = of->second.what;
    --sums.active;
    sums.received += e.received;
    sums.sent += e.sent;
    sums.lasted.add(e.lasted);
    const std::string error = e.error ? e.error.message() : std::string();
    event_view what = made("connection_ended", e.service, gone.visitor, error);
    what.connection = e.id;
    what.received = e.received;
    what.sent = e.sent;
    what.seconds = std::chrono::duration<double>(e.lasted).count();
    events_.add(what);
    if (!is_gone(of->second)) return;
    of_gone_ += sums;
    services_.erase(of);
  }

  /// Adds an event of the datagrams that a service has lost.
  void lost(std::string_view service, const protocol::udp_counters& since) {
    event_view what = made("datagrams_lost", service, {});
    what.received = since.lost();
    events_.add(what);
  }

  /// Counts the datagrams of a service.
  template <class Event>
  void carried(const Event& e) {
    entry* const found = find(e.service);
    if (!found) return;
    found->what.datagrams += e.since;
    found->what.udp_visitors = e.visitors;
  }

 private:
  event_log& events_;
  const time_source now_;
  service_map services_;
  program_counters counters_;
  /// What services have carried that are gone.
  connection_totals of_gone_;
};

}  // namespace rathole::admin
