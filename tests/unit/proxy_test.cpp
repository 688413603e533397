#include "../support/bytes.hpp"

#include <rathole/proxy/any_proxy.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::test {
namespace {

using proxy::any_proxy;
using proxy::http_connect;
using proxy::scheme;
using proxy::socks5;

static_assert(Machine<socks5> && Machine<http_connect> && Machine<any_proxy>);

constexpr time_point now{std::chrono::hours(1)};

proxy::credentials user(std::string name = "myuser", std::string password = "mypass") {
  return {std::move(name), secret(std::move(password))};
}

/// Returns what the machine sends next, as hexadecimal digits.
template <class M>
std::string sent(M& machine) {
  byte_buffer out;
  machine.transmit(out);
  return to_hex(out.data());
}

/// Feeds byte by byte, but not more than the machine wants; returns how it ended, and how much it
/// read.
struct outcome {
  bool connected = false;
  std::error_code error;
  std::size_t taken = 0;
};
template <class M>
outcome feed(M& machine, byte_view in) {
  outcome out;
  for (;;) {
    const auto polled = machine.poll(now);
    if (!polled) {
      out.error = polled.error();
      return out;
    }
    if (*polled) {
      out.connected = true;
      return out;
    }
    if (in.empty() || machine.wanted() == 0) return out;
    in = in.subspan(machine.feed(in.first(1)));
    ++out.taken;
  }
}

TEST_CASE("socks5: the exchange without credentials") {
  socks5 machine(std::nullopt, {"example.com", 2333});
  CHECK(sent(machine) == "050100");
  CHECK(machine.wanted() == 2);
  CHECK_FALSE(feed(machine, bytes("0500")).connected);
  CHECK(sent(machine) == to_hex(bytes("05 01 00 03 0b 65 78 61 6d 70 6c 65 2e 63 6f 6d 09 1d")));
  const outcome done = feed(machine, bytes("05000001 00000000 0000 ff"));
  CHECK(done.connected);
  CHECK(done.taken == 10);
  CHECK(machine.wanted() == 0);
  CHECK(sent(machine).empty());
}

TEST_CASE("socks5: the exchange with credentials") {
  socks5 machine(user(), {"example.com", 2333});
  CHECK(sent(machine) == "05020002");
  CHECK_FALSE(feed(machine, bytes("0502")).error);
  CHECK(sent(machine) == to_hex(bytes("01 06 6d 79 75 73 65 72 06 6d 79 70 61 73 73")));
  CHECK_FALSE(feed(machine, bytes("0100")).error);
  CHECK(sent(machine).starts_with("050100030b"));
  // The address may be a name, of any length.
  CHECK(feed(machine, bytes("05000003 02 6162 1234")).connected);

  // The proxy may not require them.
  socks5 unasked(user(), {"example.com", 2333});
  sent(unasked);
  CHECK_FALSE(feed(unasked, bytes("0500")).error);
  CHECK(sent(unasked).starts_with("050100030b"));
  CHECK(feed(unasked, bytes("05000004") + byte_vector(18)).connected);

  socks5 empty(user("", ""), {"a", 1});
  sent(empty);
  CHECK_FALSE(feed(empty, bytes("0502")).error);
  CHECK(sent(empty) == "010000");
}

TEST_CASE("socks5: IP literals are sent as addresses") {
  const auto request = [](std::string host) {
    socks5 machine(std::nullopt, {std::move(host), 0x1234});
    sent(machine);
    feed(machine, bytes("0500"));
    return sent(machine);
  };
  CHECK(request("127.0.0.1") == to_hex(bytes("050100 01 7f000001 1234")));
  CHECK(request("::1") == to_hex(bytes("050100 04 00000000000000000000000000000001 1234")));
  CHECK(request("127.0.0.1.") == to_hex(bytes("050100 03 0a 3132372e302e302e312e 1234")));
  CHECK(request("fe80::1%lo").starts_with("050100030a"));
  CHECK(request(std::string(255, 'a')).starts_with("05010003ff61"));
}

TEST_CASE("socks5: refusals and malformed responses of a proxy") {
  struct bad {
    const char* what;
    std::vector<const char*> answers;
    std::error_code error;
  };
  const auto reply = [](int code) { return std::error_code(code, proxy::socks5_category()); };
  const std::vector<bad> table{
      {"version of SOCKS4", {"0400"}, errc::malformed_proxy_answer},
      {"not SOCKS", {"4854"}, errc::malformed_proxy_answer},
      {"no method", {"05ff"}, errc::proxy_authentication_failed},
      {"GSSAPI", {"0501"}, errc::malformed_proxy_answer},
      {"wrong password", {"0502", "0101"}, errc::proxy_authentication_failed},
      {"version of the status", {"0502", "0500"}, errc::malformed_proxy_answer},
      {"refused", {"0500", "0505"}, reply(5)},
      {"refused, with address", {"0500", "05050001000000000000"}, reply(5)},
      {"reply 99", {"0500", "0563"}, reply(99)},
      {"version of the reply", {"0500", "0400"}, errc::malformed_proxy_answer},
      {"address type", {"0500", "0500000200"}, errc::malformed_proxy_answer},
  };
  for (const bad& each : table) {
    CAPTURE(each.what);
    socks5 machine(user(), {"example.com", 1});
    outcome last;
    for (const char* answer : each.answers) {
      sent(machine);
      last = feed(machine, bytes(answer));
    }
    CHECK(last.error == each.error);
    CHECK(machine.wanted() == 0);
  }
  CHECK(reply(5).message() == "the proxy answered: connection refused (SOCKS5 reply 5)");
  CHECK(reply(99).message() == "the proxy answered: failure (SOCKS5 reply 99)");

  socks5 unasked(std::nullopt, {"example.com", 1});
  CHECK(feed(unasked, bytes("0502")).error == errc::malformed_proxy_answer);
}

TEST_CASE("proxies: targets that cannot be encoded are an error before anything is sent") {
  const std::string longest(255, 'a');
  const auto first_error = [](auto machine) {
    CHECK(sent(machine).empty());
    return feed(machine, {}).error;
  };
  CHECK(first_error(socks5(std::nullopt, {longest + "a", 1})) == errc::invalid_address);
  CHECK(first_error(socks5(std::nullopt, {"", 1})) == errc::invalid_address);
  CHECK(first_error(socks5(user(longest + "a"), {"a", 1})) == errc::message_too_long);
  CHECK(first_error(socks5(user("a", longest + "a"), {"a", 1})) == errc::message_too_long);
  CHECK(first_error(http_connect(std::nullopt, {"", 1})) == errc::invalid_address);
  CHECK(first_error(http_connect(std::nullopt, {"a\r\nX: y", 1})) == errc::invalid_address);

  CHECK_FALSE(proxy::credentials_problem(scheme::socks5, user(longest, longest)));
  CHECK(proxy::credentials_problem(scheme::socks5, user(longest + "a", "")));
  CHECK(proxy::credentials_problem(scheme::http, user("a:b", "")));
  CHECK_FALSE(proxy::credentials_problem(scheme::http, user("ab", ":" + longest)));
}

TEST_CASE("http_connect: the request") {
  const auto request = [](std::optional<proxy::credentials> who, address target) {
    http_connect machine(std::move(who), std::move(target));
    byte_buffer out;
    REQUIRE(machine.transmit(out));
    CHECK_FALSE(machine.transmit(out));
    return std::string(reinterpret_cast<const char*>(out.data().data()), out.size());
  };
  CHECK(request(user(), {"example.com", 2333}) ==
        "CONNECT example.com:2333 HTTP/1.1\r\n"
        "Host: example.com:2333\r\n"
        "Proxy-Connection: Keep-Alive\r\n"
        "Proxy-Authorization: Basic bXl1c2VyOm15cGFzcw==\r\n"
        "\r\n");
  CHECK(request(std::nullopt, {"::1", 80}) ==
        "CONNECT [::1]:80 HTTP/1.1\r\n"
        "Host: [::1]:80\r\n"
        "Proxy-Connection: Keep-Alive\r\n"
        "\r\n");
}

TEST_CASE("http_connect: 2xx connects, and any other response is an error") {
  struct answer {
    std::string_view head;
    bool connected;
    std::error_code error = {};
  };
  const auto status = [](int code) { return std::error_code(code, proxy::http_category()); };
  const std::vector<answer> table{
      {"HTTP/1.1 200 OK\r\n\r\n", true},
      {"HTTP/1.0 200 Connection established\r\nVia: x\r\n\r\n", true},
      {"HTTP/1.1 299\r\nContent-Length: 5\r\n\r\n", true},
      {"HTTP/1.1 407 Nope\r\nProxy-Authenticate: Basic\r\n\r\n", false, status(407)},
      {"HTTP/1.1 300 \r\n\r\n", false, status(300)},
      {"HTTP/1.1 100 Continue\r\n\r\n", false, status(100)},
      {"HTTP/1.1 OK\r\n\r\n", false, errc::malformed_http},
      {"SSH-2.0-OpenSSH\r\n\r\n", false, errc::malformed_http},
      {"HTTP/1.1 200 OK\n\n", false, errc::malformed_http},
      {"HTTP/1.1 200 OK\r\n", false},
  };
  for (const answer& each : table) {
    CAPTURE(each.head);
    http_connect machine(std::nullopt, {"a", 1});
    byte_buffer out;
    machine.transmit(out);
    const outcome got = feed(machine, text(each.head));
    CHECK(got.connected == each.connected);
    CHECK(got.error == each.error);
  }
  CHECK(status(407).message() == "the proxy answered HTTP 407 Proxy Authentication Required");
}

TEST_CASE("http_connect: bytes after the head stay in the stream") {
  http_connect machine(std::nullopt, {"a", 1});
  byte_view in = text("HTTP/1.1 200 OK\r\nA: b\r\n\r\nSSH-2.0");
  // Feeds as much as the machine wants at once, as a driver does.
  while (machine.wanted() > 0) {
    const byte_view piece = in.first(machine.wanted());
    REQUIRE(machine.feed(piece) == piece.size());
    in = in.subspan(piece.size());
  }
  CHECK(feed(machine, {}).connected);
  CHECK(to_hex(in) == to_hex(text("SSH-2.0")));
}

TEST_CASE("any_proxy: uses the protocol of its settings") {
  any_proxy socks({.proxy = {"p", 1}}, {"example.com", 1});
  CHECK(sent(socks) == "050100");
  any_proxy http({.scheme = scheme::http, .proxy = {"p", 1}, .credentials = user()}, {"a", 1});
  CHECK(sent(http).starts_with(to_hex(text("CONNECT a:1 HTTP/1.1\r\n"))));
  CHECK(feed(http, text("HTTP/1.1 200 \r\n\r\n")).connected);
  CHECK_FALSE(http.deadline());
}

}  // namespace
}  // namespace rathole::test
