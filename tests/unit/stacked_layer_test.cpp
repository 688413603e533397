#include "../support/bytes.hpp"

#include <rathole/core/stacked_layer.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <string_view>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;

constexpr time_point now{1h};

/// An example layer: it sends its mark and waits for one; then bytes pass unchanged. One byte means
/// the end, unless it is 0, and one is an error, to which it replies '?' as its last message. It
/// sends its mark again at its deadline.
struct toy {
  char mark = 'a';
  char end_mark = 0;
  char error_mark = '!';
  std::optional<time_point> deadline_at = {};
  phase at = phase::handshaking;
  std::error_code error = {};

  result<void> start(byte_buffer& wire) {
    wire.append(text({&mark, 1}));
    return {};
  }

  result<void> receive(byte_view in, byte_buffer& app, byte_buffer& wire) {
    for (const std::uint8_t byte : in) {
      if (error) return failure(error);
      if (at == phase::handshaking && byte == mark) {
        at = phase::open;
      } else if (byte == error_mark) {
        wire.append(text("?"));
        return fail(errc::malformed_message);
      } else if (byte == end_mark) {
        end();
      } else {
        app.append({&byte, 1});
      }
    }
    return {};
  }

  result<void> receive_end() {
    if (at == phase::handshaking) return fail(errc::truncated);
    if (end_mark != 0 && can_receive(at)) return fail(errc::truncated);
    if (can_receive(at)) end();
    return {};
  }

  result<void> send(byte_view in, byte_buffer& wire) {
    wire.append(in);
    return {};
  }

  result<void> close(byte_buffer& wire) {
    if (end_mark != 0) wire.append(text({&end_mark, 1}));
    at = at == phase::open ? phase::write_closed : phase::closed;
    return {};
  }

  [[nodiscard]] phase state() const { return at; }

  result<void> poll(time_point when, byte_buffer& wire) {
    if (deadline_at && when >= *deadline_at) {
      deadline_at.reset();
      wire.append(text({&mark, 1}));
    }
    return {};
  }
  [[nodiscard]] std::optional<time_point> deadline() const { return deadline_at; }

 private:
  void end() { at = at == phase::open ? phase::read_closed : phase::closed; }
  std::unexpected<std::error_code> fail(errc why) {
    error = why;
    at = phase::closed;
    return failure(error);
  }
};

static_assert(TimedLayer<stacked_layer<toy, toy>>);

/// A stack of two layers with its input and output.
struct stack {
  stacked_layer<toy, toy> it;
  byte_buffer app = {};
  byte_buffer wire = {};

  /// Returns the error of receiving `in`, if any.
  std::error_code take(std::string_view in) {
    const auto taken = it.receive(text(in), app, wire);
    return taken ? std::error_code() : taken.error();
  }
  std::string sent() { return taken_out(wire); }
  std::string received() { return taken_out(app); }

 private:
  static std::string taken_out(byte_buffer& from) {
    std::string out(reinterpret_cast<const char*>(from.data().data()), from.size());
    from.clear();
    return out;
  }
};

/// An upper layer that announces its end, with '.', and one that does not.
const toy upper{.mark = 'u', .end_mark = '.'};
const toy silent_upper{.mark = 'u'};
/// A lower layer that announces its end, with ',', and one that does not. Their errors are '#'.
const toy lower{.mark = 'l', .end_mark = ',', .error_mark = '#'};
const toy silent_lower{.mark = 'l', .error_mark = '#'};

stack open_stack(const toy& above, const toy& below) {
  stack out{{above, below}};
  REQUIRE(out.it.start(out.wire));
  CHECK(out.sent() == "l");
  CHECK(out.it.state() == phase::handshaking);
  CHECK(out.take("l") == std::error_code());
  // The upper layer begins when the lower one is open.
  CHECK(out.sent() == "u");
  CHECK(out.it.state() == phase::handshaking);
  CHECK(out.take("u") == std::error_code());
  CHECK(out.it.state() == phase::open);
  return out;
}

TEST_CASE("stacked_layer: bytes pass through both layers") {
  stack out = open_stack(upper, lower);
  REQUIRE(out.it.send(text("down"), out.wire));
  CHECK(out.sent() == "down");
  CHECK(out.take("up") == std::error_code());
  CHECK(out.received() == "up");
  // Also bytes that arrive with the end of both handshakes.
  stack early{{upper, lower}};
  REQUIRE(early.it.start(early.wire));
  CHECK(early.take("luup") == std::error_code());
  CHECK(early.received() == "up");
}

