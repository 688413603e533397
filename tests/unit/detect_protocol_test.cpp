#include <rathole/protocol/bincode.hpp>
#include <rathole/protocol/detect_protocol.hpp>
#include <rathole/protocol/protocol_check_layer.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::test {
namespace {

using protocol::detect_protocol;
using protocol::wire_protocol;

std::vector<std::uint8_t> bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

std::vector<std::uint8_t> hello_of(protocol::hello_kind kind) {
  const auto encoded = protocol::bincode::encode_hello({kind, protocol::digest{7}});
  return {encoded.begin(), encoded.end()};
}

TEST_CASE("detect_protocol: the first bytes of each protocol are recognized") {
  struct row {
    const char* name;
    std::vector<std::uint8_t> first;
    wire_protocol look;
  };
  const row rows[] = {
      {"nothing", {}, wire_protocol::other},
      {"too few bytes", {0x16, 3, 1, 0}, wire_protocol::other},
      {"a ClientHello", {0x16, 3, 1, 2, 0}, wire_protocol::tls},
      {"a ServerHello of TLS 1.2", {0x16, 3, 3, 0, 0x5a}, wire_protocol::tls},
      {"an alert", {0x15, 3, 3, 0, 2, 2, 10}, wire_protocol::tls},
      {"application data", {0x17, 3, 3, 0x40, 0}, wire_protocol::tls},
      {"a record of no version", {0x16, 4, 1, 0, 5}, wire_protocol::other},
      {"a record of no type", {0x18, 3, 1, 0, 5}, wire_protocol::other},
      {"an upgrade", bytes_of("GET / HTTP/1.1\r\n"), wire_protocol::http},
      {"a browser", bytes_of("GET /favicon.ico HTTP/1.1\r\n"), wire_protocol::http},
      {"a proxy's request", bytes_of("CONNECT h:1 HTTP/1.1\r\n"), wire_protocol::http},
      {"a post", bytes_of("POST /"), wire_protocol::http},
      {"an answer", bytes_of("HTTP/1.1 400 Bad Request\r\n"), wire_protocol::http},
      {"HTTP in lower case", bytes_of("get / http/1.1"), wire_protocol::other},
      {"SSH", bytes_of("SSH-2.0-OpenSSH_9.2"), wire_protocol::other},
      {"text", bytes_of("EHLO there"), wire_protocol::other},
      {"a control Hello", hello_of(protocol::hello_kind::control), wire_protocol::hello},
      {"a data Hello", hello_of(protocol::hello_kind::data), wire_protocol::hello},
      {"a Hello of a later version", {0, 0, 0, 0, 2}, wire_protocol::hello},
      {"a Hello of multiplexing", hello_of(protocol::hello_kind::multiplexed),
       wire_protocol::hello},
      {"another variant", {3, 0, 0, 0, 1}, wire_protocol::other},
      {"a first message of Noise_NK", {48, 0, 0x9a, 0x12, 0}, wire_protocol::noise},
      {"a first message of Noise_NN", {32, 0, 1, 0, 0}, wire_protocol::noise},
      {"a first message of Noise_IK", {96, 0, 0, 1, 0}, wire_protocol::noise},
      {"a length that is too small", {31, 0, 1, 2, 3}, wire_protocol::other},
      {"a length and nothing else", {48, 0, 0, 0, 0}, wire_protocol::other},
  };
  for (const row& each : rows) {
    CAPTURE(each.name);
    CHECK(detect_protocol(each.first) == each.look);
    const bool is_other = each.look != wire_protocol::other && each.look != wire_protocol::hello;
    CHECK(static_cast<bool>(protocol::other_protocol(each.first)) == is_other);
  }
}

TEST_CASE("detect_protocol: only the first five bytes are considered") {
  std::vector<std::uint8_t> first = {0x16, 3, 1, 2, 0};
  for (int more = 0; more < 40; ++more) {
    CHECK(detect_protocol(first) == wire_protocol::tls);
    first.push_back(static_cast<std::uint8_t>(more));
  }
}

/// A layer that passes everything on once it has received "hello there", and replies to anything
/// else.
class greeting_layer {
 public:
  result<void> start(byte_buffer&) { return {}; }
  result<void> receive(byte_view in, byte_buffer& app, byte_buffer& wire) {
    if (error_) return failure(error_);
    for (const std::uint8_t byte : in) {
      if (seen_ == greeting.size()) {
        app.append(byte_view(&byte, 1));
      } else if (byte == static_cast<std::uint8_t>(greeting[seen_])) {
        ++seen_;
      } else {
        wire.append(byte_view(&byte, 1));
        error_ = errc::unexpected_message;
        return failure(error_);
      }
    }
    return {};
  }
  result<void> receive_end() { return error_ ? failure(error_) : failure(errc::truncated); }
  result<void> send(byte_view in, byte_buffer& wire) {
    wire.append(in);
    return {};
  }
  result<void> close(byte_buffer&) { return {}; }
  [[nodiscard]] phase state() const {
    return seen_ == greeting.size() ? phase::open : phase::handshaking;
  }

