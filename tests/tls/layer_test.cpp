#include "botan_pair.hpp"

#include <doctest/doctest.h>

#include <string>
#include <system_error>
#include <vector>

namespace rathole {
namespace {

using namespace std::chrono_literals;
using test::botan_pair;

botan_pair open_pair() {
  botan_pair out;
  settle(out.client, out.server);
  REQUIRE(out.client.layer.state() == phase::open);
  REQUIRE(out.server.layer.state() == phase::open);
  return out;
}

constexpr time_point start{1h};

#if BOTAN_VERSION_MAJOR < 3

// Polls before it waits, as a driver does.
void poll(botan_pair& both, time_point now) {
  both.client.poll(now);
  both.server.poll(now);
}

TEST_CASE("tls layer: a postponed end loses nothing that the peer still sends") {
  botan_pair both = open_pair();
  both.client.send("request");
  both.client.close();
  CHECK(both.client.layer.state() == phase::open);
  CHECK_FALSE(both.client.layer.deadline());
  poll(both, start);
  CHECK(both.client.layer.deadline() == start + test::half_close_timeout);
  settle(both.client, both.server);
  CHECK(both.server.layer.state() == phase::open);
  CHECK(both.server.received() == "request");

  SUBCASE("the peer continues to send: the wait restarts") {
    poll(both, start + 9s);
    both.server.send("response");
    settle(both.client, both.server);
    poll(both, start + 9s);
    CHECK(both.client.layer.deadline() == start + 19s);
    poll(both, start + 18s);
    CHECK(both.client.wire.empty());
    CHECK(both.client.received() == "response");
    CHECK(both.client.layer.state() == phase::open);
  }
  SUBCASE("the peer is idle: the end is sent, and ends both directions") {
    poll(both, start + test::half_close_timeout);
    CHECK(both.client.layer.state() == phase::closed);
    CHECK_FALSE(both.client.layer.deadline());
    settle(both.client, both.server);
    CHECK(both.server.layer.state() == phase::closed);
  }
  SUBCASE("the peer ends first") {
    both.server.close();
    both.server.poll(start);
    both.server.poll(start + test::half_close_timeout);
    settle(both.client, both.server);
    CHECK(both.client.layer.state() == phase::closed);
    CHECK(both.server.layer.state() == phase::closed);
    CHECK_FALSE(both.client.layer.deadline());
  }
  CHECK(both.client.error == std::error_code());
  CHECK(both.server.error == std::error_code());
}

#else

TEST_CASE("tls layer: one direction ends alone in TLS 1.3") {
  botan_pair both = open_pair();
  both.client.send("request");
  both.client.close();
  CHECK(both.client.layer.state() == phase::write_closed);
  settle(both.client, both.server);
  CHECK(both.server.layer.state() == phase::read_closed);
  both.server.send("response");
  both.server.close();
  CHECK(both.server.layer.state() == phase::closed);
  settle(both.client, both.server);
  CHECK(both.client.received() == "response");
  CHECK(both.client.layer.state() == phase::closed);
  CHECK(both.client.error == std::error_code());
  CHECK(both.server.error == std::error_code());
}

#endif

TEST_CASE("tls layer: a stream that ends without close_notify is truncated") {
  botan_pair both = open_pair();
  CHECK(both.client.layer.receive_end() == failure(errc::truncated));
  CHECK(both.client.layer.state() == phase::closed);
  CHECK(both.client.layer.receive_end() == failure(errc::truncated));

  botan_pair fresh;
  CHECK(fresh.server.layer.receive_end() == failure(errc::truncated));
}

TEST_CASE("tls layer: data after close_notify is ignored") {
  botan_pair both = open_pair();
  both.server.close();
  both.server.poll(start);
  both.server.poll(start + test::half_close_timeout);
  both.server.wire.append(test::text("and this is behind the end"));
  settle(both.client, both.server);
  CHECK(both.client.error == std::error_code());
  CHECK_FALSE(can_receive(both.client.layer.state()));
  CHECK(both.client.layer.receive_end().has_value());
}

TEST_CASE("tls layer: a changed record is an error") {
  botan_pair both = open_pair();
  both.client.send("first");
  both.client.send("second");
  both.client.wire.data().back() ^= 1;
  settle(both.client, both.server);
  CHECK(both.server.received() == "first");
  CHECK(both.server.error == make_error_code(errc::decryption_failed));
  CHECK(both.server.layer.state() == phase::closed);
  CHECK(both.client.error == make_error_code(tls::alert::bad_record_mac));
}

TEST_CASE("tls layer: first bytes that a server refuses") {
  struct example {
    const char* what;
    const char* dump;
    std::error_code error;
    /// Returns the last byte that the server sends, which is the alert.
    const char* expected;
  };
  const example examples[] = {
      {"application data", "170303000178", errc::unexpected_message, ""},
      {"a Finished", "160303000414000000", errc::unexpected_message, ""},
      {"a fatal alert", "15030300020228", tls::alert::handshake_failure, ""},
      {"an end", "15030300020100", errc::end_of_stream, ""},
      {"a hello of TLS 1.1 at most",
       "16030200370100003303020000000000000000000000000000000000000000000000000000000000000000"
       "000002c00a01000008000a00040002001d",
       errc::tls_nothing_in_common, "46"},
      {"a hello with CBC and RSA key exchange only",
       "160303003b01000037030300000000000000000000000000000000000000000000000000000000000000000000"
       "06c027c00a009c01000008000a00040002001d",
       errc::tls_nothing_in_common, "28"},
      {"a request of HTTP", "474554202f20485454502f312e310d0a0d0a", errc::not_tls, ""},
      {"the length of a Noise message",
       "0030"
       "00112233445566778899aabbccddeeff",
       errc::not_tls, ""},
      {"the length of a message of wire version 1", "0100000000000000000000", errc::not_tls, ""},
  };
  for (const example& e : examples) {
    CAPTURE(e.what);
    botan_pair both;
    both.server.receive(test::bytes(e.dump));
    CHECK(both.server.error == e.error);
    CHECK(both.server.layer.state() == phase::closed);
    CHECK(to_hex(both.server.wire.data()).ends_with(e.expected));
  }
}

TEST_CASE("tls layer: a peer that never makes progress is closed") {
  // A handshake message that claims a length of 16 MiB, in records of the largest size.
  test::byte_vector record(5 + 16'384, 'x');
  const test::byte_vector head{0x16, 3, 1, 0x40, 0};
  std::copy(head.begin(), head.end(), record.begin());
  test::byte_vector first = record;
  const test::byte_vector claim{1, 0xff, 0xff, 0xff};
  std::copy(claim.begin(), claim.end(), first.begin() + 5);

  botan_pair both;
  both.server.receive(first);
  std::size_t taken = first.size();
  while (!both.server.error && taken < 1'000'000) {
    both.server.receive(record);
    taken += record.size();
  }
  CHECK(both.server.error == make_error_code(errc::message_too_long));
  CHECK(taken < 100'000);
}

TEST_CASE("tls layer: many small records are accepted") {
  botan_pair both = open_pair();
  for (int i = 0; i < 10'000; ++i) both.client.send("x");
  settle(both.client, both.server);
  CHECK(both.server.error == std::error_code());
  CHECK(both.server.received().size() == 10'000);
}

TEST_CASE("tls alert: names of the alerts") {
  const std::error_code alert = tls::alert::handshake_failure;
  CHECK(alert.category().name() == std::string("tls alert"));
  CHECK(
      alert.message() ==
      "the peer ended TLS: handshake_failure (40): no TLS version, cipher suite or kind of key in "
      "common");
  CHECK(std::error_code(tls::alert::unknown_ca).message() ==
        "the peer ended TLS: unknown_ca (48): it does not trust our certificate's issuer");
  CHECK(std::error_code(tls::alert::internal_error).message() ==
        "the peer ended TLS: internal_error (80)");
  CHECK(std::error_code(make_error_code(static_cast<tls::alert>(99))).message() ==
        "the peer ended TLS: alert (99)");
}

}  // namespace
}  // namespace rathole
