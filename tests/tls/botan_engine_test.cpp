#include "botan_pair.hpp"
#include "certificate_examples.hpp"

#include <doctest/doctest.h>

#include <string>
#include <system_error>

namespace rathole {
namespace {

using namespace std::chrono_literals;
using test::botan_pair;
using test::test_root;
using test::trust_in;
using tls::botan_engine;

TEST_CASE("botan engine: a handshake and bytes both ways, split in any way") {
  for (const std::size_t piece : {1u, 7u, 1u << 20}) {
    CAPTURE(piece);
    botan_pair both;
    settle(both.client, both.server, piece);
    REQUIRE(both.client.error == std::error_code());
    REQUIRE(both.server.error == std::error_code());
    CHECK(both.client.layer.state() == phase::open);
    CHECK(both.server.layer.state() == phase::open);
    both.client.send("forth");
    both.server.send("back");
    settle(both.client, both.server, piece);
    CHECK(both.server.received() == "forth");
    CHECK(both.client.received() == "back");
  }
}

TEST_CASE("botan engine: a large transfer") {
  botan_pair both;
  settle(both.client, both.server);
  const std::string bulk(300'000, 'x');
  both.client.send(bulk);
  CHECK(both.client.wire.size() < bulk.size() + bulk.size() / 100);
  settle(both.client, both.server);
  CHECK(both.server.received() == bulk);
}

TEST_CASE("botan engine: which certificates are accepted") {
  for (const auto& e : test::certificate_examples()) {
    CAPTURE(e.what);
    botan_pair both(test::botan_client(*botan_engine::client_setup::make(e.trust), e.host),
                    test::botan_server(*botan_engine::server_setup::make(e.shown)));
    settle(both.client, both.server);
    CHECK(both.client.error == e.error);
    if (!e.error) {
      CHECK(both.server.error == e.error);
      CHECK(both.client.layer.state() == phase::open);
    } else {
      CHECK(both.server.error == make_error_code(e.alert));
      CHECK(both.client.layer.state() == phase::closed);
    }
  }
}

TEST_CASE("botan engine: a second connection resumes the session of the first") {
  for (const char* host : {"server.test", "127.0.0.1"}) {
    CAPTURE(host);
    const auto client = *botan_engine::client_setup::make(trust_in(test_root()));
    const auto server = *botan_engine::server_setup::make(test::test_server());
    for (const bool again : {false, true, true}) {
      botan_pair both(test::botan_client(client, host), test::botan_server(server));
      settle(both.client, both.server);
      both.client.send("forth");
      both.server.send("back");
      settle(both.client, both.server);
      CHECK(both.server.received() == "forth");
      CHECK(both.client.received() == "back");
      CHECK(both.client.layer.engine().resumed() == again);
      CHECK(both.server.layer.engine().resumed() == again);
      both.client.close();
      both.client.poll(time_point());
      both.client.poll(time_point() + 10s);
      settle(both.client, both.server);
    }
    botan_pair fresh(test::botan_client(client, host), test::botan_server());
    settle(fresh.client, fresh.server);
    CHECK(fresh.client.layer.state() == phase::open);
    CHECK_FALSE(fresh.client.layer.engine().resumed());
  }
}

TEST_CASE("botan engine: an incomplete identity is refused") {
  const auto good = test::issued_by(test_root(), {});
  tls::identity empty;
  CHECK_FALSE(botan_engine::server_setup::make(empty));
  tls::identity other_key = good;
  other_key.private_key = test::issued_by(test_root(), {}).private_key;
  const auto made = botan_engine::server_setup::make(other_key);
  REQUIRE_FALSE(made);
  CHECK(made.error() == "the key is not the one of the first certificate");
  tls::identity cut = good;
  cut.certificates[0].resize(20);
  CHECK_FALSE(botan_engine::server_setup::make(cut));
  CHECK_FALSE(botan_engine::client_setup::make({.roots = {{1, 2, 3}}, .system_roots = false}));
}

TEST_CASE("botan engine: system roots are trusted in addition to the given ones") {
  auto trust = trust_in(test_root());
  trust.system_roots = true;
  botan_pair known(test::botan_client(*botan_engine::client_setup::make(trust)),
                   test::botan_server());
  settle(known.client, known.server);
  CHECK(known.client.layer.state() == phase::open);

  botan_pair unknown(test::botan_client(*botan_engine::client_setup::make({})),
                     test::botan_server());
  settle(unknown.client, unknown.server);
  CHECK(unknown.client.error == make_error_code(errc::certificate_untrusted));
}

}  // namespace
}  // namespace rathole
