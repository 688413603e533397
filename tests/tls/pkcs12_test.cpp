#include "../support/bytes.hpp"
#include "openssl_files.hpp"
#include "pkcs12_examples.hpp"

#include <rathole/tls/pkcs12.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::test {
namespace {

using tls::read_pkcs12;
using certificates = std::vector<byte_vector>;

byte_vector bytes_of(const std::string& in) { return {in.begin(), in.end()}; }

std::string error_of(byte_view file, std::string_view password,
                     const tls::pkcs12_limits& limits = {}) {
  const auto read = read_pkcs12(file, password, limits);
  return read ? "" : read.error();
}

// Parts of a file, in DER.

byte_vector value(std::uint8_t tag, const byte_vector& inside) {
  byte_vector out{tag};
  if (inside.size() < 128) {
    out.push_back(static_cast<std::uint8_t>(inside.size()));
  } else {
    out.push_back(0x82);
    out.push_back(static_cast<std::uint8_t>(inside.size() >> 8));
    out.push_back(static_cast<std::uint8_t>(inside.size()));
  }
  return out + inside;
}
byte_vector sequence(const byte_vector& inside) { return value(0x30, inside); }
byte_vector octet_string(const byte_vector& inside) { return value(0x04, inside); }
byte_vector tagged(const byte_vector& inside) { return value(0xa0, inside); }

const byte_vector data = bytes("06092a864886f70d010701");

/// Returns a bag of type `number`.
byte_vector bag(std::uint8_t number, const byte_vector& inside) {
  return sequence(bytes("060b2a864886f70d010c0a01") + byte_vector{number} + tagged(inside));
}
byte_vector key_bag(const std::string& pkcs8) { return bag(1, bytes_of(pkcs8)); }
byte_vector certificate_bag(const byte_vector& der) {
  return bag(3, sequence(bytes("060a2a864886f70d01091601") + tagged(octet_string(der))));
}

/// Returns a file with these bags, without encryption; `mac` may be empty.
byte_vector bare_file(const byte_vector& bags, const byte_vector& mac = {}) {
  const byte_vector safe = sequence(sequence(data + tagged(octet_string(sequence(bags)))));
  return sequence(bytes("020103") + sequence(data + tagged(octet_string(safe))) + mac);
}

/// Returns a wrong MAC with SHA-1.
byte_vector mac_data(const byte_vector& salt, const byte_vector& iterations,
                     const byte_vector& hash = bytes("06052b0e03021a")) {
  return sequence(sequence(sequence(hash) + octet_string(byte_vector(20))) + octet_string(salt) +
                  iterations);
}

}  // namespace

