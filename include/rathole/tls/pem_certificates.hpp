#pragma once

#include <rathole/core/base64.hpp>

#include <algorithm>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::tls {

/// Returns all certificates in a PEM text (RFC 7468), in DER and in their order. Text outside the
/// boundaries and blocks with other labels are skipped. Fails with a text for users if a block is
/// malformed, or if there is none. The content of the blocks is not checked.
inline std::expected<std::vector<std::vector<std::uint8_t>>, std::string> read_pem_certificates(
    std::string_view text) {
  constexpr std::string_view begin = "-----BEGIN CERTIFICATE-----";
  constexpr std::string_view end = "-----END CERTIFICATE-----";
  std::vector<std::vector<std::uint8_t>> out;
  for (auto at = text.find(begin); at != std::string_view::npos; at = text.find(begin)) {
    text.remove_prefix(at + begin.size());
    const auto last = text.find(end);
    const std::string which = "certificate " + std::to_string(out.size() + 1);
    if (last == std::string_view::npos) return std::unexpected(which + " has no end");
    std::string digits(text.substr(0, last));
    std::erase_if(digits, [](char c) { return c == '\n' || c == '\r' || c == ' ' || c == '\t'; });
    auto der = from_base64(digits);
    if (!der || der->empty()) return std::unexpected(which + " is not base64");
    out.push_back(std::move(*der));
    text.remove_prefix(last + end.size());
  }
  if (out.empty()) return std::unexpected("there is no certificate in it");
  return out;
}

}  // namespace rathole::tls
