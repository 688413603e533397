#include "../support/bytes.hpp"

#include <rathole/websocket/layer.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;

/// Generates the bytes 1, 2, 3, and so on; or 0x11, 0x22, 0x33, 0x44 repeatedly.
struct seeded_rng {
  bool repeats = false;
  std::uint8_t next = 1;
  void fill(byte_span out) {
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = repeats ? static_cast<std::uint8_t>(0x11 * (i % 4 + 1)) : next++;
    }
  }
};

using layer = websocket::layer<seeded_rng>;

constexpr time_point now{1h};

constexpr std::string_view request =
    "GET / HTTP/1.1\r\n"
    "Host: example.com:2333\r\n"
    "Connection: Upgrade\r\n"
    "Upgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n"
    "\r\n";
constexpr std::string_view response =
    "HTTP/1.1 101 Switching Protocols\r\n"
    "connection: Upgrade\r\n"
    "upgrade: websocket\r\n"
    "sec-websocket-accept: C/0nmHhBztSRGR1CwL6Tf4ZjwpY=\r\n"
    "\r\n";

std::string as_text(const byte_buffer& in) {
  return {reinterpret_cast<const char*>(in.data().data()), in.size()};
}

/// A layer with its input and output.
struct end {
  layer it;
  byte_buffer app = {};
  byte_buffer wire = {};

  std::error_code take(byte_view in) {
    const auto taken = it.receive(in, app, wire);
    return taken ? std::error_code() : taken.error();
  }
  std::error_code take(std::string_view in) { return take(text(in)); }
};

/// Returns a client whose frames have the mask 11 22 33 44.
end client(websocket::client_settings settings = {.host = "example.com:2333"}) {
  end out{layer::client(std::move(settings), seeded_rng{.repeats = true})};
  REQUIRE(out.it.start(out.wire));
  return out;
}

end open_client(websocket::client_settings settings = {.host = "h"}) {
  end out = client(std::move(settings));
  out.wire.clear();
  const std::string key = to_base64(bytes("11223344112233441122334411223344"));
  const std::string answer =
      "HTTP/1.1 101 \r\nconnection: upgrade\r\nupgrade: WebSocket\r\nsec-websocket-accept: " +
      websocket::accept_key(key) + "\r\n\r\n";
  CHECK(out.take(answer) == std::error_code());
  REQUIRE(out.it.state() == phase::open);
  return out;
}

end server(websocket::server_settings settings = {}) {
  end out{layer::server(std::move(settings))};
  REQUIRE(out.it.start(out.wire));
  REQUIRE(out.wire.empty());
  return out;
}

end open_server(websocket::server_settings settings = {}) {
  end out = server(std::move(settings));
  CHECK(out.take(request) == std::error_code());
  REQUIRE(out.it.state() == phase::open);
  out.wire.clear();
  return out;
}

TEST_CASE("websocket: the client's request is upstream's") {
  end out{layer::client({.host = "example.com:2333"}, seeded_rng())};
  REQUIRE(out.it.start(out.wire));
  CHECK(as_text(out.wire) == request);
  CHECK(out.it.state() == phase::handshaking);
  CHECK(out.take(response) == std::error_code());
  CHECK(out.it.state() == phase::open);
}

TEST_CASE("websocket: a configured path and headers are part of the request") {
  websocket::client_settings settings{.path = "/tunnel?a=b", .host = "cdn.example"};
  settings.headers.emplace_back("CF-Access-Client-Secret", secret("s3cret"));
  settings.headers.emplace_back("X-Empty", secret());
  const std::string sent = as_text(client(std::move(settings)).wire);
  CHECK(sent.starts_with("GET /tunnel?a=b HTTP/1.1\r\nHost: cdn.example\r\nConnection: "));
  CHECK(sent.ends_with("==\r\nCF-Access-Client-Secret: s3cret\r\nX-Empty: \r\n\r\n"));
}

TEST_CASE("websocket: the server's response is upstream's") {
  end out = server();
  CHECK(out.take(request) == std::error_code());
  CHECK(as_text(out.wire) == response);
  CHECK(out.it.state() == phase::open);
}

