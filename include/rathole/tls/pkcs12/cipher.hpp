#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/tls/pkcs12/algorithm.hpp>
#include <rathole/tls/pkcs12/kdf.hpp>
#include <rathole/tls/pkcs12/password.hpp>
#include <rathole/tls/pkcs12/rc2.hpp>

#include <botan/ber_dec.h>
#include <botan/cipher_mode.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::tls::detail {

/// Decrypts `text` in CBC mode and removes the padding. Throws an exception of Botan if the padding
/// is wrong.
inline secure_bytes decrypt_cbc(const char* cipher, byte_view key, byte_view iv, byte_view text) {
#if BOTAN_VERSION_MAJOR >= 3
  constexpr auto decryption = Botan::Cipher_Dir::Decryption;
#else
  constexpr auto decryption = Botan::DECRYPTION;
#endif
  const auto mode =
      Botan::Cipher_Mode::create_or_throw(std::string(cipher) + "/CBC/PKCS7", decryption);
  mode->set_key(key.data(), key.size());
  mode->start(iv.data(), iv.size());
  secure_bytes out(text.begin(), text.end());
  mode->finish(out);
  return out;
}

/// Decrypts `text` with RC2 in CBC mode and removes the padding. Throws `pkcs12_error`.
inline secure_bytes decrypt_rc2(byte_view key, byte_view iv, byte_view text) {
  if (text.empty() || text.size() % rc2::block_size != 0) {
    throw pkcs12_error("an encrypted part is malformed");
  }
  const rc2 cipher(key, static_cast<unsigned>(key.size() * 8));
  secure_bytes out(text.begin(), text.end());
  for (std::size_t at = 0; at < out.size(); at += rc2::block_size) {
    cipher.decrypt(byte_span(out).subspan(at).first<rc2::block_size>());
    const byte_view before = at == 0 ? iv : text.subspan(at - rc2::block_size, rc2::block_size);
    for (std::size_t i = 0; i < rc2::block_size; ++i) {
      out[at + i] = static_cast<std::uint8_t>(out[at + i] ^ before[i]);
    }
  }
  const std::size_t padding = out.back();
  if (padding == 0 || padding > rc2::block_size) {
    throw pkcs12_error("the password is wrong, or an encrypted part is malformed");
  }
  out.resize(out.size() - padding);
  return out;
}

/// Decrypts `text` by PBES2 (RFC 8018 section 6.2). Throws `pkcs12_error` or an exception of Botan.
inline secure_bytes decrypt_pbes2(const pkcs12_algorithm& how, const pkcs12_password& password,
                                  byte_view text, pkcs12_limits& left) {
  static constexpr std::array<named_algorithm, 4> ciphers{{
      {"2.16.840.1.101.3.4.1.2", "AES-128", 16},
      {"2.16.840.1.101.3.4.1.22", "AES-192", 24},
      {"2.16.840.1.101.3.4.1.42", "AES-256", 32},
      {"1.2.840.113549.3.7", "TripleDES", 24},
  }};
  Botan::BER_Decoder outer(how.parameters.data(), how.parameters.size());
  Botan::BER_Decoder schemes = enter_sequence(outer);
  const auto derivation = pkcs12_algorithm::read(schemes);
  const auto encryption = pkcs12_algorithm::read(schemes);
  const named_algorithm& cipher = find_algorithm(ciphers, encryption.oid, "cipher");
  std::vector<std::uint8_t> iv;
  Botan::BER_Decoder of_cipher(encryption.parameters.data(), encryption.parameters.size());
  of_cipher.decode(iv, octet_string_tag);
  const secure_bytes key = derive_pbkdf2(derivation, password.plain, cipher.key_size, left);
  return decrypt_cbc(cipher.name, key, iv, text);
}

/// Decrypts `text`, which was encrypted with the algorithm `how`. Throws `pkcs12_error` or an
/// exception of Botan.
inline secure_bytes pkcs12_decrypt(const pkcs12_algorithm& how, const pkcs12_password& password,
                                   byte_view text, pkcs12_limits& left) {
  if (how.oid == "1.2.840.113549.1.5.13") return decrypt_pbes2(how, password, text, left);
  // The schemes of RFC 7292 appendix C.
  static constexpr std::array<named_algorithm, 4> schemes{{
      {"1.2.840.113549.1.12.1.3", "TripleDES", 24},
      {"1.2.840.113549.1.12.1.4", "TripleDES", 16},
      {"1.2.840.113549.1.12.1.5", "RC2", 16},
      {"1.2.840.113549.1.12.1.6", "RC2", 5},
  }};
  const named_algorithm& scheme = find_algorithm(schemes, how.oid, "cipher");
  Botan::BER_Decoder outer(how.parameters.data(), how.parameters.size());
  Botan::BER_Decoder parameters = enter_sequence(outer);
  std::vector<std::uint8_t> salt;
  parameters.decode(salt, octet_string_tag);
  const std::size_t iterations = read_iterations(parameters);
  if (salt.empty()) throw pkcs12_error("the file has an empty salt");
  const auto derive = [&](pkcs12_purpose purpose, std::size_t size) {
    constexpr std::size_t sha1_size = 20;
    spend(left, iterations, size, sha1_size);
    return pkcs12_kdf("SHA-1", purpose, password.bmp, salt, iterations, size);
  };
  const secure_bytes key = derive(pkcs12_purpose::key, scheme.key_size);
  const secure_bytes iv = derive(pkcs12_purpose::iv, rc2::block_size);
  if (std::string_view(scheme.name) == "RC2") return decrypt_rc2(key, iv, text);
  return decrypt_cbc(scheme.name, key, iv, text);
}

}  // namespace rathole::tls::detail
