#pragma once

#include <rathole/noise/pattern.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::noise {

/// A cipher of Noise (sections 12.3 and 12.4).
enum class cipher {
  /// ChaCha20-Poly1305 (RFC 8439).
  chacha_poly,
  /// AES-256-GCM (NIST SP 800-38D).
  aes_gcm
};
/// A hash function of Noise (sections 12.5 to 12.8).
enum class hash {
  /// SHA-256 (FIPS 180-4).
  sha256,
  /// SHA-512 (FIPS 180-4).
  sha512,
  /// BLAKE2s with a digest of 32 bytes (RFC 7693).
  blake2s,
  /// BLAKE2b with a digest of 64 bytes (RFC 7693).
  blake2b
};

/// A parsed protocol name (Noise section 8), such as `Noise_NK_25519_ChaChaPoly_BLAKE2s`. The
/// Diffie-Hellman function is always 25519.
struct protocol_name {
  /// The whole name, which both parties hash.
  std::string text = {};
  /// The pattern, with its modifiers applied.
  handshake_pattern pattern = {};
  /// The cipher.
  noise::cipher cipher = noise::cipher::chacha_poly;
  /// The hash function.
  noise::hash hash = noise::hash::blake2s;
};

namespace detail {

/// Parses a pattern with its modifiers, such as `XXpsk0+psk3`. Fails with a text for users.
inline std::expected<handshake_pattern, std::string> parse_pattern(std::string_view text) {
  const auto base = text.substr(0, text.find_first_of("abcdefghijklmnopqrstuvwxyz"));
  if (base == "N" || base == "K" || base == "X") {
    return std::unexpected("pattern " + std::string(base) +
                           " is one-way: the server could not answer");
  }
  auto found = find_pattern(base);
  if (!found) {
    return std::unexpected("unknown handshake pattern: use one such as NK, KK, XX or IK");
  }
  std::string problem;
  const auto modify = [&](std::string_view modifier) {
    std::size_t position = 0;
    const std::string_view digits = modifier.substr(std::min<std::size_t>(modifier.size(), 3));
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), position);
    const bool is_number = ec == std::errc{} && end == digits.data() + digits.size();
    if (!modifier.starts_with("psk") || !is_number) {
      problem = "unknown modifier of the pattern: only psk0, psk1 and so on are known";
    } else if (!add_psk(*found, position)) {
      problem = "the pattern has no such place for a psk";
    }
  };
  if (base.size() < text.size()) split(text.substr(base.size()), '+', modify);
  if (!problem.empty()) return std::unexpected(std::move(problem));
  return std::move(*found);
}

}  // namespace detail

/// Parses a protocol name. Fails with a text for users.
inline std::expected<protocol_name, std::string> parse_protocol_name(std::string_view text) {
  std::vector<std::string_view> parts;
  detail::split(text, '_', [&parts](std::string_view part) { parts.push_back(part); });
  if (parts.size() != 5 || parts[0] != "Noise") {
    return std::unexpected(
        "not a Noise protocol name: write it like `Noise_NK_25519_ChaChaPoly_BLAKE2s`");
  }
  protocol_name out;
  out.text = text;
  auto pattern = detail::parse_pattern(parts[1]);
  if (!pattern) return std::unexpected(std::move(pattern.error()));
  out.pattern = std::move(*pattern);
  if (parts[2] == "448") return std::unexpected("448 is not supported: use 25519");
  if (parts[2] != "25519") return std::unexpected("unknown Diffie-Hellman function: use 25519");

  if (parts[3] == "AESGCM") {
    out.cipher = cipher::aes_gcm;
  } else if (parts[3] != "ChaChaPoly") {
    return std::unexpected("unknown cipher: use ChaChaPoly or AESGCM");
  }
  if (parts[4] == "SHA256") {
    out.hash = hash::sha256;
  } else if (parts[4] == "SHA512") {
    out.hash = hash::sha512;
  } else if (parts[4] == "BLAKE2b") {
    out.hash = hash::blake2b;
  } else if (parts[4] != "BLAKE2s") {
    return std::unexpected("unknown hash function: use SHA256, SHA512, BLAKE2s or BLAKE2b");
  }
  return out;
}

}  // namespace rathole::noise