TEST_CASE("websocket: the server accepts requests of other clients") {
  const std::string_view nginx =
      "GET /any/path?x HTTP/1.1\r\nhost: a\r\nCONNECTION: keep-alive, Upgrade\r\n"
      "upgrade: WebSocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
      "Sec-WebSocket-Version: 13\r\n\r\n";
  CHECK(server().take(nginx) == std::error_code());
  CHECK(server({.path = "/any/path"}).take(nginx) == std::error_code());
  CHECK(server({.path = "/any/path?x"}).take(nginx) == std::error_code());
  // A frame may already follow the request.
  end out = server();
  CHECK(out.take(std::string(request) + "\x82\x81\x01\x02\x03\x04" + "b") == std::error_code());
  CHECK(as_text(out.app) == "c");
}

TEST_CASE("websocket: requests that the server refuses, and with which status") {
  struct refusal {
    std::string_view from;
    std::string_view to;
    std::string_view status;
    int code;
  };
  const std::vector<refusal> table{
      {"GET / ", "POST / ", "400 Bad Request", 400},
      {"HTTP/1.1", "HTTP/1.0", "400 Bad Request", 400},
      {"HTTP/1.1", "HTTP/2.0", "400 Bad Request", 400},
      {"GET / ", "GET /other ", "404 Not Found", 404},
      {"GET / ", "GET /x?/ ", "404 Not Found", 404},
      {"Connection: Upgrade", "Connection: close", "426 Upgrade Required", 426},
      {"Upgrade: websocket", "Upgrade: h2c", "426 Upgrade Required", 426},
      {"Version: 13", "Version: 8", "426 Upgrade Required", 426},
      {"Version: 13", "Versio: 13", "426 Upgrade Required", 426},
      {"Sec-WebSocket-Key", "Sec-WebSocket-Kez", "400 Bad Request", 400},
      {"AQIDBAUGBwgJCgsMDQ4PEA==", "", "400 Bad Request", 400},
      {"AQIDBAUGBwgJCgsMDQ4PEA==", "x", "400 Bad Request", 400},
      {"AQIDBAUGBwgJCgsMDQ4PEA==", "AQIDBAUGBwgJCgsMDQ4PEA", "400 Bad Request", 400},
      {"AQIDBAUGBwgJCgsMDQ4PEA==", "AQIDBAUGBwgJCgsMDQ4P", "400 Bad Request", 400},
      {"AQIDBAUGBwgJCgsMDQ4PEA==", "AQIDBAUGBwgJCgsMDQ4PEBE=", "400 Bad Request", 400},
      {"AQIDBAUGBwgJCgsMDQ4PEA==", "AQIDBAUGBwgJCgsMDQ4PEBES", "400 Bad Request", 400},
      {"AQIDBAUGBwgJCgsMDQ4PEA==", "AQIDBAUGBwgJCgsMDQ4P-_==", "400 Bad Request", 400},
      {"Host: example.com:2333", "Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==", "400 Bad Request",
       400},
  };
  for (const refusal& each : table) {
    CAPTURE(each.to);
    std::string changed(request);
    changed.replace(changed.find(each.from), each.from.size(), each.to);
    end out = server({.path = "/"});
    const std::error_code ec = out.take(changed);
    CHECK(ec == std::error_code(each.code, websocket::refusal_category()));
    const std::string answer = as_text(out.wire);
    CHECK(answer.starts_with("HTTP/1.1 " + std::string(each.status) + "\r\n"));
    CHECK(answer.ends_with("\r\ncontent-length: 0\r\n\r\n"));
    CHECK(answer.contains("sec-websocket-version: 13\r\n") == (each.code == 426));
    CHECK(out.it.state() == phase::closed);
    CHECK(out.take("x") == ec);
  }
  CHECK(std::error_code(404, websocket::refusal_category()).message() ==
        "the upgrade was refused with HTTP 404 Not Found");

  end out = server();
  CHECK(out.take("\x16\x03\x01\x02") == errc::malformed_http);
  CHECK(as_text(out.wire).starts_with("HTTP/1.1 400 "));
}

