#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/time.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::transport {

/// The time for which a client does not ask a server again that did not multiplex. Each further
/// refusal doubles it.
inline constexpr duration first_refusal_pause = std::chrono::minutes(10);

/// The first such time for a server that has multiplexed before. It probably multiplexes still, and
/// was only starting when it was asked, so a mistake must cost no more than seconds.
inline constexpr duration first_lapse_pause = std::chrono::seconds(10);

/// The longest such time.
inline constexpr duration max_refusal_pause = std::chrono::hours(24);

/// The time for which a server that has not answered the Hello in time is tried without multiplexing,
/// counted from the first such dial. A server that answers without multiplexing does so in this time.
inline constexpr duration plain_trial_time = std::chrono::seconds(10);

/// The most addresses of servers that are remembered because they did or did not multiplex; one more
/// replaces the one of which nothing was recorded for the longest time.
inline constexpr std::size_t max_remembered_refusals = 64;

/// Remembers which servers do not multiplex, and when each of them is asked again. Pure bookkeeping:
/// time is an argument.
///
/// A proxy whose server is down accepts connections and closes them, too, and a server that hangs
/// does not answer any Hello. So a server that has not answered the Hello is only suspected, until it
/// has authenticated a connection without multiplexing. Then the refusal is believed; but if the server
/// has multiplexed before, it may have started in between, and is asked once more. After a refusal that
/// is believed the server is asked again after a pause: `first_refusal_pause`, or `first_lapse_pause`
/// if it has multiplexed before. Each further refusal doubles the pause, up to `max_refusal_pause`. It
/// is believed at once, because a client that keeps its control channels authenticates nothing then.
class multiplexing_refusals {
 public:
  /// Returns whether the server at `server` is to be asked for multiplexing. Otherwise a connection
  /// without multiplexing is to be dialled.
  [[nodiscard]] bool may_ask(const address& server, time_point now) const {
    const auto found = std::ranges::find(known_, server, &entry::server);
    if (found == known_.end()) return true;
    if (now < found->until) return false;
    // After the time without an answer there is none left to dial again in the same attempt.
    if (found->suspicion != errc::timed_out) return true;
    return found->trial_until && now >= *found->trial_until;
  }

  /// A refusal that is believed, and has not been reported.
  struct report {
    /// The address that was asked.
    address server;
    /// How the server refused.
    std::error_code error;
    /// The time for which the server is not asked again.
    duration pause;

    /// Compares all members.
    bool operator==(const report&) const = default;
  };

  /// Records that the server that was dialled as `server`, and is at `peer`, has not answered the Hello
  /// of multiplexing because of `error`. Returns a report if that is believed and not reported yet.
  std::optional<report> refused(const address& server, const address& peer, std::error_code error,
                                time_point now) {
    remember(peer);
    entry& asked = remember(server);
    asked.peer = peer;
    asked.suspicion = error;
    asked.trial_until.reset();
    const auto has_answered = [](const entry& each) { return each.answers_plain; };
    if (!std::ranges::any_of(entries_of(server, peer), has_answered, deref)) return std::nullopt;
    return believe(entries_of(server, peer), {server, error, {}}, now);
  }

  /// Records that a connection without multiplexing to `server` is being dialled.
  void plain_begun(const address& server, time_point now) {
    const auto found = std::ranges::find(known_, server, &entry::server);
    if (found == known_.end() || found->trial_until) return;
    found->trial_until = now + plain_trial_time;
  }

  /// Records that this dial has led to the server at `peer`.
  void plain_dialled(const address& server, const address& peer) {
    const auto found = std::ranges::find(known_, server, &entry::server);
    if (found != known_.end()) found->peer = peer;
  }

  /// Records that this dial has failed: the server does not accept connections at all, so that it is
  /// not suspected any more.
  void plain_failed(const address& server) {
    const auto found = std::ranges::find(known_, server, &entry::server);
    if (found != known_.end()) found->suspicion.clear();
  }

