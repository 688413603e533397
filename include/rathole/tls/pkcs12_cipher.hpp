#pragma once

#include <rathole/tls/asn1_tags.hpp>
#include <rathole/tls/pkcs12_kdf.hpp>
#include <rathole/tls/rc2.hpp>

#include <botan/asn1_obj.h>
#include <botan/ber_dec.h>
#include <botan/cipher_mode.h>
#include <botan/pwdhash.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::tls::detail {

using secure_octets = Botan::secure_vector<std::uint8_t>;

/// Why a file cannot be read, in words.
struct pkcs12_error : std::runtime_error {
  using runtime_error::runtime_error;
};

/// A password as the parts of a file want it.
struct pkcs12_password {
  /// Its octets, for PBES2.
  secure_octets plain;
  /// As a BMPString with its end; may be empty for an empty password.
  secure_octets bmp;
};

/// An algorithm and its parameters (AlgorithmIdentifier, RFC 5280).
struct pkcs12_algorithm {
  std::string oid;
  std::vector<std::uint8_t> parameters;

  static pkcs12_algorithm read(Botan::BER_Decoder& in) {
    pkcs12_algorithm out;
    Botan::BER_Decoder inside = enter_sequence(in);
    Botan::OID oid;
    inside.decode(oid).raw_bytes(out.parameters);
    out.oid = oid.to_string();
    return out;
  }
};

/// What a file may ask of us.
struct pkcs12_limits {
  /// Rounds of a key derivation: some seconds.
  std::size_t iterations = 5'000'000;
};

inline std::size_t read_iterations(Botan::BER_Decoder& in, const pkcs12_limits& limits) {
  std::size_t out = 0;
  in.decode(out);
  if (out == 0 || out > limits.iterations) {
    throw pkcs12_error("the file demands " + std::to_string(out) + " iterations; at most " +
                       std::to_string(limits.iterations) + " are accepted");
  }
  return out;
}

struct named_algorithm {
  std::string_view oid;
  const char* name;
  std::size_t key_size;
};

template <std::size_t N>
const named_algorithm& find_algorithm(const std::array<named_algorithm, N>& known,
                                      const std::string& oid, const char* kind) {
  for (const named_algorithm& each : known) {
    if (each.oid == oid) return each;
  }
  throw pkcs12_error(std::string("the file uses a ") + kind + " that is not known here (" + oid +
                     ")");
}

/// Decrypts in CBC mode with padding. Throws what Botan throws if the padding is wrong.
inline secure_octets decrypt_cbc(const char* cipher, byte_view key, byte_view iv, byte_view text) {
#if BOTAN_VERSION_MAJOR >= 3
  constexpr auto decryption = Botan::Cipher_Dir::Decryption;
#else
  constexpr auto decryption = Botan::DECRYPTION;
#endif
  const auto mode =
      Botan::Cipher_Mode::create_or_throw(std::string(cipher) + "/CBC/PKCS7", decryption);
  mode->set_key(key.data(), key.size());
  mode->start(iv.data(), iv.size());
  secure_octets out(text.begin(), text.end());
  mode->finish(out);
  return out;
}

/// The same with RC2.
inline secure_octets decrypt_rc2(byte_view key, byte_view iv, byte_view text) {
  if (text.empty() || text.size() % rc2::block_size != 0) {
    throw pkcs12_error("the encrypted part is malformed");
  }
  const rc2 cipher(key, static_cast<unsigned>(key.size() * 8));
  secure_octets out(text.begin(), text.end());
  for (std::size_t at = 0; at < out.size(); at += rc2::block_size) {
    cipher.decrypt(byte_span(out).subspan(at).first<rc2::block_size>());
    const byte_view before = at == 0 ? iv : text.subspan(at - rc2::block_size, rc2::block_size);
    for (std::size_t i = 0; i < rc2::block_size; ++i) {
      out[at + i] = static_cast<std::uint8_t>(out[at + i] ^ before[i]);
    }
  }
  const std::size_t padding = out.back();
  if (padding == 0 || padding > rc2::block_size) {
    throw pkcs12_error("the password is wrong, or the encrypted part is malformed");
  }
  out.resize(out.size() - padding);
  return out;
}

