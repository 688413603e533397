#include "../support/octets.hpp"
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
using certificates = std::vector<octet_vector>;

octet_vector octets_of(const std::string& in) { return {in.begin(), in.end()}; }

std::string error_of(byte_view file, std::string_view password,
                     const tls::pkcs12_limits& limits = {}) {
  const auto read = read_pkcs12(file, password, limits);
  return read ? "" : read.error();
}

// Parts of a file, in DER.

octet_vector value(std::uint8_t tag, const octet_vector& inside) {
  octet_vector out{tag};
  if (inside.size() < 128) {
    out.push_back(static_cast<std::uint8_t>(inside.size()));
  } else {
    out.push_back(0x82);
    out.push_back(static_cast<std::uint8_t>(inside.size() >> 8));
    out.push_back(static_cast<std::uint8_t>(inside.size()));
  }
  return out + inside;
}
octet_vector sequence(const octet_vector& inside) { return value(0x30, inside); }
octet_vector octet_string(const octet_vector& inside) { return value(0x04, inside); }
octet_vector tagged(const octet_vector& inside) { return value(0xa0, inside); }

const octet_vector data = octets("06092a864886f70d010701");

/// A bag of type `number`.
octet_vector bag(std::uint8_t number, const octet_vector& inside) {
  return sequence(octets("060b2a864886f70d010c0a01") + octet_vector{number} + tagged(inside));
}
octet_vector key_bag(const std::string& pkcs8) { return bag(1, octets_of(pkcs8)); }
octet_vector certificate_bag(const octet_vector& der) {
  return bag(3, sequence(octets("060a2a864886f70d01091601") + tagged(octet_string(der))));
}

/// A file with these bags, without encryption; `mac` may be empty.
octet_vector bare_file(const octet_vector& bags, const octet_vector& mac = {}) {
  const octet_vector safe = sequence(sequence(data + tagged(octet_string(sequence(bags)))));
  return sequence(octets("020103") + sequence(data + tagged(octet_string(safe))) + mac);
}

/// A MAC that is wrong, with SHA-1.
octet_vector mac_data(const octet_vector& salt, const octet_vector& iterations,
                      const octet_vector& hash = octets("06052b0e03021a")) {
  return sequence(sequence(sequence(hash) + octet_string(octet_vector(20))) + octet_string(salt) +
                  iterations);
}

}  // namespace

