#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/ip_endpoint.hpp>
#include <rathole/sim/link.hpp>
#include <rathole/sim/listener.hpp>
#include <rathole/sim/mailbox.hpp>
#include <rathole/sim/own_memory.hpp>
#include <rathole/sim/resource_counts.hpp>
#include <rathole/sim/stream.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::sim {

/// Simulates a machine on the network.
struct host {
  /// Makes a host. Its IP address is 10.0.0.0 plus `number`, so the number must be unique. Its
  /// programs run on `ex`.
  host(std::string called, std::uint64_t seed, std::uint16_t at, io::executor ex)
      : name(std::move(called)), rng(seed), operations(~seed), number(at), executor(ex) {}

  /// Returns a port without a listener or UDP socket, from the dynamic range (RFC 6335 section 6).
  std::uint16_t free_port() {
    do {
      next_port =
          next_port == 65535 ? std::uint16_t{49152} : static_cast<std::uint16_t>(next_port + 1);
    } while (listeners.contains(next_port) || mailboxes.contains(next_port));
    return next_port;
  }

  /// Returns the endpoint from which datagrams of its port `port` come.
  [[nodiscard]] ip_endpoint endpoint(std::uint16_t port) const {
    ip_endpoint out;
    out.ip = {10, 0, static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)};
    out.port = port;
    return out;
  }

  /// The name.
  std::string name;
  /// The source of its random bytes.
  seeded_rng rng;
  /// Counts its operations.
  operation_counter operations;
  /// Its number, which determines its IP address.
  std::uint16_t number;
  /// The executor of its programs.
  io::executor executor;
  /// The listening TCP ports.
  std::map<std::uint16_t, listener*> listeners;
  /// The bound UDP ports.
  mailbox::port_map mailboxes;
  /// The last port that `free_port` returned.
  std::uint16_t next_port = 65535;
  /// Whether every connection is refused.
  bool refusing = false;
  /// The descriptor limit that is reported to programs; the simulation does not count descriptors.
  std::size_t descriptor_limit = std::numeric_limits<std::size_t>::max();
};

/// Simulates the hosts, the links between them, and the failures that a test causes. A host is
/// addressed by its name; "localhost", 127.0.0.1, ::1 and the wildcards 0.0.0.0 and :: mean the
/// host that uses them. Naming a host in a function of this class creates it.
class network {
 public:
  /// Makes an empty network. `seed` determines all random choices, including how many operations
  /// complete at once until `complete_at_once` is called.
  network(scheduler& when, std::uint64_t seed)
      : scheduler_(&when), seeds_(seed), at_once_(chosen_by(seed)) {}
  network(const network&) = delete;
  network& operator=(const network&) = delete;

  /// Returns the host `name`, which is created if it does not exist.
  host& at(std::string_view name) {
    const auto found = hosts_.find(name);
    if (found != hosts_.end()) return found->second;
    const auto number = static_cast<std::uint16_t>(hosts_.size() + 1);
    host& made = hosts_
                     .try_emplace(std::string(name), std::string(name), seeds_.next(), number,
                                  scheduler_->get_executor())
                     .first->second;
    made.operations.complete_at_once(at_once_);
    return made;
  }

  /// Returns the host that `name` means on the host `from`; null if there is none.
  host* resolve(host& from, std::string_view name) {
    constexpr std::array<std::string_view, 5> own = {"localhost", "127.0.0.1", "::1", "0.0.0.0",
                                                     "::"};
    if (std::ranges::find(own, name) != own.end()) return &from;
    const auto found = hosts_.find(name);
    return found == hosts_.end() ? nullptr : &found->second;
  }

  /// Returns the link between two hosts, in either order.
  link& between(std::string_view a, std::string_view b) {
    auto ends = std::pair(std::string(std::min(a, b)), std::string(std::max(a, b)));
    const auto found = links_.find(ends);
    if (found != links_.end()) return found->second;
    return links_.try_emplace(std::move(ends), *scheduler_, seeds_.next(), usual_).first->second;
  }

