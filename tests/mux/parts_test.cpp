#include "../support/bytes.hpp"
#include "session_steps.hpp"

#include <rathole/mux/hello.hpp>
#include <rathole/mux/rate_limit.hpp>
#include <rathole/mux/sender_queue.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace rathole::test {
namespace {

using mux::mux_errc;

const byte_vector example_hello =
    bytes("02000000 01 00800000 00040000 000000000000000000000000000000000000000000000000");

TEST_CASE("mux hello: has the size and the form of a Hello of wire version 1") {
  const mux::encoded_hello sent = mux::encode_hello(mux::settings().allowed());
  CHECK(to_hex(sent) == to_hex(example_hello));
  CHECK(mux::decode_hello(example_hello) == mux::parameters{32'768, 1024});
}

TEST_CASE("mux hello: what is not allowed is refused") {
  const auto changed = [](std::size_t at, std::uint8_t value) {
    byte_vector out = example_hello;
    out[at] = value;
    return mux::decode_hello(out).error();
  };
  CHECK(changed(0, 1) == errc::malformed_message);
  CHECK(changed(3, 1) == errc::malformed_message);
  CHECK(changed(4, 0) == errc::protocol_version_mismatch);
  CHECK(changed(4, 2) == errc::protocol_version_mismatch);
  // The window is below the smallest one, or beyond the largest one.
  CHECK(changed(6, 0x0f) == errc::malformed_message);
  CHECK(changed(8, 0x01) == errc::malformed_message);
  // No stream, or more than can be.
  CHECK(changed(10, 0) == errc::malformed_message);
  CHECK(changed(11, 1) == errc::malformed_message);
  for (std::size_t at = 13; at < 37; ++at) CHECK(changed(at, 1) == errc::malformed_message);
  for (std::size_t size = 0; size < 37; ++size) {
    CHECK(mux::decode_hello(byte_view(example_hello).first(size)).error() ==
          errc::malformed_message);
  }
  CHECK(mux::decode_hello(example_hello + bytes("00")).error() == errc::malformed_message);
}

TEST_CASE("mux frame: the bytes of the specification") {
  CHECK(to_hex(update(syn, 1, 0x40000)) == "000100010000000100040000");
  CHECK(to_hex(data(fin, 0x01020304, text("ab"))) == "0000000401020304000000026162");
  CHECK(to_hex(ping(ack, 7)) == "000200020000000000000007");
  CHECK(to_hex(go_away(2)) == "000300000000000000000002");
}

TEST_CASE("mux errors: each has a text and a GoAway code") {
  std::set<std::string> texts;
  for (int value = 1; value <= static_cast<int>(mux_errc::going_away); ++value) {
    texts.insert(make_error_code(static_cast<mux_errc>(value)).message());
  }
  CHECK(texts.size() == static_cast<std::size_t>(mux_errc::going_away));
  CHECK(!texts.contains("unknown error"));
  CHECK(make_error_code(static_cast<mux_errc>(99)).message() == "unknown error");
  CHECK(mux::go_away_code_of(mux_errc::ping_flood) == mux::go_away_code::protocol_error);
  CHECK(mux::go_away_code_of(mux_errc::no_answer) == mux::go_away_code::internal_error);
  CHECK(mux::go_away_code_of(mux_errc::ids_exhausted) == mux::go_away_code::normal);
}

TEST_CASE("rate limit: a burst, and then a rate") {
  mux::rate_limit limit({.burst = 3, .per_second = 10});
  for (int i = 0; i < 3; ++i) CHECK(limit.take(mux_start));
  CHECK(!limit.take(mux_start));
  CHECK(!limit.take(mux_start + 99ms));
  CHECK(limit.take(mux_start + 100ms));
  CHECK(!limit.take(mux_start + 100ms));
  for (int i = 0; i < 3; ++i) CHECK(limit.take(mux_start + 10s));
  CHECK(!limit.take(mux_start + 10s));
}

/// Returns which streams send, in order, when each frame has `size` bytes.
std::vector<mux::stream_id> turns(mux::sender_queue& queue, int count, std::uint32_t size) {
  std::vector<mux::stream_id> out;
  for (int i = 0; i < count; ++i) {
    const auto id = queue.next();
    REQUIRE(id.has_value());
    out.push_back(*id);
    queue.charge(*id, size);
  }
  return out;
}

using ids = std::vector<mux::stream_id>;

TEST_CASE("sender queue: streams that send full frames take turns") {
  mux::sender_queue queue;
  for (const mux::stream_id id : {1u, 3u, 5u}) queue.set_ready(id, true);
  CHECK(turns(queue, 6, mux::shared_frame_size) == ids{1, 3, 5, 1, 3, 5});
}

TEST_CASE("sender queue: shares are of bytes, not of frames") {
  mux::sender_queue queue;
  queue.set_ready(1, true);
  queue.set_ready(3, true);
  std::uint64_t small = 0;
  std::uint64_t large = 0;
  for (int i = 0; i < 2000; ++i) {
    const auto id = queue.next();
    queue.charge(*id, id == 1u ? 2000 : mux::shared_frame_size);
    (id == 1u ? small : large) += id == 1u ? 2000 : mux::shared_frame_size;
  }
  CHECK(small > large * 9 / 10);
  CHECK(large > small * 9 / 10);
}

TEST_CASE("sender queue: a stream that becomes ready sends before those that go on") {
  mux::sender_queue queue;
  for (const mux::stream_id id : {1u, 3u, 5u}) queue.set_ready(id, true);
  turns(queue, 9, mux::shared_frame_size);
  queue.set_ready(7, true);
  CHECK(turns(queue, 1, 100) == ids{7});
  queue.set_ready(7, false);
  CHECK(turns(queue, 1, mux::shared_frame_size) == ids{1});
  queue.set_ready(7, true);
  // Within the round it has no second first turn.
  CHECK(turns(queue, 4, mux::shared_frame_size) == ids{3, 7, 5, 1});
}

TEST_CASE("sender queue: streams that come one after the other do not starve those that go on") {
  mux::sender_queue queue;
  queue.set_ready(1, true);
  turns(queue, 3, mux::shared_frame_size);
  int others = 0;
  int most = 0;
  for (mux::stream_id id = 3; id < 2000; id += 2) {
    queue.set_ready(id, true);
    const mux::stream_id sender = *queue.next();
    queue.charge(sender, 100);
    others = sender == 1 ? 0 : others + 1;
    most = std::max(most, others);
    if (sender != 1) queue.remove(sender);
  }
  CHECK(most == mux::sender_queue::max_first_frames);
}

TEST_CASE("sender queue: it remembers nothing of streams that are gone") {
  mux::sender_queue queue;
  CHECK(!queue.next());
  for (mux::stream_id id = 1; id < 100; ++id) queue.set_ready(id, true);
  CHECK(queue.ready() == 99);
  for (mux::stream_id id = 1; id < 100; ++id) {
    if (id % 3 == 0) queue.set_ready(id, false);
    if (id % 5 == 0) turns(queue, 1, 100);
    queue.remove(id);
  }
  CHECK(queue.ready() == 0);
  CHECK(queue.size() == 0);
  CHECK(!queue.next());
}

}  // namespace
}  // namespace rathole::test
