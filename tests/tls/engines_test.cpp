// Tests each TLS engine against the other.

#include "certificate_examples.hpp"
#include "engine_pair.hpp"

#include <doctest/doctest.h>

#include <string>

namespace rathole {
namespace {

using namespace std::chrono_literals;
using test::both_openssl, test::botan_to_openssl, test::openssl_to_botan;
using test::settle, test::trust_in;
using tls::botan_engine, tls::openssl_engine;

/// A client that offers what our engines do not.
struct old_client {
  explicit old_client(int version, const char* suites)
      : context(SSL_CTX_new(TLS_client_method())), connection(made(version, suites)) {
    BIO* const bio = tls::make_bio(wire);
    SSL_set_bio(connection.get(), bio, bio);
    SSL_set_connect_state(connection.get());
  }
  tls::detail::ssl_ptr made(int version, const char* suites) {
    SSL_CTX_set_security_level(context.get(), 0);
    SSL_CTX_set_max_proto_version(context.get(), version);
    if (suites) SSL_CTX_set_cipher_list(context.get(), suites);
    return tls::detail::ssl_ptr(SSL_new(context.get()));
  }
  std::string hello() {
    byte_buffer out;
    wire.out = &out;
    SSL_do_handshake(connection.get());
    wire.out = nullptr;
    return {out.data().begin(), out.data().end()};
  }
  tls::openssl_wire wire;
  tls::detail::ssl_ctx_ptr context;
  tls::detail::ssl_ptr connection;
};

const tls::identity& rsa_server() {
  static const tls::identity made = test::issued_by(test::test_root(), {.with_rsa = true});
  return made;
}

}  // namespace

TEST_CASE_TEMPLATE("engines: bytes both ways, split in any way", E, both_openssl, botan_to_openssl,
                   openssl_to_botan) {
  for (const std::size_t piece : {1u, 7u, 1u << 20}) {
    CAPTURE(piece);
    E both;
    settle(both.client, both.server, piece);
    REQUIRE(both.client.error == std::error_code());
    REQUIRE(both.server.error == std::error_code());
    const std::string bulk(100'000, 'x');
    both.client.send(bulk);
    both.server.send("back");
    settle(both.client, both.server, piece);
    CHECK(both.server.received() == bulk);
    CHECK(both.client.received() == "back");
  }
}

TEST_CASE_TEMPLATE("engines: which certificates are accepted", E, both_openssl, botan_to_openssl,
                   openssl_to_botan) {
  for (const auto& e : test::certificate_examples()) {
    CAPTURE(e.what);
    E both(*E::client_engine::client_setup::make(e.trust),
           *E::server_engine::server_setup::make(e.shown), e.host);
    settle(both.client, both.server);
    CHECK(both.client.error == e.error);
    CHECK(both.server.error.category() ==
          (e.error ? tls::alert_category() : std::error_code().category()));
  }
}

TEST_CASE_TEMPLATE("engines: a later connection resumes the session of an earlier one", E,
                   both_openssl, botan_to_openssl, openssl_to_botan) {
  const auto client = *E::client_engine::client_setup::make(trust_in(test::test_root()));
  const auto server = *E::server_engine::server_setup::make(test::test_server());
  for (const bool again : {false, true, true}) {
    E both(client, server);
    both.exchange();
    CHECK(both.server.received() == "forth");
    CHECK(both.client.received() == "back");
    CHECK(both.client.layer.engine().resumed() == again);
    CHECK(both.server.layer.engine().resumed() == again);
    both.client.close();
    both.client.poll(time_point());
    both.client.poll(time_point() + 10s);
    settle(both.client, both.server);
  }
}

TEST_CASE_TEMPLATE("engines: a session is resumed with the same host only", E, both_openssl,
                   botan_to_openssl, openssl_to_botan) {
  const auto client = *E::client_engine::client_setup::make(trust_in(test::test_root()));
  const auto server = *E::server_engine::server_setup::make(test::test_server());
  const auto resumed_with = [&](std::string_view host) {
    E both(client, server, host);
    both.exchange();
    CHECK(both.client.received() == "back");
    return both.client.layer.engine().resumed();
  };
  CHECK_FALSE(resumed_with("server.test"));
  CHECK_FALSE(resumed_with("127.0.0.1"));
  CHECK(resumed_with("server.test"));
}

TEST_CASE_TEMPLATE("engines: one direction ends alone", E, both_openssl, botan_to_openssl,
                   openssl_to_botan) {
  if (!E::half_closes) return;
  E both;
  both.exchange();
  both.client.close();
  settle(both.client, both.server);
  CHECK(both.client.layer.state() == phase::write_closed);
  CHECK(both.server.layer.state() == phase::read_closed);
  both.server.send(" and more");
  both.server.close();
  settle(both.client, both.server);
  CHECK(both.client.received() == "back and more");
  CHECK(both.client.layer.state() == phase::closed);
  CHECK(both.server.layer.state() == phase::closed);
  CHECK(both.client.error == std::error_code());
  CHECK(both.server.error == std::error_code());
}

TEST_CASE_TEMPLATE("engines: the summary names version, cipher suite and certificate", E,
                   both_openssl, botan_to_openssl, openssl_to_botan) {
  E both;
  CHECK(both.client.layer.summary() == "");
  both.exchange();
  const std::string client = both.client.layer.summary();
  CAPTURE(client);
  CHECK(client.starts_with("TLS"));
  CHECK(client.contains("AES") != client.contains("CHACHA20"));
  CHECK(client.contains(", certificate of "));
  CHECK(client.contains("server.test"));
  CHECK(client.contains(", valid until 20"));
  CHECK_FALSE(both.server.layer.summary().contains("certificate"));
  CHECK(summary_of(both.client.layer) == client);
}

TEST_CASE("engines: OpenSSL on both sides negotiates TLS 1.3") {
  both_openssl both;
  both.exchange();
  CHECK(both.client.layer.engine().version() == std::string("TLSv1.3"));
}

TEST_CASE_TEMPLATE("engines: a changed record is an error, and so is a truncated stream", E,
                   both_openssl, botan_to_openssl, openssl_to_botan) {
  E both;
  both.exchange();
  SUBCASE("changed") {
    both.client.send("secret");
    both.client.wire.data().back() ^= 1;
    settle(both.client, both.server);
    CHECK(both.server.error == errc::decryption_failed);
    CHECK(both.server.received() == "forth");
    CHECK(both.client.error == tls::alert::bad_record_mac);
  }
  SUBCASE("truncated") { CHECK(both.server.layer.receive_end() == failure(errc::truncated)); }
}

TEST_CASE_TEMPLATE("engines: outdated versions and cipher suites are refused", E, both_openssl,
                   openssl_to_botan) {
  struct example {
    const char* what;
    int version;
    const char* suites;
  };
  const example examples[] = {
      {"TLS 1.1", TLS1_1_VERSION, nullptr},
      {"CBC", TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA"},
      {"a static RSA key", TLS1_2_VERSION, "AES128-GCM-SHA256"},
      {"DHE", TLS1_2_VERSION, "DHE-RSA-AES128-GCM-SHA256"},
  };
  for (const example& e : examples) {
    CAPTURE(e.what);
    old_client old(e.version, e.suites);
    const std::string hello = old.hello();
    REQUIRE(hello.size() > 40);
    const auto setup = *E::server_engine::server_setup::make(rsa_server());
    typename E::server_party server({*E::server_engine::server(setup), test::half_close_timeout});
    server.start();
    server.receive(test::text(hello));
    CHECK(server.error == errc::tls_nothing_in_common);
    // An alert of level fatal, of type 21 on the wire.
    REQUIRE(server.wire.size() == 7);
    CHECK(server.wire.data()[0] == 21);
    CHECK(server.wire.data()[5] == 2);
  }
}

TEST_CASE("engines: a chain of more issuers than the limit is refused") {
  const auto authority = [](int number) {
    return test::certificate_spec{.common_name = "authority " + std::to_string(number),
                                  .dns = {},
                                  .is_authority = true,
                                  .path_limit = 20};
  };
  const tls::identity root = test::self_signed(authority(0));
  tls::identity issuer = root;
  for (int issuers = 1; issuers <= 9; ++issuers) {
    issuer = test::issued_by(issuer, authority(issuers));
    if (issuers != 7 && issuers != 9) continue;
    CAPTURE(issuers);
    const tls::identity shown = test::issued_by(issuer, {});
    REQUIRE(shown.certificates.size() == static_cast<std::size_t>(issuers) + 1);
    both_openssl one(*openssl_engine::client_setup::make(test::trust_in(root)),
                     *openssl_engine::server_setup::make(shown));
    settle(one.client, one.server);
    CHECK((one.client.error == std::error_code()) == (issuers == 7));
    test::botan_to_openssl other(*botan_engine::client_setup::make(test::trust_in(root)),
                                 *openssl_engine::server_setup::make(shown));
    settle(other.client, other.server);
    CHECK((other.client.error == std::error_code()) == (issuers == 7));
  }
}

TEST_CASE("openssl engine: the oldest session of a client is dropped at the limit") {
  tls::openssl_sessions sessions;
  constexpr int most = 16;
  for (int i = 0; i <= most; ++i) {
    tls::detail::ssl_session_ptr session(SSL_SESSION_new());
    SSL_SESSION_set_protocol_version(session.get(), TLS1_3_VERSION);
    sessions.add("host " + std::to_string(i), std::move(session));
  }
  CHECK_FALSE(sessions.take("host 0"));
  for (int i = 1; i <= most; ++i) {
    CHECK(sessions.take("host " + std::to_string(i)));
    CHECK_FALSE(sessions.take("host " + std::to_string(i)));
  }
}

TEST_CASE("openssl engine: an incomplete identity is refused") {
  const auto good = test::issued_by(test::test_root(), {});
  CHECK_FALSE(openssl_engine::server_setup::make(tls::identity()));
  tls::identity other_key = good;
  other_key.private_key = test::issued_by(test::test_root(), {}).private_key;
  const auto made = openssl_engine::server_setup::make(other_key);
  REQUIRE_FALSE(made);
  CHECK(made.error().starts_with("the key is not the one of the first certificate"));
  tls::identity cut = good;
  cut.certificates[0].resize(20);
  CHECK_FALSE(openssl_engine::server_setup::make(cut));
  CHECK_FALSE(openssl_engine::client_setup::make({.roots = {{1, 2, 3}}, .system_roots = false}));
}

}  // namespace rathole