TEST_CASE("pkcs12: what OpenSSL writes is read") {
  const openssl_files& files = shared_openssl_files();
  struct example {
    const char* options;
    const char* password;
    // Nothing in the file needs it.
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
    const octet_vector file = octets_of(files.made_by(
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

TEST_CASE("pkcs12: an RSA key, and a chain in whatever order") {
  const openssl_files& files = shared_openssl_files();
  const std::string key = files.key("rsa");
  const std::string root = files.read("root.pem");
  const std::string middle = files.read("middle.pem");
  const std::string other = files.read("ec.pem");
  for (const std::string& chain : {root + middle + other, other + root + middle}) {
    CAPTURE(chain);
    files.write("chain.pem", chain);
    const octet_vector file = octets_of(files.made_by(
        "pkcs12 -export -inkey rsa.key -in rsa.pem -certfile chain.pem -passout pass:secret"));
    const auto read = read_pkcs12(file, "secret");
    REQUIRE(read);
    CHECK(read->private_key == secret(key));
    CHECK(read->certificates == certificates{files.certificate("rsa"), files.certificate("middle"),
                                             files.certificate("root")});
  }
}

TEST_CASE("pkcs12: the example of RFC 9579, with a MAC by PBKDF2") {
  octet_vector file = octets(pbmac1_example);
  CHECK(error_of(file, "1234") == "");
  CHECK(error_of(file, "12345") == "the password is wrong");
  // The MAC's key is to have 32 octets, and then 19.
  const octet_vector length = octets("020120300c06082a864886f70d0209");
  const auto at = std::search(file.begin(), file.end(), length.begin(), length.end());
  REQUIRE(at != file.end());
  at[2] = 19;
  CHECK(error_of(file, "1234") == "the key of the MAC has a wrong length");
  // One of 127 octets is four blocks of SHA-256.
  at[2] = 127;
  CHECK(error_of(file, "1234", {.iterations = 4 * 2048}) == "the password is wrong");
  CHECK(error_of(file, "1234", {.iterations = 4 * 2048 - 1}) ==
        "the file demands 2048 iterations; at most 2047 are accepted");
}

TEST_CASE("pkcs12: the key that has a certificate is taken, if it is the only one") {
  const openssl_files& files = shared_openssl_files();
  const octet_vector ec = files.certificate("ec");
  const octet_vector rsa = files.certificate("rsa");
  const octet_vector ec_key = key_bag(files.key("ec"));
  const octet_vector rsa_key = key_bag(files.key("rsa"));
  const octet_vector ec_bag = certificate_bag(ec);

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
  // What is not a key or an X.509 certificate is skipped, as are other types of bags.
  const octet_vector sdsi = bag(3, sequence(octets("060a2a864886f70d01091602") + tagged({})));
  CHECK(error_of(bare_file(sdsi + bag(5, octet_string({1})) + ec_key + ec_bag), "") == "");
}

TEST_CASE("pkcs12: bags in bags, and octets in pieces") {
  const openssl_files& files = shared_openssl_files();
  octet_vector bags = key_bag(files.key("ec")) + certificate_bag(files.certificate("ec"));
  for (int depth = 1; depth <= 5; ++depth) {
    CAPTURE(depth);
    CHECK(error_of(bare_file(bags), "") == (depth < 5 ? "" : "the file has too many bags in bags"));
    bags = bag(6, sequence(bags));
  }
  bags = key_bag(files.key("ec")) + certificate_bag(files.certificate("ec"));
  const octet_vector safe = sequence(sequence(data + tagged(octet_string(sequence(bags)))));
  const auto middle = safe.begin() + 100;
  const octet_vector pieces =
      value(0x24, octet_string({safe.begin(), middle}) + octet_string({middle, safe.end()}));
  CHECK(error_of(sequence(octets("020103") + sequence(data + tagged(pieces))), "") == "");

  // The same with ends in place of lengths.
  const auto ended = [](std::uint8_t tag, const octet_vector& inside) {
    return octet_vector{tag, 0x80} + inside + octet_vector{0, 0};
  };
  const octet_vector many_pieces =
      ended(0x24, octet_string({safe.begin(), middle}) + octet_string({middle, safe.end()}));
  CHECK(error_of(ended(0x30, octets("020103") + ended(0x30, data + ended(0xa0, many_pieces))),
                 "") == "");
}

TEST_CASE("pkcs12: what is absurd is refused") {
  const openssl_files& files = shared_openssl_files();
  const octet_vector key = key_bag(files.key("ec"));
  const octet_vector certificate = certificate_bag(files.certificate("ec"));
  const auto many = [](std::size_t count, const octet_vector& what) {
    octet_vector out;
    for (std::size_t i = 0; i < count; ++i) out = out + what;
    return out;
  };
  CHECK(error_of(bare_file(many(17, key)), "") == "there are too many private keys in the file");
  CHECK(error_of(bare_file(many(65, certificate)), "") ==
        "there are too many certificates in the file");
  CHECK(error_of(bare_file(bag(1, octet_string(octet_vector(20'000)))), "") ==
        "a private key in the file is too large");

  // A MAC, two keys: three derivations.
  const octet_vector file = octets_of(
      files.made_by("pkcs12 -export -inkey ec.key -in ec.pem -passout pass:secret -iter 1000"));
  CHECK(error_of(file, "secret", {.iterations = 3000}) == "");
  CHECK(error_of(file, "secret", {.iterations = 2999}) ==
        "the file demands 1000 iterations; at most 999 are accepted");
  // Keys of 3DES have two blocks of SHA-1; initial values, keys of RC2 and the MAC's have one.
  CHECK(error_of(octets(old_example), "secret", {.iterations = 6}) == "");
  CHECK(error_of(octets(old_example), "secret", {.iterations = 5}) ==
        "the file demands 1 iterations; at most 0 are accepted");

  const auto error_of_mac = [](const octet_vector& mac) {
    return error_of(bare_file({}, mac), "");
  };
  const octet_vector salt(8);
  CHECK(error_of_mac(mac_data(salt, octets("020101"))) == "the password is wrong");
  CHECK(error_of_mac(mac_data(salt, {})) == "the password is wrong");
  CHECK(error_of_mac(mac_data(salt, octets("020100"))) == "the file demands 0 iterations");
  CHECK(error_of_mac(mac_data(salt, octets("02047fffffff"))) ==
        "the file demands 2147483647 iterations; at most 3000000 are accepted");
  CHECK(error_of_mac(mac_data(salt, octets("0201ff"))).starts_with("the file is malformed"));
  CHECK(error_of_mac(mac_data(salt, octets("0210ffffffffffffffffffffffffffffffff")))
            .starts_with("the file is malformed"));
  CHECK(error_of_mac(mac_data({}, octets("020101"))) == "the file has an empty salt");
  CHECK(error_of_mac(mac_data(salt, octets("020101"), octets("06022a03"))) ==
        "the file uses a MAC that is not known here (1.2.3)");
}

TEST_CASE("pkcs12: a file of another kind") {
  CHECK_FALSE(error_of({}, "").empty());
  CHECK_FALSE(error_of(text("-----BEGIN CERTIFICATE-----"), "").empty());
  CHECK(error_of(sequence(octets("020101")), "") == "the file is not PKCS#12 of version 3");
  const octet_vector signed_data = octets("06092a864886f70d010702");
  CHECK(error_of(sequence(octets("020103") + sequence(signed_data + tagged({}))), "") ==
        "the file is protected by a public key, which is not supported");
  const octet_vector enveloped = octets("06092a864886f70d010703");
  const octet_vector safe = sequence(sequence(enveloped + tagged(sequence({}))));
  CHECK(error_of(sequence(octets("020103") + sequence(data + tagged(octet_string(safe)))), "")
            .starts_with("the file is protected in a way that is not known here"));
}

TEST_CASE("pkcs12: a file that was cut or changed is an error, or says the same") {
  for (const char* example : {old_example, new_example}) {
    const octet_vector whole = octets(example);
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
        octet_vector changed = whole;
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
