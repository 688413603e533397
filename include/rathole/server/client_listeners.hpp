#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/address_list.hpp>
#include <rathole/core/result.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/server/listening_addresses.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <stop_token>
#include <utility>
#include <vector>

namespace rathole::server_side {

/// A listener for clients: an address as the settings name it, and the acceptor that is bound to
/// it.
template <io::Acceptor A>
struct client_listener {
  /// Makes a listener for the address `at`. `ending` may be shared with a listener that this one
  /// replaces.
  client_listener(address at, A listening, std::stop_source ending = {})
      : where(std::move(at)), acceptor(std::move(listening)), closing(std::move(ending)) {}

  /// Closes the acceptor.
  void close() {
    acceptor.close();
    listed.reset();
  }

  /// The address in the settings.
  address where;
  /// The acceptor.
  A acceptor;
  /// Keeps the address of the acceptor in the list of the server's addresses.
  listening_addresses::entry listed;
  /// Requested when the settings no longer name the address.
  std::stop_source closing;
};

/// Gives the listener the permissions of `wanted`, an address at the same place. Fails as the acceptor's `permit`
/// does, if it has one.
template <io::Acceptor A>
result<void> permit(client_listener<A>& listener, const address& wanted) {
  if (listener.where == wanted) return {};
  if constexpr (requires { listener.acceptor.permit(wanted.permissions); }) {
    const auto permitted = listener.acceptor.permit(wanted.permissions);
    if (!permitted) return permitted;
  }
  listener.where = wanted;
  return {};
}

/// The listeners for clients.
template <io::Acceptor A>
class client_listeners {
 public:
  /// The type of listeners.
  using listener = client_listener<A>;
  /// A listener, shared with the coroutine that accepts on it.
  using listener_pointer = std::shared_ptr<listener>;

  /// Returns the listener for the address `where`, whatever its permissions, or null.
  [[nodiscard]] listener_pointer find(const address& where) const {
    const auto found = std::ranges::find_if(
        listeners_, [&](const listener_pointer& each) { return same_place(each->where, where); });
    return found == listeners_.end() ? nullptr : *found;
  }

  /// Adds a listener. After `close`, it is closed at once instead.
  void add(listener_pointer next) {
    if (closed_) {
      next->closing.request_stop();
    } else {
      listeners_.push_back(std::move(next));
    }
  }

  /// Replaces the listener `old` by `next`. Clients that connected through either of them are not
  /// affected.
  void replace(const listener_pointer& old, const listener_pointer& next) {
    std::ranges::replace(listeners_, old, next);
  }

  /// Reserves memory for `count` more listeners, so that `add` needs none for them.
  void reserve(std::size_t count) { listeners_.reserve(listeners_.size() + count); }

  /// Closes all listeners whose addresses are not in `wanted`. Needs no memory.
  void close_except(const address_list& wanted) {
    for (;;) {
      // Work that ends with a listener may call this object, so the search starts again.
      const auto unwanted = std::ranges::find_if(listeners_, [&](const listener_pointer& each) {
        return !has_place(wanted, each->where);
      });
      if (unwanted == listeners_.end()) return;
      const listener_pointer gone = std::move(*unwanted);
      listeners_.erase(unwanted);
      gone->closing.request_stop();
    }
  }

  /// Returns the listeners whose addresses are not in `wanted` but whose ports are.
  [[nodiscard]] std::vector<listener_pointer> conflicting_with(const address_list& wanted) const {
    std::vector<listener_pointer> out;
    for (const listener_pointer& each : listeners_) {
      const bool stays = has_place(wanted, each->where);
      if (!stays && has_port_of(wanted, each->where)) out.push_back(each);
    }
    return out;
  }

  /// Closes all listeners, also those that are added later.
  void close() {
    closed_ = true;
    close_except({});
  }

  /// Removes all listeners from this object without closing them.
  void clear() { listeners_.clear(); }

  /// Returns second handles of all listening sockets, for a server that takes over. Those that the
  /// system refuses are left out.
  [[nodiscard]] std::vector<listener_pointer> duplicate() const {
    std::vector<listener_pointer> out;
    for (const listener_pointer& each : listeners_) {
      auto again = each->acceptor.duplicate();
      if (again) out.push_back(std::make_shared<listener>(each->where, std::move(*again)));
    }
    return out;
  }

 private:
  static bool has_place(const address_list& all, const address& where) {
    return std::ranges::any_of(all, [&](const address& each) { return same_place(each, where); });
  }

  std::vector<listener_pointer> listeners_;
  bool closed_ = false;
};

}  // namespace rathole::server_side