  /// Sets the conditions of all links, existing and future ones.
  void set_conditions(const link_conditions& all) {
    usual_ = all;
    for (auto& [ends, one] : links_) one.conditions = all;
  }

  /// Partitions the link; see `link::partition`.
  void partition(std::string_view a, std::string_view b) { between(a, b).partition(); }
  /// Ends the partition of the link; packets that were sent during it arrive.
  void heal(std::string_view a, std::string_view b) { between(a, b).heal(); }
  /// Resets the connections of the link, at both ends at once.
  void lose_connections(std::string_view a, std::string_view b) {
    between(a, b).lose_connections();
  }
  /// Sets whether new connections to `name` are refused.
  void refuse_connections(std::string_view name, bool on) { at(name).refusing = on; }
  /// Sets the descriptor limit that is reported to programs on `name`.
  void limit_descriptors(std::string_view name, std::size_t limit) {
    at(name).descriptor_limit = limit;
  }
  /// Gives `name` a queue of handlers of its own, each run by a call of `turn`; see
  /// `scheduler::add_queue`. No program may run on the host yet.
  void run_apart(std::string_view name, scheduler::turn_function turn) {
    at(name).executor = scheduler_->add_queue(std::move(turn));
  }
  /// Returns the count of operations of `name`, with which one of them can be made to fail.
  operation_counter& operations(std::string_view name) { return at(name).operations; }

  /// Sets how many of a thousand operations of all hosts complete at once; see `operation_counter`.
  void complete_at_once(unsigned of_a_thousand) {
    at_once_ = of_a_thousand;
    for (auto& [name, each] : hosts_) each.operations.complete_at_once(of_a_thousand);
  }

  /// Returns the resources in use.
  [[nodiscard]] const resource_counts& in_use() const { return in_use_; }
  /// Returns the resources in use, for the objects that count themselves.
  resource_counts& in_use() { return in_use_; }

  /// Returns how many streams `on` has open to `to`, including those that wait to be accepted.
  std::size_t& held(std::string_view on, std::string_view to) {
    return held_[std::pair(std::string(on), std::string(to))];
  }

  /// Starts listening on `on`. Fails if `at` belongs to another host or its port is in use.
  result<std::shared_ptr<listener>> listen(host& on, address at) {
    const own_memory here;
    if (const auto ec = on.operations.tick(); ec) return failure(ec);
    const host* named = resolve(on, at.host);
    if (!named) return failure(errc::host_not_found);
    if (named != &on) {
      return failure(system_error(std::errc::address_not_available));
    }
    if (at.port == 0) at.port = on.free_port();
    if (on.listeners.contains(at.port)) return failure(system_error(std::errc::address_in_use));
    auto made = std::make_shared<listener>(on.executor, std::move(at), on.operations);
    on.listeners.emplace(made->local.port, made.get());
    return made;
  }

  /// Starts to dial. The dialling end becomes `established` or gets an error later, but at once if
  /// `at_once` is set and the host dials itself.
  result<std::shared_ptr<connection>> dial(host& from, const address& to, bool at_once = false) {
    const own_memory here;
    if (const auto ec = from.operations.tick(); ec) return failure(ec);
    host* target = resolve(from, to.host);
    if (!target) return failure(errc::host_not_found);
    auto made = std::make_shared<connection>(*scheduler_, between(from.name, target->name),
                                             std::pair(from.executor, &from.operations),
                                             std::pair(target->executor, &target->operations));
    made->at(side::dialling).peer = to;
    made->at(side::dialling).held = &held(from.name, target->name);
    made->at(side::accepting).peer = address{from.name, from.free_port()};
    made->at(side::accepting).held = &held(target->name, from.name);
    if (at_once && target == &from && !between(from.name, from.name).is_partitioned()) {
      answer(from, to.port, *made, true);
      return made;
    }
    made->carry(side::dialling, [this, target, port = to.port](connection& arrived) {
      answer(*target, port, arrived);
    });
    return made;
  }

