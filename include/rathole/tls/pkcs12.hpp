#pragma once

#include <rathole/core/constant_time.hpp>
#include <rathole/tls/identity.hpp>
#include <rathole/tls/matching_key.hpp>
#include <rathole/tls/pkcs12_cipher.hpp>

#include <botan/mac.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <expected>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::tls {

namespace detail {

/// Reads one PKCS#12 file (RFC 7292). Its members throw.
class pkcs12_reader {
 public:
  pkcs12_reader(pkcs12_password password, const pkcs12_limits& limits)
      : password_(std::move(password)), limits_(limits) {}

  /// Whether the password opens the file; what is in it is then there.
  bool read(byte_view file) {
    Botan::BER_Decoder outer(file.data(), file.size());
    Botan::BER_Decoder pfx = enter_sequence(outer);
    std::size_t version = 0;
    pfx.decode(version);
    if (version != 3) throw pkcs12_error("the file is not PKCS#12 of version 3");
    const secure_octets safe = read_safe(pfx);
    if (pfx.more_items() && !is_authentic(pfx, safe)) return false;
    read_authenticated_safe(safe);
    return true;
  }

  std::vector<secure_octets> keys;
  std::vector<std::vector<std::uint8_t>> certificates;

 private:
  static constexpr std::string_view data_oid = "1.2.840.113549.1.7.1";
  static constexpr std::string_view encrypted_data_oid = "1.2.840.113549.1.7.6";
  /// Bags in bags.
  static constexpr int deepest = 4;

  static std::string read_oid(Botan::BER_Decoder& in) {
    Botan::OID oid;
    in.decode(oid);
    return oid.to_string();
  }

  static secure_octets read_octets(Botan::BER_Decoder& in) {
    secure_octets out;
    in.decode(out, octet_string_tag);
    return out;
  }

  static secure_octets read_safe(Botan::BER_Decoder& pfx) {
    Botan::BER_Decoder info = enter_sequence(pfx);
    if (read_oid(info) != data_oid) {
      throw pkcs12_error("the file is protected by a public key, which is not supported");
    }
    Botan::BER_Decoder content = enter(info, 0);
    return read_octets(content);
  }

  /// Section 4, MacData; appendix B.4.
  bool is_authentic(Botan::BER_Decoder& pfx, byte_view safe) const {
    static constexpr std::array<named_algorithm, 5> functions{{
        {"1.3.14.3.2.26", "SHA-1", 20},
        {"2.16.840.1.101.3.4.2.4", "SHA-224", 28},
        {"2.16.840.1.101.3.4.2.1", "SHA-256", 32},
        {"2.16.840.1.101.3.4.2.2", "SHA-384", 48},
        {"2.16.840.1.101.3.4.2.3", "SHA-512", 64},
    }};
    Botan::BER_Decoder mac = enter_sequence(pfx);
    Botan::BER_Decoder digest = enter_sequence(mac);
    const named_algorithm& hash =
        find_algorithm(functions, pkcs12_algorithm::read(digest).oid, "MAC");
    const secure_octets expected = read_octets(digest);
    const secure_octets salt = read_octets(mac);
    const std::size_t iterations = mac.more_items() ? read_iterations(mac, limits_) : 1;
    if (salt.empty()) throw pkcs12_error("the file has an empty salt");
    const secure_octets key = pkcs12_kdf(hash.name, pkcs12_purpose::mac_key, password_.bmp, salt,
                                         iterations, hash.key_size);
    const auto hmac =
        Botan::MessageAuthenticationCode::create_or_throw("HMAC(" + std::string(hash.name) + ")");
    hmac->set_key(key.data(), key.size());
    hmac->update(safe.data(), safe.size());
    return constant_time_equal(hmac->final(), expected);
  }

