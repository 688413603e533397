#pragma once

#include <rathole/core/base64.hpp>
#include <rathole/core/bytes.hpp>

#include <algorithm>
#include <string_view>

namespace rathole::config {

/// The kinds of secrets in a configuration.
enum class secret_kind {
  /// The token of a service.
  token,
  /// The password of a proxy or of a PKCS #12 file.
  password,
  /// A key of a Noise key pair, private or public, in base64.
  noise_key,
};

/// A secret that everybody can read, so that it protects nothing.
struct published_secret {
  /// The kind.
  secret_kind kind;
  /// The text, as in a configuration.
  std::string_view text;
};

/// The secrets in the documentation and the examples of this project, and in those of rathole
/// v0.5.0, from which configurations are copied. A public Noise key is among them if its private
/// key is: whoever has that can pretend to be the server.
inline constexpr published_secret published_secrets[] = {
    {secret_kind::token, "replace this by a secret of your own"},
    {secret_kind::token, "a secret that both sides know"},
    {secret_kind::token, "a token"},
    {secret_kind::token, "use_a_secret_that_only_you_know"},
    {secret_kind::token, "default_token_if_not_specify"},
    {secret_kind::token, "123"},
    {secret_kind::password, "password"},
    {secret_kind::password, "1234"},
    {secret_kind::noise_key, "cQ/vwIqNPJZmuM/OikglzBo/+jlYGrOt9i0k5h5vn1Q="},
    {secret_kind::noise_key, "GQYTKSbWLBUSZiGfdWPSgek9yoOuaiwGD/GIX8Z1kkE="},
    {secret_kind::noise_key, "QLYMByBnjgM254zT6YKaBVvuAA61swyZfFxoA/SKZHM="},
    {secret_kind::noise_key, "xrpknQcAagcd/b9foMwxSCD+EindWxq450NEONk8XQo="},
};

/// Returns whether `text` is a token or a password, as `kind` says, of `published_secrets`.
[[nodiscard]] constexpr bool is_published(secret_kind kind, std::string_view text) {
  return std::ranges::any_of(published_secrets, [&](const published_secret& each) {
    return each.kind == kind && each.text == text;
  });
}

/// Returns whether `key`, which is decoded, is a Noise key of `published_secrets`.
[[nodiscard]] inline bool is_published_key(byte_view key) {
  return std::ranges::any_of(published_secrets, [&](const published_secret& each) {
    if (each.kind != secret_kind::noise_key) return false;
    const auto bytes = from_base64(each.text);
    return bytes && std::ranges::equal(*bytes, key);
  });
}

}  // namespace rathole::config
