#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/constant_time.hpp>
#include <rathole/core/endian.hpp>
#include <rathole/protocol/messages.hpp>

#include <algorithm>
#include <cassert>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

namespace rathole::protocol {

/// Keeps a server's services by their service digest, and for each service its sessions: the clients
/// that serve it now. A session is also found by its session key. `map_registry` describes the
/// operations.
template <class R>
concept ServiceRegistry = requires(
    R& registry, const digest& key, typename R::service_type service,
    typename R::session_type session,
    void (*visit)(const digest&, typename R::service_type&, std::span<typename R::session_type>)) {
  { registry.insert(key, std::move(service)) } -> std::same_as<bool>;
  { registry.erase(key) } -> std::same_as<std::vector<typename R::session_type>>;
  { registry.find_service(key) } -> std::same_as<typename R::service_type*>;
  { registry.attach(key, key, std::move(session)) } -> std::same_as<void>;
  { registry.detach(key, key) } -> std::same_as<std::optional<typename R::session_type>>;
  { registry.keep_newest(key) } -> std::same_as<std::vector<typename R::session_type>>;
  { registry.find_session(key) } -> std::same_as<typename R::session_type*>;
  { registry.sessions_of(key) } -> std::same_as<std::span<typename R::session_type>>;
  { registry.for_each(visit) } -> std::same_as<void>;
};

/// Keeps services and sessions in hash maps; models `ServiceRegistry`. `Service` and `Session` are
/// chosen by the owner, for example the configuration and a pointer to the control session. The owner
/// bounds how many sessions a service has.
///
/// Peers supply the digests and session keys that are looked up, so bytes are compared in constant
/// time. The choice of the hash bucket may leak through timing. It depends on a few of the 256 bits
/// of a session key, which is a hash over the token and a nonce and is valid for one session only.
template <class Service, class Session>
class map_registry {
 public:
  /// The data that is kept for a service.
  using service_type = Service;
  /// The data that is kept for a session.
  using session_type = Session;

  /// Adds a service. Returns false and changes nothing if there is one with that digest.
  bool insert(const digest& service, Service value) {
    return services_.try_emplace(service, std::move(value)).second;
  }

  /// Removes a service; returns its sessions, oldest first.
  std::vector<Session> erase(const digest& service) {
    const auto found = services_.find(service);
    if (found == services_.end()) return {};
    entry& gone = found->second;
    for (const digest& key : gone.keys) owners_.erase(key);
    std::vector<Session> out = std::move(gone.sessions);
    services_.erase(found);
    return out;
  }

  /// Returns the service, or null; valid until the service is erased.
  [[nodiscard]] Service* find_service(const digest& service) {
    const auto found = services_.find(service);
    return found == services_.end() ? nullptr : &found->second.value;
  }

  /// Adds `value` to the sessions of an existing service, as the newest. No other session may have the same
  /// key. If memory runs out, nothing changes.
  void attach(const digest& service, const digest& session_key, Session value) {
    const auto found = services_.find(service);
    assert(found != services_.end());
    entry& of = found->second;
    reserve_one(of.keys);
    reserve_one(of.sessions);
    owners_.insert_or_assign(session_key, service);
    of.keys.push_back(session_key);
    of.sessions.push_back(std::move(value));
  }

  /// Ends a session of a service and returns it. Returns nothing if the service has no session with that
  /// key.
  std::optional<Session> detach(const digest& service, const digest& session_key) {
    const auto found = services_.find(service);
    if (found == services_.end()) return std::nullopt;
    entry& of = found->second;
    const auto at = position_of(of, session_key);
    if (at == std::ssize(of.keys)) return std::nullopt;
    owners_.erase(session_key);
    std::optional<Session> out(std::move(of.sessions[static_cast<std::size_t>(at)]));
    of.keys.erase(of.keys.begin() + at);
    of.sessions.erase(of.sessions.begin() + at);
    return out;
  }

  /// Ends all sessions of a service except the newest, and returns them, oldest first. If memory runs
  /// out, nothing changes.
  std::vector<Session> keep_newest(const digest& service) {
    const auto found = services_.find(service);
    if (found == services_.end() || found->second.sessions.size() < 2) return {};
    entry& of = found->second;
    std::vector<Session> kept;
    kept.reserve(1);
    kept.push_back(std::move(of.sessions.back()));
    of.sessions.pop_back();
    std::swap(kept, of.sessions);
    for (std::size_t i = 0; i + 1 < of.keys.size(); ++i) owners_.erase(of.keys[i]);
    of.keys.erase(of.keys.begin(), of.keys.end() - 1);
    return kept;
  }

  /// Returns the session with that key, or null; valid until a session of its service begins or ends.
  [[nodiscard]] Session* find_session(const digest& session_key) {
    const auto owner = owners_.find(session_key);
    if (owner == owners_.end()) return nullptr;
    entry& of = services_.find(owner->second)->second;
    return &of.sessions[static_cast<std::size_t>(position_of(of, session_key))];
  }

  /// Returns the sessions of the service with the digest `service`, oldest first; none if it is unknown.
  /// Valid until a session of the service begins or ends.
  [[nodiscard]] std::span<Session> sessions_of(const digest& service) {
    const auto found = services_.find(service);
    if (found == services_.end()) return {};
    return found->second.sessions;
  }

  /// Calls `visit` for every service, in unspecified order, with the service digest, the service,
  /// and its sessions, oldest first. `visit` must not change the registry.
  template <std::invocable<const digest&, Service&, std::span<Session>> F>
  void for_each(F visit) {
    for (auto& [service, known] : services_) {
      visit(service, known.value, std::span<Session>(known.sessions));
    }
  }

  /// Returns the number of services.
  [[nodiscard]] std::size_t size() const { return services_.size(); }
  /// Returns whether there are no services.
  [[nodiscard]] bool empty() const { return services_.empty(); }

 private:
  struct entry {
    explicit entry(Service service) : value(std::move(service)) {}
    Service value;
    /// The keys of the sessions, in their order.
    std::vector<digest> keys;
    std::vector<Session> sessions;
  };

  // Digests are uniformly distributed, so a part of the digest is a good hash.
  struct digest_hash {
    std::size_t operator()(const digest& in) const {
      return static_cast<std::size_t>(load_le<std::uint64_t>(byte_view(in).first<8>()));
    }
  };

  struct digests_equal {
    bool operator()(const digest& a, const digest& b) const { return constant_time_equal(a, b); }
  };

  template <class T>
  using digest_map = std::unordered_map<digest, T, digest_hash, digests_equal>;

  template <class T>
  static void reserve_one(std::vector<T>& in) {
    if (in.size() == in.capacity()) in.reserve(in.empty() ? 1 : 2 * in.size());
  }

  /// Returns where the session with that key is; the number of sessions if there is none.
  static std::ptrdiff_t position_of(const entry& of, const digest& session_key) {
    const auto is_same = [&](const digest& each) { return digests_equal{}(each, session_key); };
    return std::ranges::find_if(of.keys, is_same) - of.keys.begin();
  }

  digest_map<entry> services_;
  digest_map<digest> owners_;
};

}  // namespace rathole::protocol