TEST_CASE("websocket: responses that the client refuses") {
  struct refusal {
    std::string_view from;
    std::string_view to;
    std::error_code error;
  };
  const auto status = [](int code) { return std::error_code(code, websocket::answer_category()); };
  const std::vector<refusal> table{
      {"101 Switching Protocols", "502 Bad Gateway", status(502)},
      {"101 Switching Protocols", "404", status(404)},
      {"101 Switching Protocols", "999 x", errc::malformed_http},
      {"HTTP/1.1", "HTTP/9.1", errc::malformed_http},
      {"HTTP/1.1", "ICY", errc::malformed_http},
      {"upgrade: websocket", "upgrade: h2c", errc::upgrade_refused},
      {"upgrade: websocket", "x: websocket", errc::upgrade_refused},
      {"connection: Upgrade", "connection: close", errc::upgrade_refused},
      {"C/0nm", "c/0nm", errc::upgrade_refused},
      {"sec-websocket-accept: C", "sec-websocket-accept: x\r\nsec-websocket-accept: C",
       errc::upgrade_refused},
      {"upgrade: websocket", "upgrade: websocket\r\nsec-websocket-extensions: permessage-deflate",
       errc::upgrade_refused},
  };
  for (const refusal& each : table) {
    CAPTURE(each.to);
    std::string changed(response);
    changed.replace(changed.find(each.from), each.from.size(), each.to);
    end out{layer::client({.host = "h"}, seeded_rng())};
    REQUIRE(out.it.start(out.wire));
    out.wire.clear();
    CHECK(out.take(changed) == each.error);
    CHECK(out.wire.empty());
    CHECK(out.it.state() == phase::closed);
  }
  CHECK(status(502).message() == "the server answered the upgrade with HTTP 502 Bad Gateway");
  CHECK(status(599).message() == "the server answered the upgrade with HTTP 599");
}

TEST_CASE("websocket: messages on the wire are upstream's") {
  const byte_vector hello = bytes(
      "00000000 01 000102030405060708090a0b0c0d0e0f"
      "101112131415161718191a1b1c1d1e1f");
  end a = open_server();
  REQUIRE(a.it.send(hello, a.wire));
  CHECK(to_hex(a.wire.data()) == "8225" + to_hex(hello));
  a.wire.clear();
  REQUIRE(a.it.send(bytes("00000000"), a.wire));
  CHECK(to_hex(a.wire.data()) == "820400000000");
  a.wire.clear();
  REQUIRE(a.it.send(byte_vector(8192), a.wire));
  CHECK(to_hex(a.wire.data().first(4)) == "827e2000");
  a.wire.clear();
  REQUIRE(a.it.send(byte_vector(65536), a.wire));
  CHECK(to_hex(a.wire.data().first(10)) == "827f0000000000010000");

  end b = open_client();
  REQUIRE(b.it.send(byte_vector(8192), b.wire));
  CHECK(to_hex(b.wire.data().first(8)) == "82fe200011223344");
  b.wire.clear();
  const byte_vector client_hello = bytes(
      "82 a5 11 22 33 44 11 22 33 44 10 5d 69 11 de 1d bb fa 82 4d 8a 00 13 6b f8 00 8e 12 54 88 "
      "ff 69 61 19 11 05 ef d6 69 80 af 76 d0");
  end c = open_server();
  CHECK(c.take(client_hello) == std::error_code());
  REQUIRE(c.app.size() == 37);
  CHECK(to_hex(c.app.data().first(5)) == "0000000001");
  REQUIRE(b.it.send(c.app.data(), b.wire));
  CHECK(to_hex(b.wire.data()) == to_hex(client_hello));
}

TEST_CASE("websocket: the examples of RFC 6455 section 5.7, as Binary") {
  end out = open_client();
  CHECK(out.take(bytes("8205 48656c6c6f")) == std::error_code());
  CHECK(as_text(out.app) == "Hello");
  end fragments = open_client();
  CHECK(fragments.take(bytes("0203 48656c 8900 8002 6c6f 8a00 0200 0000 8000 8200")) ==
        std::error_code());
  CHECK(as_text(fragments.app) == "Hello");
  // The Ping between the fragments was answered, with the client's mask.
  CHECK(to_hex(fragments.wire.data()) == "8a8011223344");
  end masked = open_server();
  CHECK(masked.take(bytes("8285 37fa213d 7f9f4d5158")) == std::error_code());
  CHECK(as_text(masked.app) == "Hello");
  CHECK(masked.take(bytes("8985 37fa213d 7f9f4d5158")) == std::error_code());
  CHECK(to_hex(masked.wire.data()) == "8a0548656c6c6f");
}

