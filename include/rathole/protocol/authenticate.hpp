#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/secret.hpp>
#include <rathole/crypto/concepts.hpp>
#include <rathole/crypto/sha256.hpp>
#include <rathole/protocol/messages.hpp>

#include <string_view>

namespace rathole::protocol {

/// Returns the digest that stands for a service on the wire: the hash of its name, which is the key
/// of its table in the configuration.
template <crypto::Hash H = crypto::sha256>
  requires(H::digest_size == digest_size)
[[nodiscard]] digest service_digest(std::string_view name) {
  H hash;
  hash.update(byte_view_of(name));
  return hash.finish();
}

/// Returns the hash of the token and the server's nonce, with which a client proves that it knows
/// the token. The same value is the Auth message, and identifies the control channel in every data
/// Hello.
template <crypto::Hash H = crypto::sha256>
  requires(H::digest_size == digest_size)
[[nodiscard]] digest session_key(const secret& token, const digest& nonce) {
  H hash;
  hash.update(token.bytes());
  hash.update(nonce);
  return hash.finish();
}

}  // namespace rathole::protocol
