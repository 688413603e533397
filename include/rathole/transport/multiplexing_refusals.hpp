#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/time.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <vector>

namespace rathole::transport {

/// The time for which a client does not ask a server again that did not multiplex. Each further
/// refusal doubles it.
inline constexpr duration first_refusal_pause = std::chrono::minutes(10);

/// The longest such time.
inline constexpr duration max_refusal_pause = std::chrono::hours(24);

/// The most addresses of servers that are remembered because they did not multiplex; one more
/// replaces the one that would be asked again first.
inline constexpr std::size_t max_remembered_refusals = 64;

/// Remembers which servers do not multiplex, and when each of them is asked again: after
/// `first_refusal_pause`, and after twice the time at each further refusal, at most
/// `max_refusal_pause`. Pure bookkeeping: time is an argument.
class multiplexing_refusals {
 public:
  /// Returns whether the server at `server` is to be asked for multiplexing.
  [[nodiscard]] bool may_ask(const address& server, time_point now) const {
    const auto found = std::ranges::find(refused_, server, &entry::server);
    return found == refused_.end() || now >= found->until;
  }

  /// What follows from a refusal.
  struct verdict {
    /// Whether it is the first one of that server, so that it is to be reported.
    bool is_first;
    /// The time for which the server is not asked again.
    duration pause;

    /// Compares all members.
    bool operator==(const verdict&) const = default;
  };

  /// Records that the server at `server` did not multiplex.
  verdict refused(const address& server, time_point now) {
    auto found = std::ranges::find(refused_, server, &entry::server);
    const bool is_first = found == refused_.end();
    if (is_first && refused_.size() < max_remembered_refusals) {
      found = refused_.insert(refused_.end(), {server, first_refusal_pause, now});
    } else if (is_first) {
      found = std::ranges::min_element(refused_, {}, &entry::until);
      *found = {server, first_refusal_pause, now};
    } else {
      found->pause = std::min(2 * found->pause, max_refusal_pause);
    }
    found->until = now + found->pause;
    return {is_first, found->pause};
  }

  /// Records that the server at `server` multiplexes.
  void accepted(const address& server) {
    std::erase_if(refused_, [&](const entry& each) { return each.server == server; });
  }

  /// Forgets all refusals, because the settings have changed.
  void clear() { refused_.clear(); }

  /// Returns how many servers are remembered.
  [[nodiscard]] std::size_t size() const { return refused_.size(); }

 private:
  struct entry {
    address server;
    duration pause;
    time_point until;
  };

  std::vector<entry> refused_;
};

}  // namespace rathole::transport