TEST_CASE("websocket: invalid frames end the connection with a Close") {
  struct malformed {
    std::string_view what;
    std::string_view frame;
    errc error;
    std::string_view close_frame;
  };
  const std::vector<malformed> to_client{
      {"RSV1", "c200", errc::malformed_message, "88021002"},
      {"RSV2", "a200", errc::malformed_message, "88021002"},
      {"RSV3", "9200", errc::malformed_message, "88021002"},
      {"opcode 3", "8300", errc::malformed_message, "1002"},
      {"opcode 7", "8700", errc::malformed_message, "1002"},
      {"opcode 11", "8b00", errc::malformed_message, "1002"},
      {"opcode 15", "8f00", errc::malformed_message, "1002"},
      {"masked", "828011223344", errc::malformed_message, "1002"},
      {"fragmented Close", "0800", errc::malformed_message, "1002"},
      {"fragmented Ping", "0900", errc::malformed_message, "1002"},
      {"fragmented Pong", "0a00", errc::malformed_message, "1002"},
      {"long Ping", "897e007e", errc::malformed_message, "1002"},
      {"length of 125 in 2", "827e007d", errc::malformed_message, "1002"},
      {"length of 65535 in 8", "827f000000000000ffff", errc::malformed_message, "1002"},
      {"length of 64 bits", "827f8000000000000000", errc::malformed_message, "1002"},
      {"continuation of nothing", "8000", errc::malformed_message, "1002"},
      {"Binary in a message", "0200 8200", errc::malformed_message, "1002"},
      {"continuation behind a message", "8200 8000", errc::malformed_message, "1002"},
      {"Text", "8100", errc::unexpected_message, "1003"},
      {"a frame of 16 MiB + 1", "827f0000000001000001", errc::message_too_long, "1009"},
  };
  for (const malformed& each : to_client) {
    CAPTURE(each.what);
    end out = open_client();
    CHECK(out.take(bytes(each.frame)) == each.error);
    const int code = std::stoi(std::string(each.close_frame.substr(each.close_frame.size() - 4)));
    const byte_vector expected =
        bytes("8882 11223344") + byte_vector{static_cast<std::uint8_t>(code >> 8 ^ 0x11),
                                             static_cast<std::uint8_t>((code & 0xff) ^ 0x22)};
    CHECK(to_hex(out.wire.data()) == to_hex(expected));
    CHECK(out.it.state() == phase::closed);
    CHECK(out.it.receive_end().error() == each.error);
  }
  end unmasked = open_server();
  CHECK(unmasked.take(bytes("8200")) == errc::malformed_message);
  CHECK(to_hex(unmasked.wire.data()) == "880203ea");
  // After our Close there is no second one.
  end closing = open_server();
  REQUIRE(closing.it.close(closing.wire));
  CHECK(closing.take(bytes("8200")) == errc::malformed_message);
  CHECK(to_hex(closing.wire.data()) == "8800");
}

TEST_CASE("websocket: the size of a message is bounded, also in fragments") {
  end out = open_client();
  const byte_vector fragment(websocket::reader::max_frame);
  for (int i = 0; i < 4; ++i) {
    CHECK(out.take(bytes(i == 0 ? "027f0000000001000000" : "007f0000000001000000")) ==
          std::error_code());
    CHECK(out.take(fragment) == std::error_code());
    CHECK(out.app.size() == fragment.size());
    out.app.clear();
  }
  CHECK(out.take(bytes("8001")) == errc::message_too_long);
}

TEST_CASE("websocket: payload is passed on as it arrives") {
  end out = open_client();
  CHECK(out.take(bytes("827f0000000001000000 61 62")) == std::error_code());
  CHECK(as_text(out.app) == "ab");
}