  void read_authenticated_safe(byte_view safe) {
    Botan::BER_Decoder outer(safe.data(), safe.size());
    Botan::BER_Decoder infos = enter_sequence(outer);
    while (infos.more_items()) {
      Botan::BER_Decoder info = enter_sequence(infos);
      const std::string kind = read_oid(info);
      Botan::BER_Decoder content = enter(info, 0);
      if (kind == data_oid) {
        read_bags(read_octets(content), deepest);
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
    const Botan::BER_Object text = info.get_next_object();
    constexpr std::uint32_t primitive = 0x80;
    constexpr std::uint32_t constructed = 0xa0;
    secure_octets octets;
    if (tag_of(text) == primitive) {
      octets.assign(text.bits(), text.bits() + text.length());
    } else if (tag_of(text) == constructed) {
      // BER may cut it into pieces.
      Botan::BER_Decoder pieces(text.bits(), text.length());
      while (pieces.more_items()) {
        const secure_octets piece = read_octets(pieces);
        octets.insert(octets.end(), piece.begin(), piece.end());
      }
    } else {
      throw pkcs12_error("the encrypted part is malformed");
    }
    read_bags(pkcs12_decrypt(how, password_, octets, limits_), deepest);
  }

  /// SafeContents (section 4.2).
  void read_bags(byte_view contents, int depth) {
    if (depth == 0) throw pkcs12_error("the file has too many bags in bags");
    Botan::BER_Decoder outer(contents.data(), contents.size());
    Botan::BER_Decoder bags = enter_sequence(outer);
    while (bags.more_items()) {
      Botan::BER_Decoder bag = enter_sequence(bags);
      const std::string kind = read_oid(bag);
      Botan::BER_Decoder value = enter(bag, 0);
      secure_octets inside;
      value.raw_bytes(inside);
      take_bag(kind, inside, depth);
    }
  }

  void take_bag(std::string_view kind, const secure_octets& value, int depth) {
    constexpr std::string_view prefix = "1.2.840.113549.1.12.10.1.";
    if (!kind.starts_with(prefix)) return;
    kind.remove_prefix(prefix.size());
    Botan::BER_Decoder in(value.data(), value.size());
    if (kind == "1") {
      keys.push_back(value);
    } else if (kind == "2") {
      Botan::BER_Decoder encrypted = enter_sequence(in);
      const auto how = pkcs12_algorithm::read(encrypted);
      keys.push_back(pkcs12_decrypt(how, password_, read_octets(encrypted), limits_));
    } else if (kind == "3") {
      Botan::BER_Decoder certificate = enter_sequence(in);
      if (read_oid(certificate) != "1.2.840.113549.1.9.22.1") return;
      Botan::BER_Decoder content = enter(certificate, 0);
      const secure_octets der = read_octets(content);
      certificates.emplace_back(der.begin(), der.end());
    } else if (kind == "6") {
      read_bags(value, depth - 1);
    }
  }

  pkcs12_password password_;
  const pkcs12_limits& limits_;
};

/// The password in each of the ways in which programs write it: an empty one in two.
inline std::vector<pkcs12_password> spellings_of(std::string_view password) {
  pkcs12_password out;
  out.plain.assign(password.begin(), password.end());
  for (std::size_t i = 0; i < password.size();) {
    // UTF-8 (RFC 3629) to UTF-16; what is malformed is taken octet by octet, as OpenSSL does.
    const auto at = [&](std::size_t n) -> std::uint32_t {
      return i + n < password.size() ? static_cast<std::uint8_t>(password[i + n]) : 0;
    };
    std::uint32_t character = at(0);
    std::size_t size = 1;
    if (at(0) >= 0xf0 && (at(1) & 0xc0) == 0x80 && (at(2) & 0xc0) == 0x80 &&
        (at(3) & 0xc0) == 0x80) {
      character = (at(0) & 7) << 18 | (at(1) & 0x3f) << 12 | (at(2) & 0x3f) << 6 | (at(3) & 0x3f);
      size = 4;
    } else if (at(0) >= 0xe0 && at(0) < 0xf0 && (at(1) & 0xc0) == 0x80 && (at(2) & 0xc0) == 0x80) {
      character = (at(0) & 15) << 12 | (at(1) & 0x3f) << 6 | (at(2) & 0x3f);
      size = 3;
    } else if (at(0) >= 0xc0 && at(0) < 0xe0 && (at(1) & 0xc0) == 0x80) {
      character = (at(0) & 31) << 6 | (at(1) & 0x3f);
      size = 2;
    }
    i += size;
    const auto put = [&out](std::uint32_t unit) {
      out.bmp.push_back(static_cast<std::uint8_t>(unit >> 8));
      out.bmp.push_back(static_cast<std::uint8_t>(unit));
    };
    if (character >= 0x10000) {
      put(0xd800 + ((character - 0x10000) >> 10));
      put(0xdc00 + (character & 0x3ff));
    } else {
      put(character);
    }
  }
  std::vector<pkcs12_password> all;
  if (password.empty()) all.push_back(out);
  out.bmp.insert(out.bmp.end(), {0, 0});
  all.push_back(std::move(out));
  return all;
}

/// The certificates in the order in which TLS wants them: that of the key, then each one's issuer.
inline std::vector<std::vector<std::uint8_t>> in_order(
    std::vector<std::vector<std::uint8_t>> certificates, std::size_t leaf) {
  std::vector<std::vector<std::uint8_t>> out;
  std::swap(certificates[0], certificates[leaf]);
  out.push_back(std::move(certificates[0]));
  certificates.erase(certificates.begin());
  for (;;) {
    const Botan::X509_Certificate last(out.back().data(), out.back().size());
    const auto issuer = std::ranges::find_if(certificates, [&last](const auto& each) {
      return Botan::X509_Certificate(each.data(), each.size()).subject_dn() == last.issuer_dn();
    });
    if (issuer == certificates.end()) return out;
    out.push_back(std::move(*issuer));
    certificates.erase(issuer);
  }
}

inline std::expected<identity, std::string> to_identity(pkcs12_reader& from) {
  if (from.keys.empty()) return std::unexpected("there is no private key in the file");
  if (from.certificates.empty()) return std::unexpected("there is no certificate in the file");
  std::vector<std::pair<std::size_t, std::size_t>> fitting;
  for (std::size_t key = 0; key < from.keys.size(); ++key) {
    const auto loaded = load_pkcs8(from.keys[key]);
    if (!loaded) return std::unexpected("a private key in the file is malformed");
    for (std::size_t i = 0; i < from.certificates.size(); ++i) {
      if (!is_certificate_of(*loaded, from.certificates[i])) continue;
      fitting.emplace_back(key, i);
      break;
    }
  }
  if (fitting.empty()) {
    return std::unexpected("no certificate in the file is of a private key in it");
  }
  if (fitting.size() > 1) {
    return std::unexpected("there are several private keys with certificates in the file");
  }
  identity out;
  const secure_octets& key = from.keys[fitting.front().first];
  out.private_key = secret(std::string(key.begin(), key.end()));
  out.certificates = in_order(std::move(from.certificates), fitting.front().second);
  return out;
}

}  // namespace detail

/// Reads a PKCS#12 file (RFC 7292): its private key, the certificate of that key, and the
/// certificates that lead from there to an authority. The MAC, where there is one, is verified first;
/// what is encrypted may be so by PBES2 with AES, or by the older schemes with 3DES and RC2. Fails with
/// a sentence for people.
inline std::expected<identity, std::string> read_pkcs12(byte_view file, std::string_view password,
                                                        const detail::pkcs12_limits& limits = {}) {
  for (auto& spelling : detail::spellings_of(password)) {
    detail::pkcs12_reader reader(std::move(spelling), limits);
    try {
      if (reader.read(file)) return detail::to_identity(reader);
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const detail::pkcs12_error& error) {
      return std::unexpected(error.what());
    } catch (const Botan::Invalid_Authentication_Tag&) {
      return std::unexpected("the password is wrong, or the file is malformed");
    } catch (const std::exception&) {
      return std::unexpected("the file is malformed, or without a MAC and the password is wrong");
    }
  }
  return std::unexpected("the password is wrong");
}

}  // namespace rathole::tls
