#include <rathole/protocol/admission.hpp>
#include <rathole/protocol/source_network.hpp>
#include <rathole/server/refusals.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;
using protocol::admission;
using protocol::admission_limits;
using protocol::source_network;
using server_side::refusal;
using server_side::refusal_counter;

admission_limits limits(std::size_t total, std::size_t per_source) {
  admission_limits out;
  out.total = total;
  out.per_source = per_source;
  return out;
}

constexpr std::optional<admission::ticket> none;

TEST_CASE("source_network: which addresses count as one source") {
  struct row {
    const char* host;
    const char* source;
  };
  const row rows[] = {
      {"192.0.2.7", "192.0.2.7"},
      {"::ffff:192.0.2.7", "192.0.2.7"},
      {"::ffff:c000:207", "192.0.2.7"},
      {"0:0:0:0:0:ffff:192.0.2.7", "192.0.2.7"},
      {"::fffe:c000:207", "0:0:0:0::/64"},
      {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
      {"2001:db8:1:2::", "2001:db8:1:2::/64"},
      {"2001:db8:1:3::1", "2001:db8:1:3::/64"},
      {"2001:db8::1", "2001:db8:0:0::/64"},
      {"2001:DB8::1", "2001:db8:0:0::/64"},
      {"::1", "0:0:0:0::/64"},
      {"::", "0:0:0:0::/64"},
      {"fe80::1%eth0", "fe80:0:0:0::/64"},
      {"1:2:3:4:5:6:7::", "1:2:3:4::/64"},
      {"64:ff9b::192.0.2.7", "64:ff9b:0:0::/64"},
      // Text that is not an IP literal is its own network.
      {"client", "client"},
      {"", ""},
      {"1:2:3", "1:2:3"},
      {"1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8:9"},
      {"1::2::3", "1::2::3"},
      {"1:2:3:4:5:6:7::8", "1:2:3:4:5:6:7::8"},
      {"::12345", "::12345"},
      {"::1:", "::1:"},
      {"::256.0.0.1", "::256.0.0.1"},
      {"::1.2.3", "::1.2.3"},
      {"::1.2.3.4.5", "::1.2.3.4.5"},
      {"1:2:3:4:5:6:7:1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4"},
      {"::g", "::g"},
  };
  for (const row& each : rows) {
    CAPTURE(each.host);
    CHECK(source_network(each.host) == each.source);
  }
}

TEST_CASE("admission: above the limit of a source its own oldest connection is closed") {
  admission admitting(limits(100, 2));
  CHECK(admitting.admit("other").evicted == none);
  CHECK(admitting.admit("flood").evicted == none);
  CHECK(admitting.admit("flood").evicted == none);
  CHECK(admitting.admit("flood").evicted == 1);
  CHECK(admitting.admit("flood").evicted == 2);
  CHECK(admitting.size() == 3);
  CHECK_FALSE(admitting.release(1));
  CHECK(admitting.release(3));
  CHECK_FALSE(admitting.release(3));
  CHECK(admitting.admit("flood").evicted == none);
}

TEST_CASE("admission: above the total limit the oldest of the most loaded source is closed") {
  admission admitting(limits(4, 3));
  admitting.admit("a");
  admitting.admit("b");
  admitting.admit("b");
  admitting.admit("c");
  CHECK(admitting.admit("d").evicted == 1);
  // All sources have one connection: the oldest of all is closed, never the newcomer.
  CHECK(admitting.admit("e").evicted == 0);
  CHECK(admitting.admit("e").evicted == 5);
  CHECK(admitting.size() == 4);
  CHECK(admitting.sources() == 4);
}

TEST_CASE("admission: with a limit of one the newcomer gets the place") {
  admission admitting(limits(0, 0));
  CHECK(admitting.admit("a").evicted == none);
  CHECK(admitting.admit("a").evicted == 0);
  CHECK(admitting.admit("b").evicted == 1);
  admitting.exempt("c");
  CHECK(admitting.admit("c").evicted == 2);
  CHECK(admitting.admit("d").evicted == 3);
}

TEST_CASE("admission: a source with a control channel is exempt from the per-source limit") {
  admission admitting(limits(8, 2));
  admitting.exempt("client");
  admitting.exempt("client");
  for (int i = 0; i < 5; ++i) CHECK(admitting.admit("client").evicted == none);
  admitting.unexempt("client");
  CHECK(admitting.admit("client").evicted == none);
  admitting.unexempt("client");
  CHECK(admitting.admit("client").evicted == 0);
  admitting.exempt("client");
  CHECK(admitting.admit("client").evicted == none);
}

TEST_CASE("admission: a flood from elsewhere does not displace a client's data channels") {
  admission admitting(limits(6, 3));
  admitting.exempt("client");
  for (int i = 0; i < 3; ++i) admitting.admit("client");
  admitting.admit("one");
  admitting.admit("two");
  admitting.admit("two");
  CHECK(admitting.admit("three").evicted == 4);
  CHECK(admitting.admit("three").evicted == 6);
}

TEST_CASE("admission: a flood from the client's own address displaces itself") {
  admission admitting(limits(6, 2));
  admitting.exempt("client");
  for (int i = 0; i < 5; ++i) admitting.admit("client");
  CHECK(admitting.admit("new client").evicted == none);
  for (admission::ticket i = 0; i < 3; ++i) CHECK(admitting.admit("client").evicted == i);
  CHECK(admitting.admit("another").evicted == 3);
}

TEST_CASE("admission: lower limits close nothing, but admit no more") {
  admission admitting(limits(6, 6));
  for (int i = 0; i < 3; ++i) admitting.admit("a");
  admitting.admit("b");
  admitting.admit("b");
  admitting.set_limits(limits(3, 6));
  CHECK(admitting.size() == 5);
  CHECK(admitting.admit("c").evicted == 0);
  CHECK(admitting.size() == 5);
  // Loads are compared by the new limits.
  admitting.exempt("a");
  admitting.set_limits(limits(3, 1));
  CHECK(admitting.admit("c").evicted == 5);
  CHECK(admitting.admit("d").evicted == 3);
  admitting.set_limits(limits(9, 9));
  CHECK(admitting.admit("a").evicted == none);
  for (const admission::ticket each : {1U, 2U, 4U, 6U, 7U, 8U}) CHECK(admitting.release(each));
  CHECK(admitting.size() == 0);
  CHECK(admitting.sources() == 1);
}

TEST_CASE("admission: an exempt source is forgotten when it is neither exempt nor connected") {
  admission admitting;
  admitting.exempt("client");
  const auto admitted_client = admitting.admit("client");
  admitting.release(admitted_client.admitted);
  CHECK(admitting.sources() == 1);
  admitting.unexempt("client");
  CHECK(admitting.sources() == 0);
}

TEST_CASE("refusals: every handshake error has a kind") {
  CHECK(server_side::refusal_of(errc::limit_reached) == refusal::too_many);
  CHECK(server_side::refusal_of(errc::timed_out) == refusal::timed_out);
  CHECK(server_side::refusal_of(errc::end_of_stream) == refusal::closed_early);
  CHECK(server_side::refusal_of(std::make_error_code(std::errc::connection_reset)) ==
        refusal::closed_early);
  CHECK(server_side::refusal_of(errc::malformed_message) == refusal::not_the_protocol);
  CHECK(server_side::refusal_of(errc::protocol_version_mismatch) == refusal::not_the_protocol);
  CHECK(server_side::refusal_of(errc::service_not_exist) == refusal::unknown_service);
  CHECK(server_side::refusal_of(errc::authentication_failed) == refusal::wrong_token);
  CHECK(server_side::refusal_of(errc::unknown_session) == refusal::unknown_session);
}

TEST_CASE("refusals: the first of a kind is reported alone, and all are summarized") {
  constexpr time_point start{1h};
  refusal_counter counter;
  CHECK(counter.deadline() == std::nullopt);
  CHECK(counter.note(refusal::timed_out, "a", start));
  CHECK_FALSE(counter.note(refusal::timed_out, "b", start + 10s));
  CHECK(counter.note(refusal::wrong_token, "b", start + 20s));
  CHECK(counter.deadline() == start + 60s);
  const auto summary = counter.finish(start + 45s);
  REQUIRE(summary.has_value());
  CHECK(summary->lasted == 45s);
  CHECK(summary->total() == 3);
  CHECK(summary->count(refusal::timed_out) == 2);
  CHECK(summary->count(refusal::wrong_token) == 1);
  CHECK(summary->sources == 2);
  CHECK(summary->most_active == "b");
  CHECK(summary->by_most_active == 2);
  CHECK(counter.deadline() == std::nullopt);
  CHECK_FALSE(counter.finish(start + 45s).has_value());
  CHECK(counter.note(refusal::wrong_token, "b", start + 60s));
}

TEST_CASE("refusals: what had a line of its own is not summarized") {
  constexpr time_point start{1h};
  refusal_counter counter;
  CHECK(counter.note(refusal::wrong_token, "a", start));
  CHECK(counter.note(refusal::unknown_service, "a", start));
  CHECK_FALSE(counter.finish(start + 1s).has_value());
  counter.note(refusal::wrong_token, "a", start);
  counter.note(refusal::wrong_token, "a", start);
  CHECK(counter.finish(start + 1s)->total() == 2);
}

TEST_CASE("refusals: the number of sources that are kept is bounded") {
  refusal_counter counter;
  for (std::size_t i = 0; i < 3 * server_side::max_refused_sources; ++i) {
    counter.note(refusal::closed_early, std::to_string(i), time_point{});
  }
  const auto summary = counter.finish(time_point{});
  CHECK(summary->sources == server_side::max_refused_sources);
  CHECK(summary->total() == 3 * server_side::max_refused_sources);
}

}  // namespace
}  // namespace rathole::test