TEST_CASE("pkcs12: files written by OpenSSL are read") {
  const openssl_files& files = shared_openssl_files();
  struct example {
    const char* options;
    const char* password;
    // The file contains nothing that needs it.
    bool any_password = false;
  };
  const example examples[] = {
      {"", "secret"},
      {"-legacy", "secret"},
      {"-legacy -certpbe PBE-SHA1-RC2-128 -keypbe PBE-SHA1-2DES", "secret"},
      {"-legacy -certpbe PBE-SHA1-RC2-40 -keypbe PBE-SHA1-RC2-128", "secret"},
      {"-certpbe AES-128-CBC -keypbe AES-192-CBC -macalg sha512", "secret"},
      {"-certpbe DES-EDE3-CBC -keypbe DES-EDE3-CBC -macalg sha1", "secret"},
      {"-certpbe NONE -macalg sha224", "secret"},
      {"-keypbe NONE -macalg sha384", "secret"},
      {"-keypbe NONE -certpbe NONE", "secret"},
      {"-keypbe NONE -certpbe NONE -nomac", "secret", true},
      {"-nomac", "secret"},
      {"-legacy -nomac", "secret"},
      {"-iter 1 -maciter", "secret"},
      {"-iter 10000", "secret"},
      {"-name friendly -caname other", "secret"},
      {"", ""},
      {"-legacy", ""},
      {"-nomac", ""},
      {"-legacy -nomac", ""},
      {"-legacy", "p\xc3\xa4ss \xe2\x82\xac \xf0\x9d\x84\x9e"},
      {"", "p\xc3\xa4ss \xe2\x82\xac \xf0\x9d\x84\x9e"},
  };
  const std::string key = files.key("ec");
  for (const example& e : examples) {
    CAPTURE(e.options);
    CAPTURE(e.password);
    const byte_vector file = bytes_of(files.made_by(
        std::string(
            "pkcs12 -export -inkey ec.key -in ec.pem -certfile middle.pem -passout 'pass:") +
        e.password + "' " + e.options));
    const auto read = read_pkcs12(file, e.password);
    REQUIRE_MESSAGE(read, (read ? "" : read.error()));
    CHECK(read->private_key == secret(key));
    CHECK(read->certificates == certificates{files.certificate("ec"), files.certificate("middle")});
    if (e.any_password) continue;
    const std::string error = error_of(file, "wrong");
    if (std::string_view(e.options).ends_with("-nomac")) {
      CHECK(error.find("password is wrong") != std::string::npos);
    } else {
      CHECK(error == "the password is wrong");
    }
  }
}

TEST_CASE("pkcs12: a wrong password is named, also if what it decrypts to has valid padding") {
  const openssl_files& files = shared_openssl_files();
  // Padding is valid for one of 256 passwords.
  for (const char* encrypted : {"", "-certpbe NONE", "-legacy"}) {
    CAPTURE(encrypted);
    const byte_vector file = bytes_of(files.made_by(
        std::string(
            "pkcs12 -export -inkey ec.key -in ec.pem -passout pass:secret -nomac -iter 1 ") +
        encrypted));
    for (int i = 0; i < 2000; ++i) {
      const std::string error = error_of(file, "wrong" + std::to_string(i));
      CHECK_MESSAGE(error.find("password is wrong") != std::string::npos, error);
    }
  }
}

TEST_CASE("pkcs12: an RSA key, and a chain in any order") {
  const openssl_files& files = shared_openssl_files();
  const std::string key = files.key("rsa");
  const std::string root = files.read("root.pem");
  const std::string middle = files.read("middle.pem");
  const std::string other = files.read("ec.pem");
  for (const std::string& chain : {root + middle + other, other + root + middle}) {
    CAPTURE(chain);
    files.write("chain.pem", chain);
    const byte_vector file = bytes_of(files.made_by(
        "pkcs12 -export -inkey rsa.key -in rsa.pem -certfile chain.pem -passout pass:secret"));
    const auto read = read_pkcs12(file, "secret");
    REQUIRE(read);
    CHECK(read->private_key == secret(key));
    CHECK(read->certificates == certificates{files.certificate("rsa"), files.certificate("middle"),
                                             files.certificate("root")});
  }
}

TEST_CASE("pkcs12: the example of RFC 9579, with a MAC by PBKDF2") {
  byte_vector file = bytes(pbmac1_example);
  CHECK(error_of(file, "1234") == "");
  CHECK(error_of(file, "12345") == "the password is wrong");
  // The MAC's key has 32 bytes, and then 19.
  const byte_vector length = bytes("020120300c06082a864886f70d0209");
  const auto at = std::search(file.begin(), file.end(), length.begin(), length.end());
  REQUIRE(at != file.end());
  at[2] = 19;
  CHECK(error_of(file, "1234") == "the key of the MAC has a wrong length");
  // A key of 127 bytes needs four blocks of SHA-256.
  at[2] = 127;
  CHECK(error_of(file, "1234", {.iterations = 4 * 2048}) == "the password is wrong");
  CHECK(error_of(file, "1234", {.iterations = 4 * 2048 - 1}) ==
        "the file demands 2048 iterations; at most 2047 are accepted");
}