TEST_CASE(
    "stacked_layer: the upper layer's end is sent first, then the lower one's if both have ended") {
  stack out = open_stack(upper, lower);
  REQUIRE(out.it.close(out.wire));
  CHECK(out.sent() == ".");
  CHECK(out.it.state() == phase::write_closed);
  CHECK(out.take("more.") == std::error_code());
  CHECK(out.received() == "more");
  CHECK(out.sent() == ",");
  CHECK(out.it.state() == phase::closed);
  // How the stream below ends does not matter afterwards.
  CHECK(out.it.receive_end());

  stack other = open_stack(upper, lower);
  CHECK(other.take(".,") == std::error_code());
  CHECK(other.sent().empty());
  CHECK(other.it.state() == phase::read_closed);
  CHECK(other.it.receive_end());
  REQUIRE(other.it.send(text("late"), other.wire));
  REQUIRE(other.it.close(other.wire));
  CHECK(other.sent() == "late.,");
  CHECK(other.it.state() == phase::closed);
}

TEST_CASE("stacked_layer: if the upper layer does not announce its end, the lower one does") {
  stack out = open_stack(silent_upper, lower);
  REQUIRE(out.it.close(out.wire));
  CHECK(out.sent() == ",");
  CHECK(out.it.state() == phase::write_closed);
  CHECK(out.take("late,") == std::error_code());
  CHECK(out.received() == "late");
  CHECK(out.sent().empty());
  CHECK(out.it.state() == phase::closed);

  // If neither layer announces the end, the stream below does.
  stack bare = open_stack(silent_upper, silent_lower);
  REQUIRE(bare.it.close(bare.wire));
  CHECK(bare.sent().empty());
  CHECK_FALSE(can_send(bare.it.state()));
  CHECK(bare.it.receive_end());
  CHECK(bare.it.state() == phase::closed);
}

TEST_CASE("stacked_layer: an end below that the upper layer did not announce is truncation") {
  stack announced = open_stack(upper, lower);
  CHECK(announced.take("up,") == errc::truncated);
  CHECK(announced.received() == "up");
  CHECK(announced.it.state() == phase::closed);

  stack unannounced = open_stack(upper, silent_lower);
  CHECK(unannounced.it.receive_end().error() == errc::truncated);
  CHECK(unannounced.it.state() == phase::closed);

  stack shaking{{upper, silent_lower}};
  REQUIRE(shaking.it.start(shaking.wire));
  CHECK(shaking.take("l") == std::error_code());
  CHECK(shaking.it.receive_end().error() == errc::truncated);
}

TEST_CASE("stacked_layer: an error of either layer ends it, after the closing message") {
  for (const std::string_view in : {"before!after", "before#after"}) {
    CAPTURE(in);
    stack out = open_stack(upper, lower);
    CHECK(out.take(in) == errc::malformed_message);
    CHECK(out.received() == "before");
    CHECK(out.sent() == "?");
    CHECK(out.it.state() == phase::closed);
    CHECK_FALSE(out.it.deadline());
    CHECK(out.take("x") == errc::malformed_message);
    CHECK(out.it.send(text("x"), out.wire).error() == errc::malformed_message);
    CHECK(out.it.close(out.wire).error() == errc::malformed_message);
    CHECK(out.it.receive_end().error() == errc::malformed_message);
    CHECK(out.it.poll(now, out.wire).error() == errc::malformed_message);
    CHECK(out.sent().empty());
  }
}

TEST_CASE("stacked_layer: bytes before the lower layer's error are still delivered") {
  stack out{{upper, lower}};
  REQUIRE(out.it.start(out.wire));
  CHECK(out.take("luup#") == errc::malformed_message);
  CHECK(out.received() == "up");
  CHECK(out.sent() == "l?");
}

TEST_CASE("stacked_layer: each layer acts at its own deadline") {
  toy above = upper;
  above.deadline_at = now + 2s;
  toy below = lower;
  below.deadline_at = now + 1s;
  stack out = open_stack(above, below);
  CHECK(out.it.deadline() == now + 1s);
  REQUIRE(out.it.poll(now, out.wire));
  CHECK(out.sent().empty());
  REQUIRE(out.it.poll(now + 1s, out.wire));
  CHECK(out.sent() == "l");
  CHECK(out.it.deadline() == now + 2s);
  REQUIRE(out.it.poll(now + 2s, out.wire));
  CHECK(out.sent() == "u");
  CHECK_FALSE(out.it.deadline());
}

}  // namespace
}  // namespace rathole::test