  /// Binds a UDP port of the host `on`, a free one if `at` has none. Fails as `listen` does.
  result<std::shared_ptr<mailbox>> bind_udp(host& on, address at) {
    const own_memory here;
    if (const auto ec = on.operations.tick(); ec) return failure(ec);
    const host* named = resolve(on, at.host);
    if (!named) return failure(errc::host_not_found);
    if (named != &on) return failure(system_error(std::errc::address_not_available));
    if (at.port == 0) at.port = on.free_port();
    if (on.mailboxes.contains(at.port)) return failure(system_error(std::errc::address_in_use));
    const ip_endpoint seen_as = on.endpoint(at.port);
    return std::make_shared<mailbox>(on.executor, std::move(at), seen_as, on.mailboxes,
                                     on.operations);
  }

  /// Lets lookups of `name` for a UDP socket, and by `runtime::resolve`, remain without an answer
  /// until `until`.
  void silence_name(const std::string& name, time_point until) { silent_names_[name] = until; }
  /// Returns until when these lookups of `name` remain without an answer.
  [[nodiscard]] time_point silent_until(const std::string& name) const {
    const auto found = silent_names_.find(name);
    return found == silent_names_.end() ? time_point::min() : found->second;
  }

  /// Returns the endpoint that `to` names on the host `from`.
  result<ip_endpoint> endpoint_of(host& from, const address& to) {
    const host* named = resolve(from, to.host);
    if (!named) return failure(errc::host_not_found);
    return named->endpoint(to.port);
  }

  /// Sends a datagram; returns false if the operation was chosen to fail.
  bool send_datagram(const mailbox& from, const ip_endpoint& to, byte_view payload) {
    const own_memory here;
    if (from.operations->tick()) return false;
    host* const source = owner(from.endpoint);
    host* const target = owner(to);
    if (!source || !target) return true;
    packet carried{from.endpoint, {payload.begin(), payload.end()}};
    between(source->name, target->name)
        .send_datagram([target, port = to.port, carried = std::move(carried)]() mutable {
          const auto found = target->mailboxes.find(port);
          if (found != target->mailboxes.end()) found->second->deliver(std::move(carried));
        });
    return true;
  }

  /// Drops the packets that partitions hold.
  void drop() {
    for (auto& [ends, one] : links_) one.drop();
  }

 private:
  /// Returns the host with that IP address; null if there is none.
  host* owner(const ip_endpoint& of) {
    const auto found = std::ranges::find_if(
        hosts_, [&](const auto& each) { return each.second.endpoint(of.port) == of; });
    return found == hosts_.end() ? nullptr : &found->second;
  }

  /// Returns how many of a thousand operations complete at once in a simulation with that seed.
  static unsigned chosen_by(std::uint64_t seed) {
    constexpr std::array<unsigned, 5> choice = {0, 100, 500, 900, 1000};
    return choice[seeded_rng(~seed).next() % choice.size()];
  }

  template <class Action>
  static void reply(connection& from, bool at_once, Action action) {
    at_once ? action(from) : from.carry(side::accepting, action);
  }

  void answer(host& target, std::uint16_t port, connection& arrived, bool at_once = false) {
    const auto found = target.listeners.find(port);
    if (target.refusing || found == target.listeners.end()) {
      arrived.at(side::accepting).open = false;
      reply(arrived, at_once, [](connection& self) {
        self.fail(side::dialling, system_error(std::errc::connection_refused));
      });
      return;
    }
    arrived.at(side::accepting).established = true;
    reply(arrived, at_once, [](connection& self) {
      self.at(side::dialling).established = true;
      self.at(side::dialling).writable.notify();
    });
    found->second->waiting.emplace_back(arrived.shared_from_this(), side::accepting, in_use_);
    found->second->notify();
  }

  scheduler* scheduler_;
  seeded_rng seeds_;
  unsigned at_once_;
  resource_counts in_use_;
  link_conditions usual_;
  std::map<std::pair<std::string, std::string>, std::size_t> held_;
  std::map<std::pair<std::string, std::string>, link> links_;
  std::map<std::string, host, std::less<>> hosts_;
  std::map<std::string, time_point, std::less<>> silent_names_;
};

}  // namespace rathole::sim