TEST_CASE("pkcs12: the only key that has a certificate is used") {
  const openssl_files& files = shared_openssl_files();
  const byte_vector ec = files.certificate("ec");
  const byte_vector rsa = files.certificate("rsa");
  const byte_vector ec_key = key_bag(files.key("ec"));
  const byte_vector rsa_key = key_bag(files.key("rsa"));
  const byte_vector ec_bag = certificate_bag(ec);

  const auto read = read_pkcs12(bare_file(rsa_key + ec_bag + ec_key), "");
  REQUIRE(read);
  CHECK(read->certificates == certificates{ec});
  CHECK(read->private_key == secret(files.key("ec")));
  CHECK(error_of(bare_file(rsa_key + ec_bag + ec_key + certificate_bag(rsa)), "") ==
        "there are several private keys with certificates in the file");
  CHECK(error_of(bare_file(rsa_key + ec_bag), "")
            .starts_with("no certificate in the file is of a private key in it"));
  CHECK(error_of(bare_file(key_bag("\x30\x03\x02\x01\x05") + ec_bag), "")
            .starts_with("no certificate in the file is of a private key in it"));
  CHECK(error_of(bare_file(ec_key), "") == "there is no certificate in the file");
  CHECK(error_of(bare_file(ec_bag), "") == "there is no private key in the file");
  CHECK(error_of(bare_file({}), "") == "there is no private key in the file");
  // Bags that are no key and no X.509 certificate are skipped.
  const byte_vector sdsi = bag(3, sequence(bytes("060a2a864886f70d01091602") + tagged({})));
  CHECK(error_of(bare_file(sdsi + bag(5, octet_string({1})) + ec_key + ec_bag), "") == "");
}

TEST_CASE("pkcs12: nested bags, and constructed strings") {
  const openssl_files& files = shared_openssl_files();
  byte_vector bags = key_bag(files.key("ec")) + certificate_bag(files.certificate("ec"));
  for (int depth = 1; depth <= 5; ++depth) {
    CAPTURE(depth);
    CHECK(error_of(bare_file(bags), "") == (depth < 5 ? "" : "the file has too many bags in bags"));
    bags = bag(6, sequence(bags));
  }
  bags = key_bag(files.key("ec")) + certificate_bag(files.certificate("ec"));
  const byte_vector safe = sequence(sequence(data + tagged(octet_string(sequence(bags)))));
  const auto middle = safe.begin() + 100;
  const byte_vector pieces =
      value(0x24, octet_string({safe.begin(), middle}) + octet_string({middle, safe.end()}));
  CHECK(error_of(sequence(bytes("020103") + sequence(data + tagged(pieces))), "") == "");

  // The same with indefinite lengths.
  const auto ended = [](std::uint8_t tag, const byte_vector& inside) {
    return byte_vector{tag, 0x80} + inside + byte_vector{0, 0};
  };
  const byte_vector many_pieces =
      ended(0x24, octet_string({safe.begin(), middle}) + octet_string({middle, safe.end()}));
  CHECK(error_of(ended(0x30, bytes("020103") + ended(0x30, data + ended(0xa0, many_pieces))), "") ==
        "");
}

