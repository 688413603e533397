#include "../support/bytes.hpp"

#include <rathole/tls/host_name.hpp>

#include <doctest/doctest.h>

#include <string_view>

namespace rathole {
namespace {

TEST_CASE("host_name: which host names a certificate's name matches") {
  struct example {
    std::string_view pattern;
    std::string_view host;
    bool matches;
  };
  const example examples[] = {
      {"example.org", "example.org", true},
      {"Example.ORG", "eXample.org", true},
      {"example.org", "example.org.", true},
      {"example.org.", "example.org", true},
      {"example.org", "www.example.org", false},
      {"example.org", "example.or", false},
      {"*.example.org", "www.example.org", true},
      {"*.example.org", "example.org", false},
      {"*.example.org", ".example.org", false},
      {"*.example.org", "a.b.example.org", false},
      {"*.b.example.org", "a.b.example.org", true},
      {"a.*.example.org", "a.b.example.org", false},
      {"*.*.example.org", "a.b.example.org", false},
      {"w*.example.org", "www.example.org", false},
      {"*.org", "example.org", false},
      {"*", "example", false},
      {"*.", "example.", false},
      {"", "", false},
      {"example.org", "", false},
      {"", "example.org", false},
      {std::string_view("example.org\0.evil.test", 22), "example.org", false},
      {"localhost", "localhost", true},
  };
  for (const example& e : examples) {
    CAPTURE(e.pattern);
    CAPTURE(e.host);
    CHECK(tls::matches_dns_name(e.pattern, e.host) == e.matches);
  }
}

TEST_CASE("host_name: the names of a subjectAltName") {
  // a.test, an e-mail address, 127.0.0.1, ::1
  const auto der = test::bytes(
      "3028 8206 612e74657374 8106 6140622e6e6c 8704 7f000001"
      "8710 00000000000000000000000000000001");
  const auto names = tls::read_alt_names(der);
  REQUIRE(names);
  REQUIRE(names->dns.size() == 1);
  CHECK(names->dns[0] == "a.test");
  REQUIRE(names->ip.size() == 2);
  CHECK(tls::is_for_host("a.test", *names, ""));
  CHECK(tls::is_for_host("127.0.0.1", *names, ""));
  CHECK(tls::is_for_host("::1", *names, ""));
  CHECK(tls::is_for_host("0:0:0:0:0:0:0:1", *names, ""));
  CHECK_FALSE(tls::is_for_host("127.0.0.2", *names, "127.0.0.2"));
  CHECK_FALSE(tls::is_for_host("::2", *names, ""));
  CHECK_FALSE(tls::is_for_host("b.test", *names, "b.test"));
  CHECK(tls::is_for_host("b.test", {}, "b.test"));
  CHECK_FALSE(tls::is_for_host("127.0.0.1", {}, "127.0.0.1"));

  for (std::size_t size = 0; size < der.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(tls::read_alt_names(byte_view(der).first(size)));
  }
  CHECK_FALSE(tls::read_alt_names(test::bytes("3080 0000")));
  CHECK_FALSE(tls::read_alt_names(test::bytes("3003 820561")));
  CHECK_FALSE(tls::read_alt_names(test::bytes("3000 00")));
  CHECK_FALSE(tls::read_alt_names(test::bytes("3100")));
}

TEST_CASE("host_name: multi-byte lengths") {
  const auto in_der = [](const char* head, std::size_t size) {
    auto out = test::bytes(head);
    out.insert(out.end(), size, 'a');
    return tls::read_alt_names(out);
  };
  REQUIRE(in_der("308183 818180", 128));
  REQUIRE(in_der("30820104 82820100", 256));
  CHECK(in_der("30820104 82820100", 256)->dns[0].size() == 256);
  CHECK_FALSE(in_der("3083000105 8283000100", 256));
}

}  // namespace
}  // namespace rathole