/// PBES2 (RFC 8018 section 6.2).
inline secure_octets decrypt_pbes2(const pkcs12_algorithm& how, const pkcs12_password& password,
                                   byte_view text, const pkcs12_limits& limits) {
  static constexpr std::array<named_algorithm, 4> ciphers{{
      {"2.16.840.1.101.3.4.1.2", "AES-128", 16},
      {"2.16.840.1.101.3.4.1.22", "AES-192", 24},
      {"2.16.840.1.101.3.4.1.42", "AES-256", 32},
      {"1.2.840.113549.3.7", "TripleDES", 24},
  }};
  static constexpr std::array<named_algorithm, 5> functions{{
      {"1.2.840.113549.2.7", "SHA-1", 0},
      {"1.2.840.113549.2.8", "SHA-224", 0},
      {"1.2.840.113549.2.9", "SHA-256", 0},
      {"1.2.840.113549.2.10", "SHA-384", 0},
      {"1.2.840.113549.2.11", "SHA-512", 0},
  }};
  Botan::BER_Decoder outer(how.parameters.data(), how.parameters.size());
  Botan::BER_Decoder schemes = enter_sequence(outer);
  const auto derivation = pkcs12_algorithm::read(schemes);
  const auto encryption = pkcs12_algorithm::read(schemes);
  if (derivation.oid != "1.2.840.113549.1.5.12") {
    throw pkcs12_error("the file uses a key derivation that is not known here (" + derivation.oid +
                       ")");
  }
  const named_algorithm& cipher = find_algorithm(ciphers, encryption.oid, "cipher");

  Botan::BER_Decoder of_derivation(derivation.parameters.data(), derivation.parameters.size());
  Botan::BER_Decoder parameters = enter_sequence(of_derivation);
  std::vector<std::uint8_t> salt;
  parameters.decode(salt, octet_string_tag);
  const std::size_t iterations = read_iterations(parameters, limits);
  std::string function = "1.2.840.113549.2.7";
  while (parameters.more_items()) {
    Botan::BER_Object next = parameters.get_next_object();
    constexpr std::uint32_t sequence = 0x30;
    // The length of the key goes before the function; both may be absent.
    if (tag_of(next) != sequence) continue;
    Botan::BER_Decoder inside(next.bits(), next.length());
    Botan::OID oid;
    inside.decode(oid);
    function = oid.to_string();
  }
  const named_algorithm& hash = find_algorithm(functions, function, "hash function");

  std::vector<std::uint8_t> iv;
  Botan::BER_Decoder of_cipher(encryption.parameters.data(), encryption.parameters.size());
  of_cipher.decode(iv, octet_string_tag);
  secure_octets key(cipher.key_size);
  const auto pbkdf2 =
      Botan::PasswordHashFamily::create_or_throw("PBKDF2(" + std::string(hash.name) + ")")
          ->from_params(iterations);
  pbkdf2->derive_key(key.data(), key.size(), reinterpret_cast<const char*>(password.plain.data()),
                     password.plain.size(), salt.data(), salt.size());
  return decrypt_cbc(cipher.name, key, iv, text);
}

/// Decrypts `text`, which was encrypted by `how`. Throws `pkcs12_error`, or what Botan throws.
inline secure_octets pkcs12_decrypt(const pkcs12_algorithm& how, const pkcs12_password& password,
                                    byte_view text, const pkcs12_limits& limits) {
  if (how.oid == "1.2.840.113549.1.5.13") return decrypt_pbes2(how, password, text, limits);
  // RFC 7292 appendix C.
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
  const std::size_t iterations = read_iterations(parameters, limits);
  if (salt.empty()) throw pkcs12_error("the file has an empty salt");
  const auto derive = [&](pkcs12_purpose purpose, std::size_t size) {
    return pkcs12_kdf("SHA-1", purpose, password.bmp, salt, iterations, size);
  };
  const secure_octets key = derive(pkcs12_purpose::key, scheme.key_size);
  const secure_octets iv = derive(pkcs12_purpose::iv, rc2::block_size);
  if (std::string_view(scheme.name) == "RC2") return decrypt_rc2(key, iv, text);
  return decrypt_cbc(scheme.name, key, iv, text);
}

}  // namespace rathole::tls::detail
