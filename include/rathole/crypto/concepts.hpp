#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/result.hpp>

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

namespace rathole::crypto {

/// A cryptographic hash function, fed incrementally.
///
/// * A default-constructed object has hashed nothing yet; copies go on independently.
/// * `update(in)` hashes `in` behind what was hashed before; any split gives the same digest.
/// * `finish()` is the digest, `digest_size` octets. It is called once; the object is then spent.
template <class H>
concept Hash =
    std::default_initializable<H> && std::copyable<H> && requires(H& hash, byte_view in) {
      { H::digest_size } -> std::convertible_to<std::size_t>;
      { hash.update(in) } -> std::same_as<void>;
      { hash.finish() } -> std::same_as<std::array<std::uint8_t, H::digest_size>>;
    };

/// A hash function that works on blocks of `block_size` octets, as HMAC needs it (RFC 2104).
template <class H>
concept BlockHash = Hash<H> && requires {
  { H::block_size } -> std::convertible_to<std::size_t>;
};

/// Sizes of every `Aead` here.
inline constexpr std::size_t aead_key_size = 32;
inline constexpr std::size_t aead_nonce_size = 12;
inline constexpr std::size_t aead_tag_size = 16;

/// A cipher that encrypts and authenticates (RFC 5116), with a key of 256 bits, a nonce of 96 and a
/// tag of 128. It works in place.
///
/// * `set_key(key)` comes first. A nonce is used once under a key.
/// * `seal(nonce, associated, text, tag)` encrypts `text` and writes `tag`.
/// * `open(nonce, associated, text, tag)` decrypts `text`; false if it, the tag or the associated
///   octets were changed, and `text` then holds nothing of use.
/// * `counter_order`: how a counter becomes the last 8 octets of a nonce in Noise (sections 12.3 and
///   12.4).
template <class A>
concept Aead = std::default_initializable<A> && std::movable<A> &&
               requires(A& aead, std::span<const std::uint8_t, aead_key_size> key,
                        std::span<const std::uint8_t, aead_nonce_size> nonce, byte_view associated,
                        byte_span text, std::span<std::uint8_t, aead_tag_size> tag) {
                 { A::counter_order } -> std::convertible_to<std::endian>;
                 { aead.set_key(key) } -> std::same_as<void>;
                 { aead.seal(nonce, associated, text, tag) } -> std::same_as<void>;
                 { aead.open(nonce, associated, text, tag) } -> std::same_as<bool>;
               };

/// Keys of Diffie-Hellman functions here: X25519 (RFC 7748).
inline constexpr std::size_t dh_key_size = 32;
using dh_key = std::array<std::uint8_t, dh_key_size>;

/// A Diffie-Hellman function.
///
/// * `public_key(secret)` is the public key of a private one.
/// * `agree(secret, other)` is the shared secret. Fails with `errc::weak_public_key` if anybody could
///   know it: the other key is of low order (RFC 7748 section 6.1).
template <class D>
concept Dh = requires(const dh_key& key) {
  { D::public_key(key) } -> std::same_as<dh_key>;
  { D::agree(key, key) } -> std::same_as<result<dh_key>>;
};

}  // namespace rathole::crypto
