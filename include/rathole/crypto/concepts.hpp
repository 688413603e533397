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

/// A cryptographic hash function that is fed incrementally.
///
/// * A default-constructed object has no input yet; copies continue independently.
/// * `update(in)` appends `in` to the input; any split of the input gives the same digest.
/// * `finish()` returns the digest, `digest_size` bytes. It is called once; the object cannot be
///   used afterwards.
template <class H>
concept Hash =
    std::default_initializable<H> && std::copyable<H> && requires(H& hash, byte_view in) {
      { H::digest_size } -> std::convertible_to<std::size_t>;
      { hash.update(in) } -> std::same_as<void>;
      { hash.finish() } -> std::same_as<std::array<std::uint8_t, H::digest_size>>;
    };

/// A hash function that works on blocks of `block_size` bytes, as HMAC requires (RFC 2104).
template <class H>
concept BlockHash = Hash<H> && requires {
  { H::block_size } -> std::convertible_to<std::size_t>;
};

/// The size in bytes of the key of every `Aead`.
inline constexpr std::size_t aead_key_size = 32;
/// The size in bytes of the nonce of every `Aead`.
inline constexpr std::size_t aead_nonce_size = 12;
/// The size in bytes of the authentication tag of every `Aead`.
inline constexpr std::size_t aead_tag_size = 16;

/// A cipher for authenticated encryption with associated data (RFC 5116), with a key of 256
/// bits, a nonce of 96 bits and a tag of 128 bits. It works in place.
///
/// * `set_key(key)` is called first. Under one key each nonce is used once only.
/// * `seal(nonce, associated, text, tag)` encrypts `text` and writes `tag`.
/// * `open(nonce, associated, text, tag)` decrypts `text`. It returns false if the text, the tag
///   or the associated data was modified; `text` then holds nothing of use.
/// * `counter_order` is the byte order in which Noise writes a counter to the last 8 bytes of a
///   nonce (Noise sections 12.3 and 12.4).
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

/// The size in bytes of a public or private key of X25519 (RFC 7748).
inline constexpr std::size_t dh_key_size = 32;
/// A public or private key, or a shared secret.
using dh_key = std::array<std::uint8_t, dh_key_size>;

/// A key pair of a Diffie-Hellman function (Noise section 4.1). Several threads may use one object
/// at once, and its destructor wipes the private key.
///
/// * `K(secret)` makes the key pair of a private key. This may take as long as `agree`.
/// * `pair.public_key()` returns the public key, without computing it again.
/// * `pair.agree(other)` returns the shared secret with the owner of the public key `other`. It
///   fails with `errc::weak_public_key` if that key is of low order, because an attacker could then
///   know the result (RFC 7748 section 6.1).
template <class K>
concept DhKeyPair =
    std::constructible_from<K, const dh_key&> && requires(const K& pair, const dh_key& other) {
      { pair.public_key() } -> std::convertible_to<dh_key>;
      { pair.agree(other) } -> std::same_as<result<dh_key>>;
    };

}  // namespace rathole::crypto