TEST_CASE("websocket: each direction ends separately") {
  end a = open_client();
  end b = open_server();
  REQUIRE(a.it.close(a.wire));
  CHECK(to_hex(a.wire.data()) == "888011223344");
  CHECK(a.it.state() == phase::write_closed);
  CHECK(b.take(a.wire.data()) == std::error_code());
  CHECK(b.it.state() == phase::read_closed);
  CHECK(b.it.receive_end());
  // It does not end the other direction: the server continues to send.
  REQUIRE(b.it.send(text("late"), b.wire));
  REQUIRE(b.it.close(b.wire));
  CHECK(to_hex(b.wire.data()) ==
        "82046c617465"
        "8800");
  CHECK(b.it.state() == phase::closed);
  CHECK(a.take(b.wire.data()) == std::error_code());
  CHECK(as_text(a.app) == "late");
  CHECK(a.it.state() == phase::closed);
  CHECK(a.it.receive_end());
  // A Close may carry a reason; what follows it is ignored.
  end c = open_client();
  CHECK(c.take(bytes("8803 03e8 78 ff")) == std::error_code());
  CHECK(c.it.state() == phase::read_closed);
  REQUIRE(c.it.close(c.wire));
  CHECK(c.it.state() == phase::closed);
}

/// Returns a Close to a client, with `payload`.
byte_vector close_frame(std::string_view payload) {
  const byte_vector content = bytes(payload);
  return byte_vector{0x88, static_cast<std::uint8_t>(content.size())} + content;
}

TEST_CASE("websocket: a Close ends the peer's sending if it is empty, 1000 or 1001") {
  for (const std::string_view payload :
       {"", "03e8", "03e9", "03e8 78", "03e9 c3a4 e282ac f09f9880"}) {
    CAPTURE(payload);
    for (const bool we_ended : {false, true}) {
      end out = open_client();
      if (we_ended) REQUIRE(out.it.close(out.wire));
      out.wire.clear();
      CHECK(out.take(close_frame(payload)) == std::error_code());
      CHECK(out.it.state() == (we_ended ? phase::closed : phase::read_closed));
      CHECK(out.it.receive_end());
      CHECK(out.wire.empty());
    }
  }
}

TEST_CASE("websocket: any other Close is an error, and is answered") {
  struct broken {
    std::string_view what;
    std::string_view payload;
    std::error_code error;
    std::string_view answer;
  };
  const auto status = [](int code) { return std::error_code(code, websocket::close_category()); };
  const std::error_code malformed = errc::malformed_message;
  const std::vector<broken> table{
      {"protocol error", "03ea", status(1002), "03ea"},
      {"unsupported data", "03eb", status(1003), "03eb"},
      {"invalid data", "03ef", status(1007), "03ef"},
      {"policy violation", "03f0", status(1008), "03f0"},
      {"message too big", "03f1", status(1009), "03f1"},
      {"missing extension", "03f2", status(1010), "03f2"},
      {"internal error", "03f3 78", status(1011), "03f3"},
      {"service restart", "03f4", status(1012), "03f4"},
      {"try again later", "03f5", status(1013), "03f5"},
      {"bad gateway", "03f6", status(1014), "03f6"},
      {"the least of a library", "0bb8", status(3000), "0bb8"},
      {"the greatest of an application", "1387", status(4999), "1387"},
      {"one byte", "03", malformed, "03ea"},
      {"code 0", "0000", malformed, "03ea"},
      {"code 999", "03e7", malformed, "03ea"},
      {"reserved", "03ec", malformed, "03ea"},
      {"no status", "03ed", malformed, "03ea"},
      {"abnormal closure", "03ee", malformed, "03ea"},
      {"TLS handshake", "03f7", malformed, "03ea"},
      {"not registered", "03f8", malformed, "03ea"},
      {"code 2999", "0bb7", malformed, "03ea"},
      {"code 5000", "1388", malformed, "03ea"},
      {"code 65535", "ffff", malformed, "03ea"},
      {"a lone continuation", "03e8 80", malformed, "03ea"},
      {"a character cut off", "03e8 e282", malformed, "03ea"},
      {"a character spelled too long", "03e8 c0af", malformed, "03ea"},
      {"a surrogate", "03e8 eda080", malformed, "03ea"},
      {"beyond Unicode", "03e9 f4908080", malformed, "03ea"},
      {"a bad reason of another code", "03f3 ff", malformed, "03ea"},
  };
  for (const broken& each : table) {
    CAPTURE(each.what);
    end out = open_client();
    // What arrived before it is still passed on.
    CHECK(out.take(bytes("8201 61") + close_frame(each.payload)) == each.error);
    CHECK(as_text(out.app) == "a");
    const byte_vector code = bytes(each.answer);
    const byte_vector expected =
        bytes("8882 11223344") + byte_vector{static_cast<std::uint8_t>(code[0] ^ 0x11),
                                             static_cast<std::uint8_t>(code[1] ^ 0x22)};
    CHECK(to_hex(out.wire.data()) == to_hex(expected));
    CHECK(out.it.state() == phase::closed);
    CHECK(out.it.receive_end().error() == each.error);
    // After our Close it is an error too; there is no second Close.
    end closing = open_client();
    REQUIRE(closing.it.close(closing.wire));
    closing.wire.clear();
    CHECK(closing.take(close_frame(each.payload)) == each.error);
    CHECK(closing.wire.empty());
  }
  CHECK(status(1011).message() ==
        "the peer broke the WebSocket connection off with Close 1011 (internal error)");
  CHECK(status(4000).message() == "the peer broke the WebSocket connection off with Close 4000");
}