  /// Records that the server at `peer` has authenticated a connection without multiplexing. Returns a
  /// report if a refusal is believed now that is not reported yet.
  std::optional<report> answered(const address& peer, time_point now) {
    remember(peer);
    const auto same = entries_of(peer, peer);
    for (entry* each : same) each->answers_plain = true;
    const auto is_suspected = [](const entry& each) { return bool(each.suspicion); };
    const auto asked = std::ranges::find_if(same, is_suspected, deref);
    if (asked == same.end()) return std::nullopt;
    if (!has_multiplexed(same)) {
      return believe(same, {(*asked)->server, (*asked)->suspicion, {}}, now);
    }
    for (entry* each : same) each->suspicion.clear();
    return std::nullopt;
  }

  /// Records that the server that was dialled as `server`, and is at `peer`, multiplexes.
  void accepted(const address& server, const address& peer) {
    remember(peer);
    remember(server);
    for (entry* each : entries_of(server, peer)) *each = {each->server, peer, true};
  }

  /// Lets all servers be asked again and their refusals be reported again, because the settings have
  /// changed. What they have answered before still decides what is believed.
  void clear() {
    for (entry& each : known_) {
      each.suspicion.clear();
      each.trial_until.reset();
      each.pause = duration::zero();
      each.until = time_point::min();
    }
  }

  /// Returns how many addresses are remembered.
  [[nodiscard]] std::size_t size() const { return known_.size(); }

 private:
  struct entry {
    /// The address that was dialled.
    address server;
    /// Where the last connection led: the address itself, or one that a name stands for.
    address peer;
    /// Whether the server has multiplexed before.
    bool has_multiplexed = false;
    /// Whether it has authenticated a connection without multiplexing since it multiplexed.
    bool answers_plain = false;
    /// Why the Hello had no answer, if that is not believed yet.
    std::error_code suspicion{};
    /// Until when a suspected server is tried without multiplexing; nothing before the first dial.
    std::optional<time_point> trial_until{};
    /// The last pause; zero if there was none.
    duration pause = duration::zero();
    /// When the server is asked again.
    time_point until = time_point::min();
  };

  static constexpr auto deref = [](entry* each) -> entry& { return *each; };

  /// Returns the entry of `server`, the last one from now on. It is made if there is none.
  entry& remember(const address& server) {
    const auto found = std::ranges::find(known_, server, &entry::server);
    if (found != known_.end()) {
      std::rotate(found, std::next(found), known_.end());
      return known_.back();
    }
    if (known_.size() >= max_remembered_refusals) known_.erase(known_.begin());
    return known_.emplace_back(server, server);
  }

  /// Returns the entries of the server that was dialled as `server`, and is at `peer`.
  std::vector<entry*> entries_of(const address& server, const address& peer) {
    std::vector<entry*> out;
    for (entry& each : known_) {
      if (each.server == server || each.server == peer || each.peer == peer) out.push_back(&each);
    }
    return out;
  }

  static bool has_multiplexed(const std::vector<entry*>& same) {
    return std::ranges::any_of(same, &entry::has_multiplexed, deref);
  }

  /// Begins the pause of the entries of one server, as far as they are in none.
  static std::optional<report> believe(const std::vector<entry*>& same, report what,
                                       time_point now) {
    const auto had_pause = [](const entry& each) { return each.pause != duration::zero(); };
    const bool is_first = std::ranges::none_of(same, had_pause, deref);
    const duration first = has_multiplexed(same) ? first_lapse_pause : first_refusal_pause;
    for (entry* each : same) {
      each->suspicion.clear();
      if (now < each->until) continue;
      each->pause = had_pause(*each) ? std::min(2 * each->pause, max_refusal_pause) : first;
      each->until = now + each->pause;
      what.pause = each->pause;
    }
    return is_first ? std::optional(std::move(what)) : std::nullopt;
  }

  std::vector<entry> known_;
};

}  // namespace rathole::transport
