#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

namespace rathole::protocol {

/// The default limit on unauthenticated connections at the same time.
inline constexpr std::size_t default_max_handshakes = 1024;
/// The default limit on unauthenticated connections of one source at the same time.
inline constexpr std::size_t default_max_handshakes_per_source = 64;

/// The limits on the unauthenticated connections that an `admission` allows at the same time; 0
/// counts as one.
struct admission_limits {
  /// Makes the default limits.
  admission_limits() = default;

  /// The most unauthenticated connections.
  std::size_t total = default_max_handshakes;
  /// The most unauthenticated connections of one source.
  std::size_t per_source = default_max_handshakes_per_source;
};

/// Decides which connections may stay while they are unauthenticated. A source is the text by which
/// the owner groups connections; see `source_network`.
///
/// A new connection is always admitted. If its source then has more than `per_source`, the oldest
/// connection of that source is evicted. Otherwise, if there are more than `total`, the oldest
/// connection of the source with the highest load is evicted. The load is the number of
/// connections; if loads are equal, the oldest connection goes. A flood from one source therefore
/// evicts its own connections, and a flood from many sources must open `total` connections within
/// the time that an honest peer needs for its handshake.
///
/// A source that holds authenticated connections is exempt from `per_source`, because its data
/// channels arrive in bursts and many clients may share one address. Its load is reduced by
/// `per_source`, but not below 1, so that a flood from elsewhere does not evict its connections. A
/// flood from the exempt source itself still has the highest load.
///
/// Pure bookkeeping. Every operation takes logarithmic time. The memory is bounded by `total` and
/// by the number of exempt sources. If memory runs out in `admit` or `exempt`, nothing changes; the
/// other operations need none, so a connection can always be removed.
class admission {
 public:
  /// The number of one connection. Numbers increase and are never reused.
  using ticket = std::uint64_t;

  /// The decision about a new connection.
  struct verdict {
    /// The ticket of the new connection.
    ticket admitted;
    /// The connection that the owner must close at once, if any; it is no longer counted.
    std::optional<ticket> evicted;
  };

  /// Makes an `admission` without connections.
  explicit admission(admission_limits limits = {})
      : total_(std::max<std::size_t>(limits.total, 1)),
        per_source_(std::max<std::size_t>(limits.per_source, 1)) {}

  /// Changes the limits. Connections that exceed the new limits stay: each new connection evicts
  /// one, so their number does not grow.
  void set_limits(admission_limits limits) {
    // The loads depend on the limits.
    for (auto& [from, each] : sources_) unrank(each);
    total_ = std::max<std::size_t>(limits.total, 1);
    per_source_ = std::max<std::size_t>(limits.per_source, 1);
    for (auto& [from, each] : sources_) rank(each);
  }

  /// Records that a connection from the source `from` was accepted; returns its ticket and the
  /// connection to close, if any.
  verdict admit(const std::string& from) {
    const ticket newcomer = next_ticket_++;
    const auto at = sources_.try_emplace(from).first;
    std::set<ticket> added;
    try {
      give_place(at->second);
      added.insert(newcomer);
      owners_.emplace(newcomer, at);
    } catch (...) {
      forget_if_empty(at);
      throw;
    }
    unrank(at->second);
    at->second.tickets.merge(added);
    rank(at->second);
    verdict out{newcomer, std::nullopt};
    const bool is_over = at->second.exemptions == 0 && at->second.tickets.size() > per_source_;
    if (is_over || owners_.size() > total_) {
      const source& from_whom = is_over ? at->second : *by_load_.begin()->second;
      out.evicted = *from_whom.tickets.begin();
      release(*out.evicted);
    }
    assert(out.evicted != newcomer);
    return out;
  }

  /// Returns the ticket of something that is not counted, for an owner that also sees to other
  /// deadlines.
  ticket uncounted() { return next_ticket_++; }

  /// Stops counting a connection, because it has authenticated or has closed. Returns false if it
  /// was released or evicted before.
  bool release(ticket gone) {
    const auto found = owners_.find(gone);
    if (found == owners_.end()) return false;
    const auto at = found->second;
    owners_.erase(found);
    unrank(at->second);
    at->second.tickets.erase(gone);
    rank(at->second);
    forget_if_empty(at);
    return true;
  }

  /// Records that the source `from` holds one more authenticated connection.
  void exempt(const std::string& from) {
    source& exempted = sources_.try_emplace(from).first->second;
    unrank(exempted);
    ++exempted.exemptions;
    rank(exempted);
  }

  /// Records that the source `from` holds one authenticated connection less. Each call must match
  /// one of `exempt`.
  void unexempt(const std::string& from) {
    const auto at = sources_.find(from);
    assert(at != sources_.end() && at->second.exemptions > 0);
    unrank(at->second);
    --at->second.exemptions;
    rank(at->second);
    forget_if_empty(at);
  }

  /// Returns the number of unauthenticated connections.
  [[nodiscard]] std::size_t size() const { return owners_.size(); }
  /// Returns the number of sources that are kept: those with unauthenticated connections or
  /// exemptions.
  [[nodiscard]] std::size_t sources() const { return sources_.size(); }

 private:
  struct source;

  /// Orders the sources for eviction: the highest load first, then the oldest connection.
  struct turn {
    std::size_t load;
    ticket oldest;
    bool operator<(const turn& other) const {
      return load != other.load ? load > other.load : oldest < other.oldest;
    }
  };
  using load_map = std::map<turn, source*>;

  struct source {
    std::set<ticket> tickets;
    std::size_t exemptions = 0;
    /// The node for `by_load_` while it is not there. A source that had a connection keeps its
    /// node, so that ranking it again needs no memory.
    load_map::node_type place;
    bool has_place = false;
  };
  using source_map = std::map<std::string, source>;

  [[nodiscard]] turn turn_of(const source& of) const {
    const std::size_t forgiven = of.exemptions > 0 ? per_source_ : 0;
    const std::size_t count = of.tickets.size();
    return {count > forgiven ? count - forgiven : 1, *of.tickets.begin()};
  }

  static void give_place(source& of) {
    if (of.has_place) return;
    load_map made;
    made.emplace(turn{0, 0}, &of);
    of.place = made.extract(made.begin());
    of.has_place = true;
  }

  /// Removes a source from the eviction order; called before anything changes that `turn_of`
  /// depends on.
  void unrank(source& of) {
    if (!of.tickets.empty()) of.place = by_load_.extract(turn_of(of));
  }

  /// Puts a source back into the eviction order after the change.
  void rank(source& of) {
    if (of.tickets.empty()) return;
    of.place.key() = turn_of(of);
    by_load_.insert(std::move(of.place));
  }

  /// Forgets a source that has neither connections nor exemptions.
  void forget_if_empty(source_map::iterator at) {
    if (at->second.tickets.empty() && at->second.exemptions == 0) sources_.erase(at);
  }

  std::size_t total_;
  std::size_t per_source_;
  ticket next_ticket_ = 0;
  source_map sources_;
  std::map<ticket, source_map::iterator> owners_;
  load_map by_load_;
};

}  // namespace rathole::protocol
