#include "support/property.hpp"

#include <rathole/config/parse.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/base64.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::test {
namespace {

/// Sixteen characters that occur nowhere else in a file.
constexpr std::string_view token = "7Q3ZX9KW7Q3ZX9KW";

/// Returns whether `text` contains a part of the token that is too long to be a coincidence.
bool echoes_token(std::string_view text) {
  return text.contains("7Q3Z") || text.contains("X9KW") || text.contains("Q3ZX");
}

rc::Gen<std::string> any_host() {
  const auto name =
      rc::gen::container<std::string>(rc::gen::elementOf(std::string("abcxyz0189.-_\xc3\xa9")));
  return rc::gen::nonEmpty(name);
}

/// Lines of configurations, valid and invalid ones.
rc::Gen<std::string> any_line() {
  const std::string secret(token);
  return rc::gen::elementOf(std::vector<std::string>{"[server]",
                                                     "[client]",
                                                     "[server.services]",
                                                     "[client.services]",
                                                     "[server.services.a]",
                                                     "[client.services.\"a b\"]",
                                                     "[server.transport]",
                                                     "[client.transport.tcp]",
                                                     "[server.transport.tls]",
                                                     "[client.transport.noise]",
                                                     "[server.pool]",
                                                     "[[client]]",
                                                     "bind_addr = \"h:1\"",
                                                     "remote_addr = \"h:1\"",
                                                     "local_addr = \"h:1\"",
                                                     "services = {}",
                                                     "type = \"tcp\"",
                                                     "type = \"noise\"",
                                                     "nodelay = true",
                                                     "size = 3",
                                                     "retry_interval = -1",
                                                     "heartbeat_timeout = 0",
                                                     "tls = 3",
                                                     "tls = {}",
                                                     "\xff",
                                                     "\"",
                                                     "= 3",
                                                     "a.b.c = [{}, 3",
                                                     "# comment",
                                                     "",
                                                     "token = \"" + secret + "\"",
                                                     "token = " + secret,
                                                     "default_token = '" + secret,
                                                     "default_token = [\"" + secret + "\"]",
                                                     "pkcs12_password = \"" + secret + "\\q\"",
                                                     "local_private_key = \"" + secret + "\"",
                                                     "proxy = \"socks5://u:" + secret + "@\"",
                                                     "proxy = \"ftp://" + secret + "@h\"",
                                                     "token = \"" + secret + "\" " + secret,
                                                     "tokn = \"" + secret + "\"",
                                                     "bind_addr = \"" + secret + "\"",
                                                     "type = \"" + secret + "\"",
                                                     "nodelay = \"" + secret + "\""});
}

TEST_CASE("addresses: any text is parsed consistently or rejected") {
  RATHOLE_PROPERTY("a name survives printing and parsing", [] {
    const address in{*any_host(), *rc::gen::arbitrary<std::uint16_t>()};
    RC_ASSERT(holds(parse_address(to_string(in)), in));
  });
  RATHOLE_PROPERTY("an IPv6 literal survives printing and parsing", [] {
    const auto groups =
        *rc::gen::container<std::vector<std::uint8_t>>(8, rc::gen::arbitrary<std::uint8_t>());
    std::string host;
    for (const auto group : groups) host += (host.empty() ? "" : ":") + std::to_string(group);
    const address in{host, *rc::gen::arbitrary<std::uint16_t>()};
    RC_ASSERT(to_string(in).starts_with('['));
    RC_ASSERT(holds(parse_address(to_string(in)), in));
    RC_ASSERT(holds(parse_address(in.host + ':' + std::to_string(in.port)), in));
  });
  RATHOLE_PROPERTY("parsing and printing agree", [] {
    const auto text = *rc::gen::container<std::string>(rc::gen::elementOf(std::string("a0:[]. ")));
    if (const auto value = parse_address(text))
      RC_ASSERT(holds(parse_address(to_string(*value)), *value));
  });
}

TEST_CASE(
    "base64: any bytes survive a round trip, and any text is decoded canonically or rejected") {
  RATHOLE_PROPERTY("bytes survive, with and without padding", [] {
    const auto in = *any_bytes(100);
    std::string text = to_base64(in);
    RC_ASSERT(text.size() == (in.size() + 2) / 3 * 4);
    RC_ASSERT(holds(from_base64(text), in));
    while (text.ends_with('=')) text.pop_back();
    RC_ASSERT(holds(from_base64(text), in));
  });
  RATHOLE_PROPERTY("each byte string has one encoding", [] {
    const auto text = *rc::gen::container<std::string>(rc::gen::elementOf(std::string("AQgw+/=")));
    if (const auto value = from_base64(text)) {
      const std::string canonical = to_base64(*value);
      RC_ASSERT(canonical.starts_with(text));
      RC_ASSERT(canonical.find_first_not_of('=', text.size()) == std::string::npos);
    }
  });
}

TEST_CASE("configuration: any text is parsed or rejected, and no problem shows a token") {
  RATHOLE_PROPERTY("lines in any order parse or give problems without secrets", [] {
    std::string text;
    for (const auto& line : *rc::gen::container<std::vector<std::string>>(any_line())) {
      text += line + '\n';
    }
    const auto parsed = config::parse(text, "c.toml");
    if (parsed) {
      RC_ASSERT(parsed->server || parsed->client);
      return;
    }
    RC_ASSERT(!parsed.error().empty());
    for (const config::problem& each : parsed.error()) {
      RC_ASSERT(each.line >= 1u && each.column >= 1u);
      RC_ASSERT(!echoes_token(to_string(each)));
    }
  });
  RATHOLE_PROPERTY("any byte changed anywhere in a good file", [] {
    std::string text = "[server]\nbind_addr = \"h:1\"\ndefault_token = \"" + std::string(token) +
                       "\"\n[server.services.a]\nbind_addr = \"h:2\"\n[server.transport]\n"
                       "type = \"tcp\"\ntcp.proxy = \"http://u:" +
                       std::string(token) + "@h:1\"\n";
    const auto place = *rc::gen::inRange<std::size_t>(0, text.size());
    text[place] = *rc::gen::arbitrary<char>();
    const auto parsed = config::parse(text, "c.toml");
    if (parsed) return;
    RC_ASSERT(!parsed.error().empty());
    for (const config::problem& each : parsed.error()) RC_ASSERT(!echoes_token(to_string(each)));
  });
}

}  // namespace
}  // namespace rathole::test
