#include "../support/environment.hpp"
#include "../support/temp_dir.hpp"
#include "engine_pair.hpp"
#include "openssl_files.hpp"

#include <rathole/tls/context.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace rathole::test {
namespace {

/// Unsets both variables while an object exists.
struct bare_environment {
  variable file{"SSL_CERT_FILE", std::nullopt};
  variable folders{"SSL_CERT_DIR", std::nullopt};
};

/// Returns the verdict of a client with the system's roots about the tests' server.
template <class E>
std::error_code error_with_system_roots(const tls::client_settings& settings = {}) {
  const auto server = *tls::botan_engine::server_setup::make(test_server());
  party client(*tls::client_context<E>::load(settings)->make_layer("server.test"));
  party shown(botan_server(server));
  client.start();
  shown.start();
  settle(client, shown);
  return client.error;
}

}  // namespace

TEST_CASE("environment roots: SSL_CERT_FILE and SSL_CERT_DIR are read as by OpenSSL") {
  const bare_environment bare;
  CHECK_FALSE(tls::read_environment_roots().file);
  CHECK(tls::read_environment_roots().folders.empty());
  {
    const variable file("SSL_CERT_FILE", "/a/roots.pem");
    CHECK(tls::read_environment_roots().file == "/a/roots.pem");
    CHECK_FALSE(tls::read_environment_roots().replace_defaults());
    const variable folders("SSL_CERT_DIR", ":/b:/c::");
    CHECK(tls::read_environment_roots().folders == std::vector<std::string>{"/b", "/c"});
    CHECK(tls::read_environment_roots().replace_defaults());
  }
  const variable file("SSL_CERT_FILE", "");
  const variable folders("SSL_CERT_DIR", ":");
  CHECK_FALSE(tls::read_environment_roots().file);
  CHECK(tls::read_environment_roots().folders.empty());
}

TEST_CASE("environment roots: the number of files read from a directory is bounded") {
  const temp_dir folder;
  const std::string root = to_pem(test_root().certificates);
  for (int i = 0; i < 4'100; ++i) folder.write("deadbeef." + std::to_string(i), root);
  CHECK(tls::load_roots({.folders = {folder.path().string()}}).size() == 4'096);
}

TEST_CASE("environment roots: only file names that OpenSSL would read") {
  for (const char* good : {"1234abcd.0", "deadbeef.12"}) CHECK(tls::detail::is_hashed_name(good));
  for (const char* bad : {"", "root.pem", "1234abcd.", "1234abcd", "1234ABCD.0", "1234abcd.r0"}) {
    CHECK_FALSE(tls::detail::is_hashed_name(bad));
  }
}

TEST_CASE_TEMPLATE("environment roots: SSL_CERT_FILE and SSL_CERT_DIR are trusted", E, botan_engine,
                   openssl_engine) {
  const bare_environment bare;
  const temp_dir dir;
  const std::string file = dir.write("root.pem", to_pem(test_root().certificates));
  const openssl_files tool;
  tool.run("rehash '" + dir.path().string() + "'");
  CHECK(error_with_system_roots<E>() == errc::certificate_untrusted);
  {
    const variable named("SSL_CERT_FILE", file);
    CHECK(error_with_system_roots<E>() == std::error_code());
    const std::string other =
        dir.write("other.pem", to_pem(make_authority("Another root").certificates));
    CHECK(error_with_system_roots<E>({.trusted_root = other, .trusted_root_only = true}) ==
          errc::certificate_untrusted);
  }
  {
    const variable named("SSL_CERT_DIR", "/nowhere:" + dir.path().string());
    CHECK(error_with_system_roots<E>() == std::error_code());
  }
  CHECK(error_with_system_roots<E>() == errc::certificate_untrusted);
}

TEST_CASE("environment roots: a file that changes is loaded again") {
  const bare_environment bare;
  const temp_dir dir;
  const std::string file =
      dir.write("root.pem", to_pem(make_authority("Another root").certificates));
  const variable named("SSL_CERT_FILE", file);
  const auto client = *tls::client_context<tls::botan_engine>::load({});
  const auto error = [&client] {
    botan_pair both(*client.make_layer("server.test"), botan_server());
    settle(both.client, both.server);
    return both.client.error;
  };
  CHECK(error() == errc::certificate_untrusted);
  dir.write("root.pem", to_pem(test_root().certificates) + "\n");
  CHECK(error() == std::error_code());
}

TEST_CASE("environment roots: unreadable files are reported and skipped") {
  const temp_dir dir;
  const std::string empty = dir.write("empty.pem", "nothing");
  CHECK(tls::problems_of({}).empty());
  CHECK(tls::problems_of({.file = "/nowhere.pem", .folders = {"/nowhere"}}) ==
        std::vector<std::string>{"`SSL_CERT_FILE` is \"/nowhere.pem\": the file cannot be read: No "
                                 "such file or directory; it is left out",
                                 "`SSL_CERT_DIR` is \"/nowhere\": the directory cannot be read: No "
                                 "such file or directory; it is left out"});
  CHECK(tls::problems_of({.file = empty}) ==
        std::vector<std::string>{"`SSL_CERT_FILE` is \"" + empty +
                                 "\": there is no certificate in it; it is left out"});
  CHECK(tls::load_roots({.file = empty, .folders = {"/nowhere"}}).empty());
}

}  // namespace rathole::test
