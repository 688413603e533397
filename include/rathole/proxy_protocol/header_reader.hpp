#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/endian.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/ip_endpoint.hpp>
#include <rathole/core/ip_literal.hpp>
#include <rathole/core/result.hpp>
#include <rathole/proxy_protocol/header.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>

namespace rathole::proxy_protocol {

/// The largest header that is accepted, in bytes. One of version 2 may have 64 KiB of extensions, but
/// section 2.2 expects less than this.
inline constexpr std::size_t max_header_size = 4096;

/// Reads a header of either version from the front of a stream, and not a byte more, so that what follows
/// is left to whom it is for. The extensions of version 2 (TLVs) are skipped.
class header_reader {
 public:
  /// Returns how many bytes must be read next at most; at least 1 until the header is complete.
  [[nodiscard]] std::size_t wanted() const {
    if (is_complete_) return 0;
    if (size_ < shortest) return shortest - size_;
    if (is_v1()) return kept_[size_ - 1] == '\r' ? 1 : 2;
    return size_ < v2_fixed_size ? v2_fixed_size - size_ : v2_size() - size_;
  }

  /// Takes the next bytes of the stream, at most `wanted()`. Fails with `errc::malformed_proxy_header` if
  /// they are not those of a header, and with `errc::message_too_long` if it is longer than
  /// `max_header_size`; the stream must not be used further then.
  result<void> receive(byte_view in) {
    const std::size_t room = kept_.size() - std::min(size_, kept_.size());
    std::ranges::copy(in.first(std::min(in.size(), room)),
                      kept_.begin() + static_cast<std::ptrdiff_t>(std::min(size_, kept_.size())));
    size_ += in.size();
    return is_v1() ? receive_v1() : receive_v2();
  }

  /// Returns whether the header is complete.
  [[nodiscard]] bool is_complete() const { return is_complete_; }

  /// Returns the addresses of a complete header; nothing if it names none, as those of health checks do.
  [[nodiscard]] const std::optional<endpoints>& ends() const { return ends_; }

 private:
  /// The shortest header: `PROXY UNKNOWN` and CRLF.
  static constexpr std::size_t shortest = 15;

  static result<void> malformed() { return failure(errc::malformed_proxy_header); }

  [[nodiscard]] byte_view kept() const {
    return byte_view(kept_).first(std::min(size_, kept_.size()));
  }
  [[nodiscard]] std::string_view text() const {
    return {reinterpret_cast<const char*>(kept_.data()), std::min(size_, kept_.size())};
  }
  [[nodiscard]] bool is_v1() const { return kept_[0] == 'P'; }

  /// Returns the size of the header of version 2 whose fixed part is there.
  [[nodiscard]] std::size_t v2_size() const {
    return v2_fixed_size + load_be<std::uint16_t>(std::span<const std::uint8_t, 2>(&kept_[14], 2));
  }

  result<void> receive_v1() {
    const std::string_view all = text();
    const std::size_t compared = std::min(all.size(), v1_signature.size());
    if (all.substr(0, compared) != v1_signature.substr(0, compared)) return malformed();
    if (all.ends_with("\r\n")) return parse_v1(all.substr(0, all.size() - 2));
    if (size_ + wanted() > v1_max_size || all.contains('\n')) return malformed();
    // A line ends with both.
    const auto end = all.find('\r');
    return end != all.npos && end + 1 != all.size() ? malformed() : result<void>();
  }

  /// Parses `PROXY TCP4 <source> <destination> <source's port> <destination's port>`, or the same with
  /// TCP6, or `PROXY UNKNOWN` with anything behind it.
  result<void> parse_v1(std::string_view line) {
    if (line.contains('\r') || line.contains('\n')) return malformed();
    line.remove_prefix(v1_signature.size());
    is_complete_ = true;
    if (line == "UNKNOWN" || line.starts_with("UNKNOWN ")) return {};
    const bool is_v6 = line.starts_with("TCP6 ");
    if (!is_v6 && !line.starts_with("TCP4 ")) return malformed();
    std::array<std::string_view, 4> fields;
    line.remove_prefix(5);
    if (std::ranges::count(line, ' ') != 3) return malformed();
    for (std::string_view& each : fields) each = rathole::detail::split_off(line, ' ');
    const auto source = parse_endpoint(fields[0], fields[2], is_v6);
    const auto destination = parse_endpoint(fields[1], fields[3], is_v6);
    if (!source || !destination) return malformed();
    ends_ = {*source, *destination};
    return {};
  }

  static std::optional<ip_endpoint> parse_endpoint(std::string_view host, std::string_view port,
                                                   bool is_v6) {
    const auto number = rathole::detail::parse_digits(port, 10, 5);
    const bool has_zeros = port.size() > 1 && port.front() == '0';
    if (!number || *number > 0xffff || has_zeros) return std::nullopt;
    const auto at = static_cast<std::uint16_t>(*number);
    if (is_v6) {
      const auto ip = parse_ipv6(host);
      return ip ? std::optional(to_ip_endpoint(*ip, at)) : std::nullopt;
    }
    const auto ip = parse_ipv4(host);
    if (!ip) return std::nullopt;
    ip_endpoint out;
    out.port = at;
    std::ranges::copy(*ip, out.ip.begin());
    return out;
  }

  result<void> receive_v2() {
    const byte_view all = kept();
    const std::size_t compared = std::min(all.size(), v2_signature.size());
    if (!std::ranges::equal(all.first(compared), byte_view(v2_signature).first(compared))) {
      return malformed();
    }
    if (size_ < v2_fixed_size) return {};
    if (all[12] != detail::v2_local && all[12] != detail::v2_proxy) return malformed();
    if (v2_size() > max_header_size) return failure(errc::message_too_long);
    if (size_ < v2_size()) return {};
    is_complete_ = true;
    if (all[12] == detail::v2_local) return {};
    return parse_v2();
  }

  /// Takes the addresses of a connection over TCP. Other kinds, such as those of Unix-domain sockets, count
  /// as none (section 2.2).
  result<void> parse_v2() {
    const std::uint8_t family = kept_[13];
    const bool is_v6 = family == (detail::v2_ipv6 | detail::v2_stream);
    if (!is_v6 && family != (detail::v2_ipv4 | detail::v2_stream)) return {};
    const std::size_t ip_size = is_v6 ? 16 : 4;
    const std::size_t needed = is_v6 ? detail::v2_ipv6_size : detail::v2_ipv4_size;
    const byte_view addresses = byte_view(kept_).subspan(v2_fixed_size);
    if (v2_size() - v2_fixed_size < needed) return malformed();
    const auto take = [&](std::size_t which) {
      const byte_view ip = addresses.subspan(which * ip_size, ip_size);
      const byte_view port = addresses.subspan(2 * ip_size + which * 2, 2);
      const auto number = load_be<std::uint16_t>(std::span<const std::uint8_t, 2>(port.data(), 2));
      ipv6_bytes bytes{};
      std::ranges::copy(ip, bytes.begin());
      return is_v6 ? to_ip_endpoint(bytes, number) : ip_endpoint{bytes, number, false};
    };
    ends_ = {take(0), take(1)};
    return {};
  }

  /// The front of the header: all of one of version 1, fixed part and addresses of version 2.
  std::array<std::uint8_t, v1_max_size> kept_{};
  std::size_t size_ = 0;
  bool is_complete_ = false;
  std::optional<endpoints> ends_;
};

}  // namespace rathole::proxy_protocol
