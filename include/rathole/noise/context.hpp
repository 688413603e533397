#pragma once

#include <rathole/core/constant_time.hpp>
#include <rathole/core/secret.hpp>
#include <rathole/crypto/botan/x25519.hpp>
#include <rathole/crypto/system_rng.hpp>
#include <rathole/noise/layer.hpp>
#include <rathole/noise/protocol_name.hpp>
#include <rathole/noise/suites.hpp>
#include <rathole/version.hpp>

#include <algorithm>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace rathole::noise {

/// The configuration of one party.
struct settings {
  /// The protocol name, such as `Noise_NK_25519_ChaChaPoly_BLAKE2s`.
  std::string name;
  /// The private static key of this party, 32 bytes. Compat: if it is missing, a fresh one is made,
  /// provided that the peer need not know its public key beforehand.
  std::optional<secret> local_private_key;
  /// The public static key of the peer. If the pattern transmits that key, it is compared with this
  /// one.
  std::optional<crypto::dh_key> remote_public_key;
  /// The library whose ciphers encrypt.
  noise::engine engine = noise::engine::botan;
};

}  // namespace rathole::noise

namespace rathole::noise::inline RATHOLE_ABI {

/// Makes the layers of one party for all connections of a configuration. An object is immutable and
/// cheap to copy, and may be used by several threads at once.
class context {
 public:
  /// Makes the context of the party `who`. Fails with a text for users: the name is unknown, the
  /// engine is absent, or a key that the pattern requires is missing, malformed or weak.
  static std::expected<context, std::string> make(const settings& from, role who) {
    auto name = parse_protocol_name(from.name);
    if (!name) return std::unexpected(std::move(name.error()));
    const auto maker = find_session_maker(*name, from.engine);
    if (!maker) return std::unexpected(maker.error());
    if (const auto problem = missing_key(from, name->pattern, who); !problem.empty()) {
      return std::unexpected(problem);
    }
    if (const auto problem = weak_key(from); !problem.empty()) return std::unexpected(problem);
    x25519_keys keys;
    keys.remote_static = from.remote_public_key;
    if (from.local_private_key || name->pattern.uses_static(who)) {
      keys.local_static = static_key_pair(from.local_private_key);
    }
    return context(
        std::make_shared<const shared_state>(std::move(*name), *maker, who, std::move(keys)));
  }

  /// Returns the layer of a new connection, with a fresh ephemeral key.
  [[nodiscard]] layer make_layer() const {
    x25519_keys keys = state_->keys;
    crypto::system_rng().fill(keys.local_ephemeral);
    return layer(state_->make_session(state_->name, state_->who, std::move(keys)));
  }

 private:
  using key_pair = crypto::botan::x25519_key_pair;

  struct shared_state {
    shared_state(protocol_name said, session_maker maker, role as, x25519_keys with)
        : name(std::move(said)), make_session(maker), who(as), keys(std::move(with)) {}
    protocol_name name;
    session_maker make_session;
    role who;
    x25519_keys keys;
  };

  explicit context(std::shared_ptr<const shared_state> state) : state_(std::move(state)) {}

  /// Returns the pair of `given`, or a fresh one.
  static std::shared_ptr<const key_pair> static_key_pair(const std::optional<secret>& given) {
    crypto::dh_key bytes;
    if (given) {
      std::ranges::copy(given->bytes(), bytes.begin());
    } else {
      crypto::system_rng().fill(bytes);
    }
    auto out = std::make_shared<const key_pair>(bytes);
    wipe(bytes);
    return out;
  }

  static std::string missing_key(const settings& from, const handshake_pattern& pattern, role who) {
    if (pattern.has_psk) return "a pattern with psk cannot be used: no psk can be configured";
    if (from.local_private_key && from.local_private_key->bytes().size() != crypto::dh_key_size) {
      return "`local_private_key` is not 32 bytes long";
    }
    const bool first = who == role::initiator;
    const bool knows_peer = first ? pattern.responder_is_known : pattern.initiator_is_known;
    const bool is_known = first ? pattern.initiator_is_known : pattern.responder_is_known;
    if (knows_peer && !from.remote_public_key) {
      return std::string("the pattern needs `remote_public_key`, the public key of the ") +
             (first ? "server" : "client");
    }
    if (is_known && !from.local_private_key) {
      return std::string("the pattern needs `local_private_key`, whose public key the ") +
             (first ? "server" : "client") + " knows";
    }
    return {};
  }

  /// Returns what is wrong with a key that everybody knows, or that makes every shared secret known.
  static std::string weak_key(const settings& from) {
    const std::string remedy = "; use a key that `rathole --genkey` printed";
    if (from.local_private_key &&
        constant_time_equal(from.local_private_key->bytes(), crypto::dh_key{})) {
      return "all bytes of `local_private_key` are zero, so the key protects nothing" + remedy;
    }
    // With a key of low order every private key agrees on zero (RFC 7748 section 6.1).
    crypto::dh_key any{};
    any.fill(1);
    if (from.remote_public_key && !key_pair(any).agree(*from.remote_public_key)) {
      return "`remote_public_key` is of low order, so the key protects nothing" + remedy;
    }
    return {};
  }

  std::shared_ptr<const shared_state> state_;
};

}  // namespace rathole::noise::inline RATHOLE_ABI
