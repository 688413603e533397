#include "openssl_files.hpp"

#include <rathole/tls/pem_identity.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace rathole::test {
namespace {

using tls::read_pem_identity;

std::string error_of(const std::string& certificates, const std::string& key) {
  const auto read = read_pem_identity(certificates, key);
  return read ? "" : read.error();
}

std::string with_line_ends(std::string text) {
  for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 2) {
    text.insert(at, 1, '\r');
  }
  return text;
}

}  // namespace

TEST_CASE("pem identity: keys in every format") {
  const openssl_files& files = shared_openssl_files();
  struct example {
    const char* what;
    std::string key;
    const char* of;
  };
  const std::string ec = files.read("ec.key");
  const example examples[] = {
      {"EC, PKCS#8", ec, "ec"},
      {"RSA, PKCS#8", files.read("rsa.key"), "rsa"},
      {"EC, SEC 1", files.made_by("ec -in ec.key"), "ec"},
      {"RSA, PKCS#1", files.made_by("rsa -in rsa.key -traditional"), "rsa"},
      {"the curve before the key",
       files.made_by("ecparam -name prime256v1") + files.made_by("ec -in ec.key"), "ec"},
      {"lines that end as in DOS", with_line_ends(ec), "ec"},
      {"text around it, ENCRYPTED or not", "This is not ENCRYPTED\n" + ec + "nor ENCRYPTED", "ec"},
      {"certificate and key in one file", files.read("ec.pem") + ec, "ec"},
  };
  for (const example& e : examples) {
    CAPTURE(e.what);
    const auto read =
        read_pem_identity(files.read(e.of + std::string(".pem")) + files.read("middle.pem"), e.key);
    REQUIRE_MESSAGE(read, (read ? "" : read.error()));
    CHECK(read->certificates == std::vector{files.certificate(e.of), files.certificate("middle")});
    // The result is usable PKCS#8, whatever the key's format was.
    const auto loaded = tls::load_pkcs8(read->private_key.bytes());
    REQUIRE(loaded);
    CHECK(tls::is_certificate_of(*loaded, files.certificate(e.of)));
  }
}

TEST_CASE("pem identity: faults are described") {
  const openssl_files& files = shared_openssl_files();
  const std::string certificate = files.read("ec.pem");
  const std::string key = files.read("ec.key");
  struct example {
    std::string certificates;
    std::string key;
    const char* error;
  };
  const char* const no_key =
      "the key is not in PEM: there is no line `-----BEGIN PRIVATE KEY-----`";
  const char* const encrypted = "the key is encrypted: store it without a password";
  const char* const foreign = "the key is not the one of the first certificate";
  const example examples[] = {
      {"", key, "there is no certificate in it"},
      {key, key, "there is no certificate in it"},
      {certificate, "", no_key},
      {certificate, certificate, no_key},
      {certificate, "PRIVATE KEY-----", no_key},
      {certificate, files.read("rsa.key"), foreign},
      {files.read("middle.pem") + certificate, key, foreign},
      {certificate, files.made_by("pkcs8 -topk8 -in ec.key -passout pass:x"), encrypted},
      {certificate, files.made_by("ec -in ec.key -aes128 -passout pass:x"), encrypted},
      {certificate, files.made_by("rsa -in rsa.key -traditional -aes128 -passout pass:x"),
       encrypted},
      {certificate, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
       "the key is malformed"},
      {certificate, "-----BEGIN PRIVATE KEY-----\n", "the key is malformed"},
      {certificate, key.substr(0, key.size() / 2), "the key is malformed"},
      {certificate, files.made_by("ec -in ec.key -no_public"), ""},
      {certificate, "-----BEGIN EC PRIVATE KEY-----\nMAA=\n-----END EC PRIVATE KEY-----\n",
       "the key is malformed"},
      {certificate, "-----BEGIN DSA PRIVATE KEY-----\nMAA=\n-----END DSA PRIVATE KEY-----\n",
       "the key is of a kind that is not known here"},
  };
  for (const example& e : examples) {
    CAPTURE(e.key);
    CHECK(error_of(e.certificates, e.key) == e.error);
  }
}

}  // namespace rathole::test
