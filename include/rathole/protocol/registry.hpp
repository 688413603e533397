#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/constant_time.hpp>
#include <rathole/core/endian.hpp>
#include <rathole/protocol/messages.hpp>

#include <cassert>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>
#include <utility>

namespace rathole::protocol {

/// Keeps a server's services by their service digest, and for each service at most one session: the
/// client that serves it now. A session is also found by its session key. `map_registry` describes
/// the operations.
template <class R>
concept ServiceRegistry =
    requires(R& registry, const digest& key, typename R::service_type service,
             typename R::session_type session,
             void (*visit)(const digest&, typename R::service_type&, typename R::session_type*)) {
      { registry.insert(key, std::move(service)) } -> std::same_as<bool>;
      { registry.erase(key) } -> std::same_as<std::optional<typename R::session_type>>;
      { registry.find_service(key) } -> std::same_as<typename R::service_type*>;
      {
        registry.attach(key, key, std::move(session))
      } -> std::same_as<std::optional<typename R::session_type>>;
      { registry.detach(key, key) } -> std::same_as<std::optional<typename R::session_type>>;
      { registry.find_session(key) } -> std::same_as<typename R::session_type*>;
      { registry.find_session_of(key) } -> std::same_as<typename R::session_type*>;
      { registry.for_each(visit) } -> std::same_as<void>;
    };

/// Keeps services and sessions in hash maps; models `ServiceRegistry`. `Service` and `Session` are
/// chosen by the owner, for example the configuration and a pointer to the control session.
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

  /// Removes a service; returns its session if it had one.
  std::optional<Session> erase(const digest& service) {
    const auto found = services_.find(service);
    if (found == services_.end()) return std::nullopt;
    std::optional<Session> out = release(found);
    services_.erase(found);
    return out;
  }

  /// Returns the service, or null; valid until the service is erased.
  [[nodiscard]] Service* find_service(const digest& service) {
    const auto found = services_.find(service);
    return found == services_.end() ? nullptr : &found->second.value;
  }

  /// Makes `value` the session of an existing service. Returns the session that it replaces, if
  /// any. No other session may have the same key, which holds because the key comes from a fresh
  /// nonce. If memory runs out, nothing changes.
  std::optional<Session> attach(const digest& service, const digest& session_key, Session value) {
    const auto found = services_.find(service);
    assert(found != services_.end());
    owners_.insert_or_assign(session_key, service);
    std::optional<Session> out = release(found);
    found->second.running.emplace(session_key, std::move(value));
    return out;
  }

  /// Ends the session of a service and returns it. Returns nothing if the service has no session or
  /// one with another key.
  std::optional<Session> detach(const digest& service, const digest& session_key) {
    const auto found = services_.find(service);
    if (found == services_.end() || !found->second.running) return std::nullopt;
    if (!digests_equal{}(found->second.running->key, session_key)) return std::nullopt;
    return release(found);
  }

  /// Returns the session with that key, or null; valid until the session is replaced or ends.
  [[nodiscard]] Session* find_session(const digest& session_key) {
    const auto owner = owners_.find(session_key);
    if (owner == owners_.end()) return nullptr;
    return &services_.find(owner->second)->second.running->value;
  }

  /// Returns the session of the service with the digest `service`, or null; valid until the session
  /// is replaced or ends.
  [[nodiscard]] Session* find_session_of(const digest& service) {
    const auto found = services_.find(service);
    if (found == services_.end() || !found->second.running) return nullptr;
    return &found->second.running->value;
  }

  /// Calls `visit` for every service, in unspecified order, with the service digest, the service,
  /// and its session or null. `visit` must not change the registry.
  template <std::invocable<const digest&, Service&, Session*> F>
  void for_each(F visit) {
    for (auto& [service, known] : services_) {
      visit(service, known.value, known.running ? &known.running->value : nullptr);
    }
  }

  /// Returns the number of services.
  [[nodiscard]] std::size_t size() const { return services_.size(); }
  /// Returns whether there are no services.
  [[nodiscard]] bool empty() const { return services_.empty(); }

 private:
  struct running_session {
    digest key;
    Session value;
  };

  struct entry {
    explicit entry(Service service) : value(std::move(service)) {}
    Service value;
    std::optional<running_session> running;
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

  std::optional<Session> release(typename digest_map<entry>::iterator at) {
    std::optional<running_session>& running = at->second.running;
    if (!running) return std::nullopt;
    owners_.erase(running->key);
    std::optional<Session> out(std::move(running->value));
    running.reset();
    return out;
  }

  digest_map<entry> services_;
  digest_map<digest> owners_;
};

}  // namespace rathole::protocol
