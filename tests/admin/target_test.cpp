#include <rathole/admin/target.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace rathole::admin {
namespace {

using parts = std::vector<std::string>;

TEST_CASE("target: path and query are decoded after they are separated") {
  CHECK(parse_target("/")->path == parts{""});
  CHECK(parse_target("/healthz")->path == parts{"healthz"});
  CHECK(parse_target("/api/v1/services/a%2Fb%20c")->path ==
        parts{"api", "v1", "services", "a/b c"});
  CHECK(parse_target("/a//b/")->path == parts{"a", "", "b", ""});
  CHECK(parse_target("/%e2%82%ac")->path == parts{"\xe2\x82\xac"});
  CHECK(parse_target("http://host:1/healthz")->path == parts{"healthz"});
  const auto query = parse_target("/c?service=a%26b&limit=10&empty=&flag");
  REQUIRE(query);
  CHECK(query->path == parts{"c"});
  CHECK(query->query.at("service") == "a&b");
  CHECK(query->query.at("limit") == "10");
  CHECK(query->query.at("empty").empty());
  CHECK(query->query.at("flag").empty());
}

TEST_CASE("target: what is malformed is no target") {
  for (const char* wrong : {"", "*", "healthz", "ftp://host/", "http://host", "/%", "/%4", "/%4g",
                            "/%00", "/%ff", "/a?b=%zz", "/a?b=1&b=2"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_target(wrong));
  }
}

TEST_CASE("target: an encoded name is decoded to itself") {
  for (const std::string name : {"web", "a/b c", "\xe2\x82\xac", "100%", "a.b-c_d~", "\"'<>&?#"}) {
    CAPTURE(name);
    const std::string encoded = percent_encoded(name);
    CHECK(encoded.find_first_of("/ ?#%&\"<>") == encoded.find('%'));
    CHECK(percent_decoded(encoded) == name);
  }
}

}  // namespace
}  // namespace rathole::admin
