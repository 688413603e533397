#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rathole::protocol {

namespace detail {

/// The eight groups of an IPv6 literal (RFC 4291 section 2.2), without zone; nothing if it is none.
class ipv6_reader {
 public:
  using groups = std::array<std::uint16_t, 8>;

  static std::optional<groups> read(std::string_view text) {
    const auto gap = text.find("::");
    ipv6_reader head;
    ipv6_reader tail;
    if (gap == std::string_view::npos) {
      if (!head.take(text) || head.count_ != 8) return std::nullopt;
      return head.groups_;
    }
    if (!head.take(text.substr(0, gap)) || !tail.take(text.substr(gap + 2))) return std::nullopt;
    if (head.count_ + tail.count_ > 7) return std::nullopt;
    groups out = head.groups_;
    for (std::size_t i = 0; i < tail.count_; ++i) out[8 - tail.count_ + i] = tail.groups_[i];
    return out;
  }

 private:
  bool take(std::string_view text) {
    while (!text.empty()) {
      const auto colon = text.find(':');
      const std::string_view part = text.substr(0, colon);
      const bool is_last = colon == std::string_view::npos;
      if (is_last && part.contains('.')) return take_dotted(part);
      if (!take_number(part, 16, 0xffff)) return false;
      if (is_last) return true;
      text.remove_prefix(colon + 1);
      if (text.empty()) return false;
    }
    return true;
  }

  /// The last 32 bits in the notation of IPv4.
  bool take_dotted(std::string_view text) {
    ipv6_reader octets;
    for (int i = 0; i < 4; ++i) {
      const auto dot = text.find('.');
      if ((dot == std::string_view::npos) != (i == 3)) return false;
      if (!octets.take_number(text.substr(0, dot), 10, 0xff)) return false;
      if (i < 3) text.remove_prefix(dot + 1);
    }
    if (count_ > 6) return false;
    const auto& o = octets.groups_;
    groups_[count_++] = static_cast<std::uint16_t>(o[0] << 8 | o[1]);
    groups_[count_++] = static_cast<std::uint16_t>(o[2] << 8 | o[3]);
    return true;
  }

  bool take_number(std::string_view digits, int base, std::uint16_t most) {
    std::uint16_t value = 0;
    const auto [end, ec] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (ec != std::errc{} || end != digits.data() + digits.size()) return false;
    if (value > most || count_ == groups_.size()) return false;
    groups_[count_++] = value;
    return true;
  }

  groups groups_{};
  std::size_t count_ = 0;
};

}  // namespace detail

/// The network that counts as one source of connections, from the host of a peer's address: an IPv4
/// address itself, the /64 of an IPv6 address (what one subscriber is given, RFC 6177), and the IPv4
/// address that an IPv4-mapped one stands for (RFC 4291 section 2.5.5.2). What is no IP literal
/// stands for itself.
inline std::string source_network(std::string_view host) {
  const auto groups = detail::ipv6_reader::read(host.substr(0, host.find('%')));
  if (!groups) return std::string(host);
  const auto& g = *groups;
  const auto text = [](unsigned value, int base) {
    std::array<char, 8> digits;
    const auto written = std::to_chars(digits.begin(), digits.end(), value, base);
    return std::string(digits.begin(), written.ptr);
  };
  const bool is_mapped = (g[0] | g[1] | g[2] | g[3] | g[4]) == 0 && g[5] == 0xffff;
  if (is_mapped) {
    return text(g[6] >> 8, 10) + '.' + text(g[6] & 0xff, 10) + '.' + text(g[7] >> 8, 10) + '.' +
           text(g[7] & 0xff, 10);
  }
  return text(g[0], 16) + ':' + text(g[1], 16) + ':' + text(g[2], 16) + ':' + text(g[3], 16) +
         "::/64";
}

}  // namespace rathole::protocol