TEST_CASE("websocket: an error that one end detects is an error at the other too") {
  end a = open_client();
  end b = open_server();
  CHECK(a.take(bytes("8100")) == errc::unexpected_message);
  CHECK(b.take(a.wire.data()) == std::error_code(1003, websocket::close_category()));
}

TEST_CASE("websocket: a stream that ends without Close is truncated") {
  end a = client();
  CHECK(a.it.receive_end().error() == errc::truncated);
  end b = open_client();
  CHECK(b.it.receive_end().error() == errc::truncated);
  CHECK(b.it.state() == phase::closed);
  end c = open_server();
  REQUIRE(c.it.close(c.wire));
  CHECK(c.it.receive_end().error() == errc::truncated);
}

TEST_CASE("websocket: a Ping is sent only when the connection is idle") {
  end out = open_server({.ping_interval = 30s});
  CHECK_FALSE(out.it.deadline());
  REQUIRE(out.it.poll(now, out.wire));
  REQUIRE(out.it.deadline() == now + 30s);
  REQUIRE(out.it.poll(now + 29s, out.wire));
  CHECK(out.wire.empty());
  CHECK(out.it.deadline() == now + 30s);
  CHECK(out.take(bytes("8a80 00000000")) == std::error_code());
  REQUIRE(out.it.poll(now + 30s, out.wire));
  CHECK(out.wire.empty());
  CHECK(out.it.deadline() == now + 60s);
  REQUIRE(out.it.send(text("x"), out.wire));
  out.wire.clear();
  REQUIRE(out.it.poll(now + 60s, out.wire));
  CHECK(out.wire.empty());
  REQUIRE(out.it.poll(now + 90s, out.wire));
  CHECK(to_hex(out.wire.data()) == "8900");
  CHECK(out.it.deadline() == now + 120s);
  REQUIRE(out.it.close(out.wire));
  CHECK_FALSE(out.it.deadline());

  end never = open_server();
  REQUIRE(never.it.poll(now, never.wire));
  CHECK_FALSE(never.it.deadline());
}

TEST_CASE("websocket: each Ping gets its Pong, whatever waits to be sent") {
  end out = open_server();
  const byte_vector ping = bytes("89fd 00000000") + byte_vector(125);
  for (int i = 0; i < 10'000; ++i) CHECK(out.take(ping) == std::error_code());
  CHECK(out.wire.size() == 10'000 * 127);
  out.wire.clear();
  REQUIRE(out.it.close(out.wire));
  out.wire.clear();
  CHECK(out.take(ping) == std::error_code());
  CHECK(out.wire.empty());
}

}  // namespace
}  // namespace rathole::test
