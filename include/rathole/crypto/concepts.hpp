#pragma once

#include <rathole/core/bytes.hpp>

#include <array>
#include <concepts>
#include <cstddef>

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

}  // namespace rathole::crypto
