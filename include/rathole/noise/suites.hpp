#pragma once

#include <rathole/crypto/blake2s.hpp>
#include <rathole/crypto/botan/aead.hpp>
#include <rathole/crypto/botan/hash.hpp>
#include <rathole/crypto/botan/x25519.hpp>
#include <rathole/crypto/sha256.hpp>
#include <rathole/noise/session.hpp>
#include <rathole/version.hpp>

#if RATHOLE_WITH_OPENSSL
#include <rathole/crypto/openssl/aead.hpp>
#endif

#include <expected>
#include <memory>
#include <string>
#include <utility>

namespace rathole::noise {

/// The library whose ciphers encrypt. X25519 is Botan's in any case, and hash functions are Botan's
/// or our own. The bytes on the wire do not depend on it.
enum class engine {
  /// Botan.
  botan,
  /// OpenSSL, if it is built in.
  openssl
};

/// The keys of a party in the protocols of `find_session_maker`.
using x25519_keys = handshake_keys<crypto::botan::x25519_key_pair>;

/// Returns the session of one connection in the protocol for which `find_session_maker` returned
/// this function, in the role `who`. Throws `std::bad_alloc`.
using session_maker = std::unique_ptr<session> (*)(const protocol_name& name, role who,
                                                   x25519_keys keys);

namespace detail {

/// Returns a session with the cipher `A` and the hash function `H`.
template <class A, class H>
std::unique_ptr<session> make_session(const protocol_name& name, role who, x25519_keys keys) {
  using pair = crypto::botan::x25519_key_pair;
  return std::make_unique<session_of<pair, A, H>>(name, who, std::move(keys));
}

/// Returns the maker of sessions with the cipher `A` and the hash function `which`.
template <class A>
session_maker session_maker_with(hash which) {
  switch (which) {
    case hash::sha256: return make_session<A, crypto::sha256>;
    case hash::sha512: return make_session<A, crypto::botan::sha512>;
    case hash::blake2b: return make_session<A, crypto::botan::blake2b>;
    case hash::blake2s: break;
  }
  return make_session<A, crypto::blake2s>;
}

}  // namespace detail

}  // namespace rathole::noise

namespace rathole::noise::inline RATHOLE_ABI {

/// Returns the maker of the sessions of the protocol `name` with the ciphers of `by`. Fails with a
/// text for users if OpenSSL is not built in or does not provide the cipher on this machine.
inline std::expected<session_maker, std::string> find_session_maker(const protocol_name& name,
                                                                    engine by = engine::botan) {
  const bool is_aes = name.cipher == cipher::aes_gcm;
  if (by == engine::botan) {
    return is_aes ? detail::session_maker_with<crypto::botan::aes256_gcm>(name.hash)
                  : detail::session_maker_with<crypto::botan::chacha20_poly1305>(name.hash);
  }
#if RATHOLE_WITH_OPENSSL
  using aes = crypto::openssl::aes256_gcm;
  using chacha = crypto::openssl::chacha20_poly1305;
  if (is_aes ? aes::is_provided() : chacha::is_provided()) {
    return is_aes ? detail::session_maker_with<aes>(name.hash)
                  : detail::session_maker_with<chacha>(name.hash);
  }
  return std::unexpected(std::string("this machine's OpenSSL does not provide ") +
                         (is_aes ? "AES-256-GCM" : "ChaCha20-Poly1305") +
                         ", perhaps by its configuration; set `engine = \"botan\"`");
#else
  return std::unexpected("openssl is not built into this program; set `engine = \"botan\"`");
#endif
}

}  // namespace rathole::noise::inline RATHOLE_ABI
