#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/constant_time.hpp>
#include <rathole/tls/asn1_tags.hpp>
#include <rathole/tls/pkcs12/algorithm.hpp>
#include <rathole/tls/pkcs12/cipher.hpp>
#include <rathole/tls/pkcs12/definite_lengths.hpp>
#include <rathole/tls/pkcs12/kdf.hpp>
#include <rathole/tls/pkcs12/password.hpp>

#include <botan/ber_dec.h>
#include <botan/mac.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::tls::detail {

/// Parses one PKCS#12 file (RFC 7292).
class pkcs12_reader {
 public:
  /// Makes a reader that uses `password` and keeps to `limits`.
  pkcs12_reader(pkcs12_password password, const pkcs12_limits& limits)
      : password_(std::move(password)), left_(limits) {}

  /// Parses `file` and fills `keys` and `certificates`. Throws `pkcs12_error` or another
  /// `std::exception`.
  void read(byte_view file) {
    Botan::BER_Decoder outer(with_definite_lengths(file));
    Botan::BER_Decoder pfx = enter_sequence(outer);
    std::size_t version = 0;
    pfx.decode(version);
    if (version != 3) throw pkcs12_error("the file is not PKCS#12 of version 3");
    const secure_bytes safe = read_safe(pfx);
    if (pfx.more_items()) {
      verify(pfx, safe);
      authentic = true;
    }
    read_authenticated_safe(safe);
  }

  /// The private keys, in PKCS#8.
  std::vector<secure_bytes> keys;
  /// The X.509 certificates, in DER.
  std::vector<std::vector<std::uint8_t>> certificates;
  /// Whether the file has a MAC that fits the password.
  bool authentic = false;

 private:
  static constexpr std::string_view data_oid = "1.2.840.113549.1.7.1";
  static constexpr std::string_view encrypted_data_oid = "1.2.840.113549.1.7.6";
  /// The largest depth of nested bags.
  static constexpr int max_depth = 4;
  /// The most private keys; a file with more is rejected.
  static constexpr std::size_t max_keys = 16;
  /// The most certificates; a file with more is rejected.
  static constexpr std::size_t max_certificates = 64;
  /// The largest private key, in bytes; an RSA key of 16384 bits has half of that.
  static constexpr std::size_t max_key_size = 20'000;
  /// The largest certificate, in bytes.
  static constexpr std::size_t max_certificate_size = 64 * 1024;

  static std::string read_oid(Botan::BER_Decoder& in) {
    Botan::OID oid;
    in.decode(oid);
    return oid.to_string();
  }

  static secure_bytes read_octet_string(Botan::BER_Decoder& in) {
    return read_octet_string(in, static_cast<std::uint32_t>(octet_string_tag));
  }

  /// Reads the bytes of the next value, which has the tag `primitive`; BER may split them into
  /// pieces.
  static secure_bytes read_octet_string(Botan::BER_Decoder& in, std::uint32_t primitive) {
    constexpr std::uint32_t constructed = 0x20;
    const Botan::BER_Object value = in.get_next_object();
    if (tag_of(value) == primitive) return {value.bits(), value.bits() + value.length()};
    if (tag_of(value) != (primitive | constructed)) throw pkcs12_error("the file is malformed");
    secure_bytes out;
    Botan::BER_Decoder pieces(value.bits(), value.length());
    while (pieces.more_items()) {
      secure_bytes piece;
      pieces.decode(piece, octet_string_tag);
      out.insert(out.end(), piece.begin(), piece.end());
    }
    return out;
  }

  static secure_bytes read_safe(Botan::BER_Decoder& pfx) {
    Botan::BER_Decoder info = enter_sequence(pfx);
    if (read_oid(info) != data_oid) {
      throw pkcs12_error("the file is protected by a public key, which is not supported");
    }
    Botan::BER_Decoder content = enter(info, 0);
    return read_octet_string(content);
  }

  /// Verifies the MAC (MacData, section 4).
  void verify(Botan::BER_Decoder& pfx, byte_view safe) {
    Botan::BER_Decoder mac = enter_sequence(pfx);
    Botan::BER_Decoder digest = enter_sequence(mac);
    const auto how = pkcs12_algorithm::read(digest);
    const secure_bytes expected = read_octet_string(digest);
    const bool fits = how.oid == "1.2.840.113549.1.5.14"
                          ? constant_time_equal(pbmac1(how, safe), expected)
                          : constant_time_equal(password_mac(how, mac, safe), expected);
    if (!fits) throw pkcs12_error("the password is wrong");
  }

  /// Computes the MAC with a key from the derivation of PKCS#12 (appendix A).
  secure_bytes password_mac(const pkcs12_algorithm& how, Botan::BER_Decoder& mac, byte_view safe) {
    static constexpr std::array<named_algorithm, 5> functions{{
        {"1.3.14.3.2.26", "SHA-1", 20},
        {"2.16.840.1.101.3.4.2.4", "SHA-224", 28},
        {"2.16.840.1.101.3.4.2.1", "SHA-256", 32},
        {"2.16.840.1.101.3.4.2.2", "SHA-384", 48},
        {"2.16.840.1.101.3.4.2.3", "SHA-512", 64},
    }};
    const named_algorithm& hash = find_algorithm(functions, how.oid, "MAC");
    const secure_bytes salt = read_octet_string(mac);
    const std::size_t iterations = mac.more_items() ? read_iterations(mac) : 1;
    if (salt.empty()) throw pkcs12_error("the file has an empty salt");
    spend(left_, iterations, hash.key_size, hash.key_size);
    return hmac(hash.name,
                pkcs12_kdf(hash.name, pkcs12_purpose::mac_key, password_.bmp, salt, iterations,
                           hash.key_size),
                safe);
  }