 private:
  static constexpr std::string_view greeting = "GET / there";
  std::size_t seen_ = 0;
  std::error_code error_;
};

using checked_layer = protocol::protocol_check_layer<greeting_layer, wire_protocol::http>;
static_assert(Layer<checked_layer> && !TimedLayer<checked_layer>);

struct outcome {
  std::error_code error;
  std::vector<std::uint8_t> app;
  std::vector<std::uint8_t> wire;
  bool operator==(const outcome&) const = default;
};

/// Returns the result of `in` in pieces of `size` bytes.
outcome play(const std::vector<std::uint8_t>& in, std::size_t size) {
  checked_layer layer{greeting_layer()};
  byte_buffer app;
  byte_buffer wire;
  outcome out;
  for (std::size_t at = 0; at < in.size() && !out.error; at += size) {
    const byte_view piece = byte_view(in).subspan(at, std::min(size, in.size() - at));
    if (const auto done = layer.receive(piece, app, wire); !done) out.error = done.error();
  }
  if (out.error) {
    CHECK(layer.state() != phase::open);
    CHECK_FALSE(layer.receive(in, app, wire));
    CHECK_FALSE(layer.receive_end());
  }
  out.app.assign(app.data().begin(), app.data().end());
  out.wire.assign(wire.data().begin(), wire.data().end());
  return out;
}

TEST_CASE("protocol_check_layer: the peer's protocol is reported, however its bytes are split") {
  struct row {
    std::vector<std::uint8_t> in;
    outcome expected;
  };
  const row rows[] = {
      {bytes_of("GET / there and more"), {{}, bytes_of(" and more"), {}}},
      {bytes_of("GET / where"), {errc::unexpected_message, {}, bytes_of("w")}},
      {{0x16, 3, 1, 2, 0, 1, 2}, {protocol::wrong_protocol(wire_protocol::tls), {}, {0x16}}},
      {{48, 0, 1, 2, 3, 4, 5}, {protocol::wrong_protocol(wire_protocol::noise), {}, {48}}},
      {{0, 0, 0, 0, 1, 9}, {protocol::wrong_protocol(wire_protocol::hello), {}, {0}}},
      {bytes_of("SSH-2.0"), {errc::unexpected_message, {}, bytes_of("S")}},
      {bytes_of("GET"), {}},
  };
  for (const row& each : rows) {
    CAPTURE(std::string(each.in.begin(), each.in.end()));
    for (std::size_t size = 1; size <= each.in.size(); ++size) {
      CAPTURE(size);
      CHECK(play(each.in, size) == each.expected);
    }
  }
}

TEST_CASE("protocol_check_layer: an end before the detection is passed on") {
  checked_layer layer{greeting_layer()};
  byte_buffer app;
  byte_buffer wire;
  CHECK(layer.receive(bytes_of("GET"), app, wire));
  CHECK(layer.receive_end() == failure(errc::truncated));
  // The error is final, whatever arrives after it.
  const std::vector<std::uint8_t> tls = {0x16, 3, 1, 2, 0};
  CHECK(layer.receive(tls, app, wire) == failure(errc::truncated));
  CHECK(layer.state() == phase::closed);
}

}  // namespace
}  // namespace rathole::test
