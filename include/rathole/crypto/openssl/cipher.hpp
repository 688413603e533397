#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/crypto/openssl/owned.hpp>

#include <openssl/err.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace rathole::crypto::openssl {

/// The implementation of a cipher, which is freed with its owner.
using cipher_ptr = std::unique_ptr<EVP_CIPHER, free_by<EVP_CIPHER_free>>;
/// The state of a cipher, which is wiped and freed with its owner.
using cipher_context_ptr = std::unique_ptr<EVP_CIPHER_CTX, free_by<EVP_CIPHER_CTX_free>>;

/// Returns OpenSSL's implementation of the cipher `name`. Returns null if no loaded provider has it,
/// for instance because the machine's configuration allows FIPS ciphers only, or if there is no
/// memory. The thread's error queue stays as it was. Source: EVP_CIPHER_fetch(3).
inline cipher_ptr fetch_cipher(const char* name) {
  ERR_set_mark();
  cipher_ptr out(EVP_CIPHER_fetch(nullptr, name, nullptr));
  ERR_pop_to_mark();
  return out;
}

/// Returns the implementation of the cipher `Name::value`, which is fetched once for the process,
/// because fetching takes locks and compares properties. It may be called by several threads at
/// once. Throws `std::bad_alloc` if `fetch_cipher` returns null; the next call tries again.
template <class Name>
const EVP_CIPHER* shared_cipher() {
  static const cipher_ptr fetched = [] {
    cipher_ptr out = fetch_cipher(Name::value);
    if (!out) throw std::bad_alloc();
    return out;
  }();
  return fetched.get();
}

/// Returns a state of `cipher` without a key. Throws `std::bad_alloc`.
inline cipher_context_ptr make_cipher_context(const EVP_CIPHER* cipher) {
  cipher_context_ptr out(EVP_CIPHER_CTX_new());
  if (!out || EVP_CipherInit_ex2(out.get(), cipher, nullptr, nullptr, 1, nullptr) != 1) {
    throw std::bad_alloc();
  }
  return out;
}

/// Passes `in` through the cipher of `context` and writes as many bytes to `out`, which may be
/// `in.data()`; with a null `out`, `in` is associated data. Returns false if OpenSSL fails.
inline bool update_cipher(EVP_CIPHER_CTX* context, std::uint8_t* out, byte_view in) {
  // OpenSSL counts in int.
  constexpr std::size_t max_piece = std::size_t{1} << 30;
  while (!in.empty()) {
    const std::size_t piece = std::min(in.size(), max_piece);
    int written = 0;
    if (EVP_CipherUpdate(context, out, &written, in.data(), static_cast<int>(piece)) != 1) {
      return false;
    }
    if (out != nullptr) out += piece;
    in = in.subspan(piece);
  }
  return true;
}

}  // namespace rathole::crypto::openssl