TEST_CASE("pkcs12: absurd parameters are refused") {
  const openssl_files& files = shared_openssl_files();
  const byte_vector key = key_bag(files.key("ec"));
  const byte_vector certificate = certificate_bag(files.certificate("ec"));
  const auto many = [](std::size_t count, const byte_vector& what) {
    byte_vector out;
    for (std::size_t i = 0; i < count; ++i) out = out + what;
    return out;
  };
  CHECK(error_of(bare_file(many(17, key)), "") == "there are too many private keys in the file");
  CHECK(error_of(bare_file(many(65, certificate)), "") ==
        "there are too many certificates in the file");
  CHECK(error_of(bare_file(bag(1, octet_string(byte_vector(20'000)))), "") ==
        "a private key in the file is too large");

  // A MAC, two keys: three derivations.
  const byte_vector file = bytes_of(
      files.made_by("pkcs12 -export -inkey ec.key -in ec.pem -passout pass:secret -iter 1000"));
  CHECK(error_of(file, "secret", {.iterations = 3000}) == "");
  CHECK(error_of(file, "secret", {.iterations = 2999}) ==
        "the file demands 1000 iterations; at most 999 are accepted");
  // Keys of 3DES have two blocks of SHA-1; initial values, keys of RC2 and the MAC's have one.
  CHECK(error_of(bytes(old_example), "secret", {.iterations = 6}) == "");
  CHECK(error_of(bytes(old_example), "secret", {.iterations = 5}) ==
        "the file demands 1 iterations; at most 0 are accepted");

  const auto error_of_mac = [](const byte_vector& mac) { return error_of(bare_file({}, mac), ""); };
  const byte_vector salt(8);
  CHECK(error_of_mac(mac_data(salt, bytes("020101"))) == "the password is wrong");
  CHECK(error_of_mac(mac_data(salt, {})) == "the password is wrong");
  CHECK(error_of_mac(mac_data(salt, bytes("020100"))) == "the file demands 0 iterations");
  CHECK(error_of_mac(mac_data(salt, bytes("02047fffffff"))) ==
        "the file demands 2147483647 iterations; at most 3000000 are accepted");
  CHECK(error_of_mac(mac_data(salt, bytes("0201ff"))).starts_with("the file is malformed"));
  CHECK(error_of_mac(mac_data(salt, bytes("0210ffffffffffffffffffffffffffffffff")))
            .starts_with("the file is malformed"));
  CHECK(error_of_mac(mac_data({}, bytes("020101"))) == "the file has an empty salt");
  CHECK(error_of_mac(mac_data(salt, bytes("020101"), bytes("06022a03"))) ==
        "the file uses a MAC that is not known here (1.2.3)");
}

TEST_CASE("pkcs12: files of other formats are refused") {
  CHECK_FALSE(error_of({}, "").empty());
  CHECK_FALSE(error_of(text("-----BEGIN CERTIFICATE-----"), "").empty());
  CHECK(error_of(sequence(bytes("020101")), "") == "the file is not PKCS#12 of version 3");
  const byte_vector signed_data = bytes("06092a864886f70d010702");
  CHECK(error_of(sequence(bytes("020103") + sequence(signed_data + tagged({}))), "") ==
        "the file is protected by a public key, which is not supported");
  const byte_vector enveloped = bytes("06092a864886f70d010703");
  const byte_vector safe = sequence(sequence(enveloped + tagged(sequence({}))));
  CHECK(error_of(sequence(bytes("020103") + sequence(data + tagged(octet_string(safe)))), "")
            .starts_with("the file is protected in a way that is not known here"));
}

TEST_CASE("pkcs12: a truncated or changed file is an error, or reads the same") {
  for (const char* example : {old_example, new_example}) {
    const byte_vector whole = bytes(example);
    const auto good = read_pkcs12(whole, "secret");
    REQUIRE(good);
    CHECK(good->certificates.size() == 1);
    const tls::pkcs12_limits limits{.iterations = 3000};
    for (std::size_t size = 0; size < whole.size(); ++size) {
      CHECK_FALSE(error_of(byte_view(whole).first(size), "secret", limits).empty());
    }
    for (std::size_t i = 0; i < whole.size(); ++i) {
      CAPTURE(i);
      for (const int change : {0x01, 0xa0}) {
        byte_vector changed = whole;
        changed[i] = static_cast<std::uint8_t>(changed[i] ^ change);
        const auto read = read_pkcs12(changed, "secret", limits);
        if (!read) continue;
        CHECK(read->private_key == good->private_key);
        CHECK(read->certificates == good->certificates);
      }
    }
  }
}

}  // namespace rathole::test
