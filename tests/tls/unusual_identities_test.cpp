// Identities that the TLS engines treat differently, made by the program `openssl`.

#include "engine_pair.hpp"
#include "openssl_files.hpp"

#include <rathole/tls/context.hpp>
#include <rathole/tls/pem_identity.hpp>

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

namespace rathole::test {
namespace {

/// Self-signed certificates for `server.test`, each NAME.pem with NAME.key.
class unusual_files : public openssl_files {
 public:
  unusual_files() {
    run("req -new -newkey rsa:2048 -nodes -subj /CN=server.test -keyout rsa2048.key -out request");
    sign("key encipherment only", "keyUsage = keyEncipherment, dataEncipherment\n");
    sign("for clients", "extendedKeyUsage = clientAuth\n");
    make_version_1();
    self_sign("Ed25519", "ed25519");
    self_sign("Ed448", "ed448");
    self_sign("RSA-PSS", "rsa-pss -pkeyopt rsa_keygen_bits:2048");
    self_sign("RSA-1024", "rsa:1024");
  }

  [[nodiscard]] tls::server_settings settings(const std::string& name) const {
    return {.cert = path(name + ".pem"), .key = path(name + ".key")};
  }
  [[nodiscard]] tls::server_settings packed(const std::string& name) const {
    run("pkcs12 -export -passout pass:secret -out packed.p12 -in '" + name + ".pem' -inkey '" +
        name + ".key'");
    return {.pkcs12 = path("packed.p12"), .pkcs12_password = secret("secret")};
  }
  [[nodiscard]] tls::identity identity(const std::string& name) const {
    auto made = tls::read_pem_identity(read(name + ".pem"), read(name + ".key"));
    REQUIRE_MESSAGE(made, (made ? "" : made.error()));
    return std::move(*made);
  }

 private:
  static std::string quoted(const std::string& text) { return "'" + text + "'"; }

  void sign(const std::string& name, const std::string& extensions) const {
    write("extensions", "subjectAltName = DNS:server.test\n" + extensions);
    run("x509 -req -days 9 -in request -signkey rsa2048.key -extfile extensions -out " +
        quoted(name + ".pem"));
    write(name + ".key", read("rsa2048.key"));
  }

  void make_version_1() const {
    try {
      // Newer versions of `openssl` make version 3 by default, or if their configuration has
      // extensions.
      run("req -x509 -x509v1 -config /dev/null -days 9 -key rsa2048.key -subj /CN=server.test"
          " -out 'version 1.pem'");
    } catch (const std::runtime_error&) {
      run("x509 -req -days 9 -in request -signkey rsa2048.key -out 'version 1.pem'");
    }
    write("version 1.key", read("rsa2048.key"));
    REQUIRE(made_by("x509 -noout -text -in 'version 1.pem'").find("Version: 1 ") !=
            std::string::npos);
  }

  void self_sign(const std::string& name, const std::string& key) const {
    run("req -x509 -nodes -days 9 -subj /CN=server.test -addext subjectAltName=DNS:server.test"
        " -newkey " +
        key + " -keyout " + quoted(name + ".key") + " -out " + quoted(name + ".pem"));
  }
};

const unusual_files& files() {
  static const unusual_files made;
  return made;
}

struct outcome {
  std::error_code client;
  std::error_code server;
};

/// Returns the result of a handshake with the identity `name` and a client that trusts `trusted`.
template <class E>
outcome outcome_of(const std::string& name, const tls::trust& trusted) {
  E both(*E::client_engine::client_setup::make(trusted),
         *E::server_engine::server_setup::make(files().identity(name)));
  settle(both.client, both.server);
  return {both.client.error, both.server.error};
}

/// Returns the result of a handshake with the identity `name` and a client that trusts exactly the
/// certificate that it receives.
template <class E>
outcome outcome_of(const std::string& name) {
  return outcome_of<E>(name, trust_in(files().identity(name)));
}

template <class E>
std::string load_error(const tls::server_settings& settings) {
  const auto loaded = tls::server_context<E>::load(settings);
  return loaded ? "" : loaded.error();
}

}  // namespace

TEST_CASE("unusual identities: OpenSSL accepts pinned certificates of any form and algorithm") {
  for (const char* name : {"version 1", "key encipherment only", "Ed25519", "Ed448", "RSA-PSS"}) {
    CAPTURE(name);
    CHECK(load_error<openssl_engine>(files().settings(name)) == "");
    CHECK(load_error<openssl_engine>(files().packed(name)) == "");
    const auto [client, server] = outcome_of<both_openssl>(name);
    CHECK(client == std::error_code());
    CHECK(server == std::error_code());
  }
}

TEST_CASE("unusual identities: Botan names what it does not support") {
  for (const char* name : {"Ed25519", "Ed448", "RSA-PSS"}) {
    CAPTURE(name);
    for (const auto& settings : {files().settings(name), files().packed(name)}) {
      const std::string error = load_error<botan_engine>(settings);
      CHECK(error.find("cannot be used: the key is of " + std::string(name) +
                       ", which the engine `botan` cannot use") != std::string::npos);
      CHECK(error.find("`engine = \"openssl\"`") != std::string::npos);
    }
    const auto [client, server] = outcome_of<botan_to_openssl>(name, trust_in(test_root()));
    CHECK(client == tls::alert::handshake_failure);
    CHECK(server == errc::tls_nothing_in_common);
  }
  if (BOTAN_VERSION_MAJOR >= 3) return;
  CHECK(outcome_of<botan_to_openssl>("version 1").client == errc::certificate_unsupported);
  CHECK(outcome_of<botan_to_openssl>("key encipherment only").client ==
        errc::certificate_wrong_usage);
}

TEST_CASE_TEMPLATE("unusual identities: a client certificate is refused for a server", E,
                   both_openssl, botan_to_openssl, openssl_to_botan) {
  CHECK(outcome_of<E>("for clients").client == errc::certificate_wrong_usage);
}

TEST_CASE_TEMPLATE("unusual identities: weak keys are refused when they are loaded", E,
                   openssl_engine, botan_engine) {
  for (const auto& settings : {files().settings("RSA-1024"), files().packed("RSA-1024")}) {
    const std::string error = load_error<E>(settings);
    CHECK(error.find("cannot be used: the key of certificate 1 is too weak: RSA with 1024 bits; at "
                     "least 2048 are required") != std::string::npos);
  }
}

TEST_CASE("unusual identities: a client refuses a weak key even if it is pinned") {
  CHECK(outcome_of<openssl_to_botan>("RSA-1024").client == errc::certificate_too_weak);
  CHECK(outcome_of<engines<botan_engine, botan_engine>>("RSA-1024").client ==
        errc::certificate_too_weak);
}

TEST_CASE(
    "unusual identities: a mismatched key is refused, even if Botan knows neither algorithm") {
  const auto error = [](const std::string& certificate, const std::string& key) {
    tls::server_settings settings = files().settings(certificate);
    settings.key = files().settings(key).key;
    return load_error<openssl_engine>(settings);
  };
  const std::string foreign = "the key is not the one of the first certificate";
  CHECK(error("Ed448", "RSA-PSS").find(foreign) != std::string::npos);
  CHECK(error("RSA-PSS", "version 1").find(foreign) != std::string::npos);
  files().run("genpkey -algorithm ed448 -out other.key");
  CHECK(error("Ed448", "other").find(foreign) != std::string::npos);
}

}  // namespace rathole::test
