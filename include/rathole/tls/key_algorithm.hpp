#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/tls/asn1_tags.hpp>

#include <botan/asn1_obj.h>
#include <botan/ber_dec.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::tls {

/// The object identifiers of algorithms that a server's key can have (RFC 8017, 5480, 8410).
namespace key_oid {
inline constexpr std::string_view rsa = "1.2.840.113549.1.1.1";
inline constexpr std::string_view rsa_pss = "1.2.840.113549.1.1.10";
inline constexpr std::string_view ec = "1.2.840.10045.2.1";
inline constexpr std::string_view ed25519 = "1.3.101.112";
inline constexpr std::string_view ed448 = "1.3.101.113";
}  // namespace key_oid

/// Returns what people call the algorithm `oid`.
inline std::string key_algorithm_name(std::string_view oid) {
  if (oid == key_oid::rsa) return "RSA";
  if (oid == key_oid::rsa_pss) return "RSA-PSS";
  if (oid == key_oid::ec) return "ECDSA";
  if (oid == key_oid::ed25519) return "Ed25519";
  if (oid == key_oid::ed448) return "Ed448";
  return "the algorithm " + std::string(oid);
}

/// Returns the object identifier of the algorithm of a key in PKCS#8 (RFC 5208) that is not
/// encrypted; empty if the structure is malformed.
inline std::string key_algorithm_of(byte_view pkcs8) {
  try {
    Botan::BER_Decoder outer(pkcs8.data(), pkcs8.size());
    Botan::BER_Decoder key = detail::enter_sequence(outer);
    std::size_t version = 0;
    Botan::OID oid;
    key.decode(version);
    detail::enter_sequence(key).decode(oid);
    return oid.to_string();
  } catch (const std::exception&) {
    return {};
  }
}

/// A public key as a certificate has it.
struct certified_key {
  /// The object identifier of its algorithm.
  std::string algorithm;
  /// The content of its BIT STRING.
  std::vector<std::uint8_t> bits;
};

/// Returns the key that a certificate, in DER (RFC 5280 section 4.1), is for; empty if the
/// certificate is malformed. Botan reads no certificate that is signed by RSA-PSS with parameters
/// that it does not expect, and this does.
inline certified_key certified_key_of(const std::vector<std::uint8_t>& certificate) {
  try {
    Botan::BER_Decoder outer(certificate.data(), certificate.size());
    Botan::BER_Decoder whole = detail::enter_sequence(outer);
    Botan::BER_Decoder body = detail::enter_sequence(whole);
    constexpr std::uint32_t explicit_version = 0xa0;
    const bool has_version = detail::tag_of(body.get_next_object()) == explicit_version;
    // The serial number, unless that was the first; signature, issuer, validity, subject.
    for (int i = has_version ? 0 : 1; i < 5; ++i) body.get_next_object();
    Botan::BER_Decoder info = detail::enter_sequence(body);
    Botan::OID oid;
    detail::enter_sequence(info).decode(oid);
    const Botan::BER_Object key = info.get_next_object();
    if (key.length() == 0) return {};
    // The first byte counts the unused bits.
    return {oid.to_string(), {key.bits() + 1, key.bits() + key.length()}};
  } catch (const std::exception&) {
    return {};
  }
}

}  // namespace rathole::tls
