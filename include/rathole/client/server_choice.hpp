#pragma once

#include <rathole/config/limits.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/address_list.hpp>
#include <rathole/core/time.hpp>

#include <algorithm>
#include <bitset>
#include <cassert>
#include <chrono>
#include <cstddef>
#include <utility>

namespace rathole::client_side {

/// How long a server that works holds a service at least.
inline constexpr std::chrono::seconds settled_after{10};
/// How many control channels in a row may end earlier than that, until their server counts as failed.
inline constexpr unsigned max_unsettled = 2;

/// Decides on which of several servers the services of a client are held, so that all are on the same
/// one. It does no input or output, reads no clock, and allocates no memory except in `use`.
///
/// Attempts to open a control channel go to `current()`. It changes only while no service is held:
/// to the next server that was not tried since a service was last held, in the order of the list, or
/// after all were tried to the first again. A client stays on a server until that fails, also if an
/// earlier one of the list is back.
class server_choice {
 public:
  /// Records that a service is held on the current server while it exists. The choice must outlive it.
  class hold {
   public:
    /// Begins to hold a service.
    explicit hold(server_choice& of) : of_(of) { ++of_.held_; }
    hold(const hold&) = delete;
    hold& operator=(const hold&) = delete;
    /// Ends it.
    ~hold() {
      assert(of_.held_ > 0);
      --of_.held_;
    }

   private:
    server_choice& of_;
  };

  /// Makes a choice among `servers`, 1 to `config::limits::servers` different ones.
  explicit server_choice(address_list servers) { use(std::move(servers)); }
  server_choice(const server_choice&) = delete;
  server_choice& operator=(const server_choice&) = delete;

  /// Returns the servers.
  [[nodiscard]] const address_list& servers() const { return servers_; }
  /// Returns the server to which attempts go.
  [[nodiscard]] const address& current() const { return servers_[current_]; }
  /// Returns whether a service is held on the current server.
  [[nodiscard]] bool is_holding() const { return held_ > 0; }

  /// Chooses among `servers` from now on. The current server stays if it is one of them; otherwise
  /// the first becomes the current one, and the caller must end the holds.
  void use(address_list servers) {
    assert(!servers.empty() && servers.size() <= config::limits::servers);
    const std::size_t kept = servers_.empty() ? servers.size() : index_of(servers, current());
    servers_ = std::move(servers);
    current_ = kept < servers_.size() ? kept : 0;
    unsettled_ = 0;
    tried_.reset();
  }

  /// Records that `server` is about to accept a service. Returns whether the service may be held
  /// there, with a `hold`: it is the current server, or becomes that one because no service is held.
  bool accepted(const address& server) {
    if (server != current()) {
      const std::size_t at = index_of(servers_, server);
      if (is_holding() || at == servers_.size()) return false;
      current_ = at;
      unsettled_ = 0;
    }
    tried_.reset();
    return true;
  }

  /// Records that a control channel to `server`, which had accepted a service, broke `lasted` after the attempt
  /// began. A restart of the server moves no service, but one that breaks what it has just accepted has failed.
  void broke(const address& server, duration lasted) {
    if (server != current()) return;
    unsettled_ = lasted < settled_after ? unsettled_ + 1 : 0;
    if (unsettled_ >= max_unsettled) failed(server);
  }

  /// Records that an attempt at `server` failed before a service was accepted.
  void failed(const address& server) {
    if (is_holding() || server != current()) return;
    unsettled_ = 0;
    tried_.set(current_);
    std::size_t next = 0;
    while (next < servers_.size() && tried_.test(next)) ++next;
    if (next == servers_.size()) {
      tried_.reset();
      next = 0;
    }
    current_ = next;
  }

 private:
  static std::size_t index_of(const address_list& in, const address& server) {
    return static_cast<std::size_t>(std::ranges::find(in, server) - in.begin());
  }

  address_list servers_;
  std::size_t current_ = 0;
  /// The number of services that are held on the current server.
  std::size_t held_ = 0;
  /// The control channels in a row that the current server accepted and that ended early.
  unsigned unsettled_ = 0;
  /// The servers that failed since a service was last held.
  std::bitset<config::limits::servers> tried_;
};

}  // namespace rathole::client_side
