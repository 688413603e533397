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

/// Connections that may be unauthenticated at once.
inline constexpr std::size_t default_max_handshakes = 1024;
/// The same from one source.
inline constexpr std::size_t default_max_handshakes_per_source = 64;

/// The bounds of an `admission`; 0 counts as 1.
struct admission_limits {
  admission_limits() = default;

  std::size_t total = default_max_handshakes;
  std::size_t per_source = default_max_handshakes_per_source;
};

/// Decides which connections may stay while they have not authenticated; pure bookkeeping. A source
/// is whatever text its owner counts connections by, see `source_network`.
///
/// A newcomer is always let in. If its source then has more than `per_source`, the oldest of that
/// source is dropped; else if there are more than `total`, the oldest of the source with the highest
/// load. The load is the number of connections; between equals, the oldest connection goes. So who
/// floods displaces himself, and who floods from many sources has to send `total` connections in the
/// time that an honest peer needs for its handshake.
///
/// A source that holds authenticated connections is exempt from `per_source`: its data channels come
/// in bursts, and behind one address may be many clients. In its load, `per_source` connections are
/// not counted (but it is at least 1), so that a flood from elsewhere does not displace them; a flood
/// from that very source still finds itself with the highest load.
///
/// Every operation takes logarithmic time. What is kept is bounded by `total` and by the number of
/// exempt sources. Where memory runs out in `admit` or `exempt` nothing changes; nothing else needs
/// memory, so that whoever is in can always leave.
class admission {
 public:
  /// Names one connection; never used again. Later ones are higher.
  using ticket = std::uint64_t;

  struct verdict {
    ticket admitted;
    /// The connection that is to be closed at once; it is forgotten already.
    std::optional<ticket> evicted;
  };

  explicit admission(admission_limits limits = {})
      : total_(std::max<std::size_t>(limits.total, 1)),
        per_source_(std::max<std::size_t>(limits.per_source, 1)) {}

  /// New bounds from now on. Who is in stays: where there are too many, each newcomer still displaces
  /// one, so that they do not become more.
  void set_limits(admission_limits limits) {
    // The loads depend on the bounds.
    for (auto& [from, each] : sources_) unrank(each);
    total_ = std::max<std::size_t>(limits.total, 1);
    per_source_ = std::max<std::size_t>(limits.per_source, 1);
    for (auto& [from, each] : sources_) rank(each);
  }

  /// A connection from `from` was accepted.
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

  /// A connection has authenticated, or is gone; false if it was released or evicted before.
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

  /// `from` holds one more authenticated connection.
  void exempt(const std::string& from) {
    source& exempted = sources_.try_emplace(from).first->second;
    unrank(exempted);
    ++exempted.exemptions;
    rank(exempted);
  }

  /// `from` holds one less; for each call there was one of `exempt`.
  void unexempt(const std::string& from) {
    const auto at = sources_.find(from);
    assert(at != sources_.end() && at->second.exemptions > 0);
    unrank(at->second);
    --at->second.exemptions;
    rank(at->second);
    forget_if_empty(at);
  }

  /// Unauthenticated connections.
  [[nodiscard]] std::size_t size() const { return owners_.size(); }
  /// Sources that are kept in mind.
  [[nodiscard]] std::size_t sources() const { return sources_.size(); }

 private:
  struct source;

  /// The place in the order of eviction.
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
    /// Its element of `by_load_` while that has none: a source that had a connection once has one of
    /// them, so that moving needs no memory.
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

  /// Before anything changes that `turn_of` depends on.
  void unrank(source& of) {
    if (!of.tickets.empty()) of.place = by_load_.extract(turn_of(of));
  }

  /// After it changed.
  void rank(source& of) {
    if (of.tickets.empty()) return;
    of.place.key() = turn_of(of);
    by_load_.insert(std::move(of.place));
  }

  /// Forgets a source without meaning.
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
