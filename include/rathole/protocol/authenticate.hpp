#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/constant_time.hpp>
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

/// What a client sent to prove that it knows a token.
class client_proof {
 public:
  /// Makes the proof `auth`, the client's Auth, in answer to the server's `nonce`.
  client_proof(const digest& nonce, const digest& auth) : nonce_(nonce), auth_(auth) {}

  /// Returns whether the client knows `token`. The time that this takes says nothing about the
  /// client's Auth, and about `token` only its length.
  template <crypto::Hash H = crypto::sha256>
  [[nodiscard]] bool matches(const secret& token) const {
    return constant_time_equal(session_key<H>(token, nonce_), auth_);
  }

 private:
  digest nonce_;
  digest auth_;
};

}  // namespace rathole::protocol
