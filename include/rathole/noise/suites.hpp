#pragma once

#include <rathole/crypto/blake2s.hpp>
#include <rathole/crypto/botan/aead.hpp>
#include <rathole/crypto/botan/hash.hpp>
#include <rathole/crypto/botan/x25519.hpp>
#include <rathole/crypto/sha256.hpp>
#include <rathole/noise/session.hpp>

#include <memory>
#include <utility>

namespace rathole::noise {

namespace detail {

/// Returns a session with the hash function `H` and the cipher of `name`.
template <class H>
std::unique_ptr<session> make_session(const protocol_name& name, role who, handshake_keys keys) {
  using crypto::botan::x25519;
  if (name.cipher == cipher::aes_gcm) {
    return std::make_unique<session_of<x25519, crypto::botan::aes256_gcm, H>>(name, who,
                                                                              std::move(keys));
  }
  return std::make_unique<session_of<x25519, crypto::botan::chacha20_poly1305, H>>(name, who,
                                                                                   std::move(keys));
}

}  // namespace detail

/// Returns a session of the cipher suite of `name`, in the role `who`.
inline std::unique_ptr<session> make_session(const protocol_name& name, role who,
                                             handshake_keys keys) {
  switch (name.hash) {
    case hash::sha256: return detail::make_session<crypto::sha256>(name, who, std::move(keys));
    case hash::sha512:
      return detail::make_session<crypto::botan::sha512>(name, who, std::move(keys));
    case hash::blake2b:
      return detail::make_session<crypto::botan::blake2b>(name, who, std::move(keys));
    case hash::blake2s: break;
  }
  return detail::make_session<crypto::blake2s>(name, who, std::move(keys));
}

}  // namespace rathole::noise
