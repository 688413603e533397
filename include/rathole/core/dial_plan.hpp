#pragma once

#include <rathole/core/time.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <vector>

namespace rathole {

/// Returns the addresses of one name in the order in which to dial them (RFC 8305 section 4): the
/// two families alternate, and each keeps its own order. IPv6 goes first if `prefer_ipv6`,
/// otherwise the family of the first address in `found`. `is_v6` is a predicate on an address.
template <class Address, class IsV6>
std::vector<Address> in_dial_order(std::vector<Address> found, bool prefer_ipv6, IsV6 is_v6) {
  if (found.size() < 2) return found;
  const bool begins = prefer_ipv6 || is_v6(found.front());
  std::vector<Address> out;
  out.reserve(found.size());
  const auto take = [&](auto& from, bool family) {
    from = std::find_if(from, found.cend(),
                        [&](const Address& each) { return is_v6(each) == family; });
    if (from != found.cend()) out.push_back(*from++);
  };
  auto one = found.cbegin();
  auto other = found.cbegin();
  while (out.size() < found.size()) {
    take(one, begins);
    take(other, !begins);
  }
  return out;
}

/// Decides when to dial the addresses of one name. The first is dialled at once. Each of the others
/// follows after `attempt_delay`, or as soon as an attempt has failed (RFC 8305 section 5). When
/// all have been started and none has succeeded, they are started again in turn, one each
/// `redial_delay`: TCP repeats a lost SYN only after 1, 3, 7, ... seconds, and a network that
/// recovers should be used sooner.
///
/// Pure decisions: the caller opens the attempts and passes the time.
class dial_plan {
 public:
  /// The time between one address and the next (RFC 8305 section 8, "Connection Attempt Delay").
  static constexpr duration attempt_delay = std::chrono::milliseconds(250);
  /// The time between two attempts once all addresses have been started.
  static constexpr duration redial_delay = std::chrono::seconds(1);
  /// The largest number of attempts open at the same time.
  static constexpr std::size_t max_open = 8;

  /// Makes a plan for a number of `addresses`, of which the first is due at `now`.
  dial_plan(std::size_t addresses, time_point now) : addresses_(addresses), due_(now) {}

  /// Returns the index of the address to start an attempt for at `now`, or nothing if none is due.
  /// If `max_open` attempts are open already, the caller must close the oldest.
  std::optional<std::size_t> next(time_point now) {
    if (is_over() || now < due_) return std::nullopt;
    const std::size_t place = begun_++ % addresses_;
    open_ = std::min(open_ + 1, max_open);
    due_ = now + (is_first_round() ? attempt_delay : redial_delay);
    return place;
  }

  /// Records that one of the open attempts has failed.
  void failed() {
    --open_;
    if (is_first_round()) due_ = time_point::min();
  }

  /// Returns whether no attempt is open and no address remains to be started for the first time.
  [[nodiscard]] bool is_over() const { return open_ == 0 && !is_first_round(); }

  /// Returns when the next attempt is due; a failure before then may make it due earlier.
  [[nodiscard]] time_point due() const { return due_; }

 private:
  [[nodiscard]] bool is_first_round() const { return begun_ < addresses_; }

  std::size_t addresses_;
  time_point due_;
  std::size_t begun_ = 0;
  std::size_t open_ = 0;
};

}  // namespace rathole