  /// Computes the MAC with a key from PBKDF2 (RFC 9579).
  secure_bytes pbmac1(const pkcs12_algorithm& how, byte_view safe) {
    Botan::BER_Decoder outer(how.parameters.data(), how.parameters.size());
    Botan::BER_Decoder schemes = enter_sequence(outer);
    const auto derivation = pkcs12_algorithm::read(schemes);
    const auto mac = pkcs12_algorithm::read(schemes);
    const named_algorithm& hash = find_algorithm(hmac_functions, mac.oid, "MAC");
    return hmac(hash.name, derive_pbkdf2(derivation, password_.plain, 0, left_), safe);
  }

  static secure_bytes hmac(const std::string& hash, byte_view key, byte_view in) {
    const auto out = Botan::MessageAuthenticationCode::create_or_throw("HMAC(" + hash + ")");
    out->set_key(key.data(), key.size());
    out->update(in.data(), in.size());
    return out->final();
  }

  void read_authenticated_safe(byte_view safe) {
    Botan::BER_Decoder outer(with_definite_lengths(safe));
    Botan::BER_Decoder infos = enter_sequence(outer);
    while (infos.more_items()) {
      Botan::BER_Decoder info = enter_sequence(infos);
      const std::string kind = read_oid(info);
      Botan::BER_Decoder content = enter(info, 0);
      if (kind == data_oid) {
        read_bags(read_octet_string(content), max_depth);
      } else if (kind == encrypted_data_oid) {
        read_encrypted(content);
      } else {
        throw pkcs12_error("the file is protected in a way that is not known here (" + kind + ")");
      }
    }
  }

  void read_encrypted(Botan::BER_Decoder& content) {
    Botan::BER_Decoder data = enter_sequence(content);
    std::size_t version = 0;
    data.decode(version);
    Botan::BER_Decoder info = enter_sequence(data);
    read_oid(info);
    const auto how = pkcs12_algorithm::read(info);
    constexpr std::uint32_t implicit_0 = 0x80;
    const secure_bytes text = read_octet_string(info, implicit_0);
    const secure_bytes contents = pkcs12_decrypt(how, password_, text, left_);
    try {
      read_bags(contents, max_depth);
    } catch (const pkcs12_error&) {
      // What a wrong password makes of the contents may end in valid padding.
      if (authentic) throw;
      throw pkcs12_error("the password is wrong, or an encrypted part is malformed");
    }
  }

  /// Reads the bags of a SafeContents (section 4.2).
  void read_bags(byte_view contents, int depth) {
    if (depth == 0) throw pkcs12_error("the file has too many bags in bags");
    Botan::BER_Decoder outer(with_definite_lengths(contents));
    Botan::BER_Decoder bags = enter_sequence(outer);
    while (bags.more_items()) {
      Botan::BER_Decoder bag = enter_sequence(bags);
      const std::string kind = read_oid(bag);
      Botan::BER_Decoder value = enter(bag, 0);
      secure_bytes inside;
      value.raw_bytes(inside);
      take_bag(kind, inside, depth);
    }
  }

  void take_bag(std::string_view kind, const secure_bytes& value, int depth) {
    constexpr std::string_view prefix = "1.2.840.113549.1.12.10.1.";
    if (!kind.starts_with(prefix)) return;
    kind.remove_prefix(prefix.size());
    Botan::BER_Decoder in(value.data(), value.size());
    if (kind == "1") {
      take_key(value);
    } else if (kind == "2") {
      Botan::BER_Decoder encrypted = enter_sequence(in);
      const auto how = pkcs12_algorithm::read(encrypted);
      take_key(pkcs12_decrypt(how, password_, read_octet_string(encrypted), left_));
    } else if (kind == "3") {
      Botan::BER_Decoder certificate = enter_sequence(in);
      if (read_oid(certificate) != "1.2.840.113549.1.9.22.1") return;
      Botan::BER_Decoder content = enter(certificate, 0);
      const secure_bytes der = read_octet_string(content);
      if (certificates.size() == max_certificates) {
        throw pkcs12_error("there are too many certificates in the file");
      }
      if (der.size() > max_certificate_size) {
        throw pkcs12_error("a certificate in the file is too large");
      }
      certificates.emplace_back(der.begin(), der.end());
    } else if (kind == "6") {
      read_bags(value, depth - 1);
    }
  }

  void take_key(secure_bytes key) {
    if (keys.size() == max_keys) throw pkcs12_error("there are too many private keys in the file");
    if (key.size() > max_key_size) throw pkcs12_error("a private key in the file is too large");
    keys.push_back(std::move(key));
  }

  pkcs12_password password_;
  pkcs12_limits left_;
};

}  // namespace rathole::tls::detail
