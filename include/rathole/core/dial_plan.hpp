#pragma once

#include <rathole/core/time.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <vector>

namespace rathole {

/// The addresses of one name in the order in which they are dialled (RFC 8305 section 4): the
/// families take turns, each in its own order. IPv6 begins if `prefer_ipv6`, else the family of the
/// first address found. `is_v6` tells the family of an address.
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

/// When the addresses of one name are dialled, the first of them at once: each a while after the
/// one before, or as soon as one has failed (RFC 8305 section 5). Once all were begun they are begun
/// anew in turn as long as an attempt is silent: TCP repeats a lost SYN after 1, 3, 7, ... seconds,
/// and a network that comes back is to be used sooner.
class dial_plan {
 public:
  /// Between one address and the next (RFC 8305 section 8, "Connection Attempt Delay").
  static constexpr duration stagger = std::chrono::milliseconds(250);
  /// Between one attempt and the next once all addresses were begun.
  static constexpr duration renewal = std::chrono::seconds(1);
  /// Attempts that are open at the same time.
  static constexpr std::size_t most_open = 8;

  /// Of `addresses` addresses, from `now` on.
  dial_plan(std::size_t addresses, time_point now) : addresses_(addresses), due_(now) {}

  /// The place of the address for which an attempt is to be opened at `now`; nothing if none is due.
  /// If `most_open` are open, the oldest has to go.
  std::optional<std::size_t> next(time_point now) {
    if (is_over() || now < due_) return std::nullopt;
    const std::size_t place = begun_++ % addresses_;
    open_ = std::min(open_ + 1, most_open);
    due_ = now + (is_first_round() ? stagger : renewal);
    return place;
  }

  /// One of the open attempts has failed.
  void failed() {
    --open_;
    if (is_first_round()) due_ = time_point::min();
  }

  /// Whether nothing is left to be tried or waited for.
  [[nodiscard]] bool is_over() const { return open_ == 0 && !is_first_round(); }

  /// When the next attempt is due, unless one fails before.
  [[nodiscard]] time_point due() const { return due_; }

 private:
  [[nodiscard]] bool is_first_round() const { return begun_ < addresses_; }

  std::size_t addresses_;
  time_point due_;
  std::size_t begun_ = 0;
  std::size_t open_ = 0;
};

}  // namespace rathole
