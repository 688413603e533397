#include "../support/property.hpp"
#include "session_steps.hpp"

#include <rathole/mux/error.hpp>
#include <rathole/mux/hello.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace rathole::test {
namespace {

using mux::role;

/// Draws one frame that a peer may send, or must not. `next` is the id of the next stream.
byte_vector any_frame(mux::stream_id& next) {
  auto id = *rc::gen::weightedElement<std::uint32_t>(
      {{30, 1}, {30, 3}, {30, 5}, {20, 7}, {1, 9}, {1, 2}, {1, 0}});
  const auto flags = *rc::gen::weightedElement<std::uint16_t>(
      {{60, 0}, {40, syn}, {1, ack}, {8, fin}, {4, rst}, {10, syn | fin}, {1, 5 | rst}});
  if ((flags & syn) != 0 && *rc::gen::inRange(0, 20) > 0) {
    id = next;
    next += 2;
  }
  switch (*rc::gen::inRange(0, 20)) {
    case 0: return ping(syn, *rc::gen::inRange<std::uint32_t>(0, 3));
    case 1: return ping(ack, *rc::gen::inRange<std::uint32_t>(0, 3));
    case 2: return go_away(0);
    case 3:
    case 4:
    case 5:
    case 6: return update(flags, id, *rc::gen::inRange<std::uint32_t>(0, 100'000));
    case 7:
    case 8: return zeros(flags, id, *rc::gen::inRange<std::size_t>(0, 20'000));
    default: return data(flags, id, *any_bytes(20));
  }
}

/// What a session does with some input. Pieces of a payload are joined, and window updates are left
/// out, because both depend on how the input is cut.
struct seen_behaviour {
  lines events;
  lines sent;
  std::error_code error;

  bool operator==(const seen_behaviour&) const = default;

  friend std::ostream& operator<<(std::ostream& out, const seen_behaviour& in) {
    for (const auto& line : in.events) out << line.substr(0, 40) << "; ";
    out << " sent: ";
    for (const auto& line : in.sent) out << line << "; ";
    return out << in.error;
  }
};

class observed_session {
 public:
  explicit observed_session(bool consumes) : server_(role::server), consumes_(consumes) {}

  void receive(byte_view in) {
    while (!seen_.error) {
      const auto event = server_.session.receive(in, server_.now);
      if (!event) {
        seen_.error = event.error();
        break;
      }
      if (!*event) {
        RC_ASSERT(in.empty());
        break;
      }
      add(**event);
    }
    // Once it has returned nothing, it returns nothing until input arrives.
    byte_view none;
    const auto again = server_.session.receive(none, server_.now);
    if (seen_.error) {
      RC_ASSERT(!again.has_value());
      RC_ASSERT(again.error() == seen_.error);
    } else {
      RC_ASSERT(again.has_value());
      RC_ASSERT(!again->has_value());
    }
  }

  void transmit() {
    byte_buffer out;
    server_.session.transmit(out);
    for (byte_view rest = out.data(); !rest.empty(); rest = rest.subspan(mux::header_size)) {
      const mux::frame_header frame = *mux::decode(rest.first<mux::header_size>());
      if (frame.type == mux::frame_type::window_update && !frame.has(rst)) {
        credit_[frame.id] += frame.length;
      } else {
        seen_.sent.push_back(line_of(frame));
      }
    }
    // The peer has got the credit for all but less than half a window.
    for (const auto& [id, count] : consumed_) {
      RC_ASSERT(credit_[id] <= count);
      const bool is_there = !seen_.error && server_.session.window(id) > 0;
      const bool has_ended = std::ranges::any_of(seen_.events, [&](const std::string& line) {
        return line.starts_with("last " + std::to_string(id) + " ");
      });
      RC_ASSERT(!is_there || has_ended || count - credit_[id] < mux::default_initial_window / 2);
    }
  }

  [[nodiscard]] const seen_behaviour& seen() const { return seen_; }
  [[nodiscard]] const mux::session& session() const { return server_.session; }

 private:
  void add(const mux::session_event& event) {
    const std::string line = line_of(event);
    const auto* bytes = std::get_if<mux::stream_data>(&event);
    const std::string data_of = bytes ? "data " + std::to_string(bytes->id) + " " : "";
    lines& all = seen_.events;
    if (bytes && !all.empty() && all.back().starts_with(data_of)) {
      if (bytes->are_last) all.back().replace(0, 4, "last");
      all.back().append(bytes->bytes.begin(), bytes->bytes.end());
    } else {
      all.push_back(line);
    }
    if (!bytes || !consumes_) return;
    server_.session.consumed(bytes->id, bytes->bytes.size(), server_.now);
    consumed_[bytes->id] += bytes->bytes.size();
  }

  tested_session server_;
  bool consumes_;
  seen_behaviour seen_;
  std::map<mux::stream_id, std::size_t> credit_;
  std::map<mux::stream_id, std::size_t> consumed_;
};

TEST_CASE("session: any split of the input gives the same events and frames") {
  RATHOLE_PROPERTY("split", [](bool consumes) {
    byte_vector input;
    const int count = *rc::gen::inRange(0, 40);
    mux::stream_id next = 1;
    for (; count > 0 && next < 9; next += 2) input = std::move(input) + update(syn, next);
    for (int i = 0; i < count; ++i) input = std::move(input) + any_frame(next);
    if (*rc::gen::inRange(0, 10) == 0) input = std::move(input) + *any_bytes(30);

    observed_session whole(consumes);
    whole.receive(input);
    whole.transmit();
    RC_CLASSIFY(!whole.seen().error);
    RC_CLASSIFY(whole.seen().events.size() > 5);

    const auto cuts = *rc::gen::nonEmpty(
        rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(1, 60)));
    observed_session cut(consumes);
    byte_view rest = input;
    for (std::size_t i = 0; !rest.empty(); ++i) {
      const std::size_t size = std::min(rest.size(), cuts[i % cuts.size()]);
      cut.receive(rest.first(size));
      if (i % 3 == 0) cut.transmit();
      rest = rest.subspan(size);
    }
    cut.transmit();
    // What was consumed gives the peer credit only once the frame with it has left, and here the other
    // session has transmitted earlier.
    if (consumes && whole.seen().error == mux::mux_errc::window_overrun) return;
    // After an error only the GoAway is certain; the other session may have transmitted more.
    seen_behaviour expected = whole.seen();
    seen_behaviour got = cut.seen();
    if (expected.error) {
      RC_ASSERT(got.sent.back() == expected.sent.back());
      expected.sent = got.sent;
    }
    RC_ASSERT(got == expected);
    RC_ASSERT(cut.session().unread() == whole.session().unread());
    RC_ASSERT(cut.session().streams() == whole.session().streams());
  });
}

TEST_CASE("mux hello: is decoded as it was encoded") {
  RATHOLE_PROPERTY("hello", [] {
    const mux::parameters in{*rc::gen::inRange(mux::min_initial_window, mux::max_window + 1),
                             *rc::gen::inRange<std::uint32_t>(1, mux::max_streams_limit + 1)};
    RC_ASSERT(holds(mux::decode_hello(mux::encode_hello(in)), in));
  });
}

TEST_CASE("mux frame: what is accepted is encoded as it was") {
  RATHOLE_PROPERTY("frame", [] {
    byte_vector in = *rc::gen::container<byte_vector>(12, rc::gen::arbitrary<std::uint8_t>());
    in[0] = 0;
    in[1] &= 3;
    in[2] = 0;
    in[3] &= 15;
    if (in[1] > 1) std::fill(in.begin() + 4, in.begin() + 8, std::uint8_t{0});
    const auto header = mux::decode(byte_view(in).first<12>());
    RC_PRE(header.has_value());
    RC_ASSERT(std::ranges::equal(mux::encode(*header), in));
  });
}

}  // namespace
}  // namespace rathole::test
