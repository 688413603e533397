#include "../support/wire_examples.hpp"

#include <rathole/protocol/registry.hpp>

#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <string>

namespace rathole::test {
namespace {

using protocol::digest;
using registry = protocol::map_registry<std::string, int>;

static_assert(protocol::ServiceRegistry<registry>);
static_assert(protocol::ServiceRegistry<protocol::map_registry<int, std::unique_ptr<int>>>);

digest numbered(std::uint8_t n) {
  digest out{};
  out.back() = n;
  return out;
}

const digest ssh = numbered(1);
const digest web = numbered(2);

TEST_CASE("registry: services are found by digest") {
  registry known;
  CHECK(known.empty());
  CHECK(known.insert(ssh, "ssh"));
  CHECK(known.insert(web, "web"));
  CHECK_FALSE(known.insert(ssh, "another"));
  REQUIRE(known.find_service(ssh) != nullptr);
  CHECK(*known.find_service(ssh) == "ssh");
  CHECK(known.find_service(numbered(3)) == nullptr);
  CHECK(known.size() == 2);
  CHECK(known.erase(ssh) == std::nullopt);
  CHECK(known.erase(ssh) == std::nullopt);
  CHECK(known.find_service(ssh) == nullptr);
  CHECK(known.size() == 1);
}

TEST_CASE("registry: a new session of a service replaces the old one") {
  registry known;
  known.insert(ssh, "ssh");
  known.insert(web, "web");
  CHECK(known.attach(ssh, numbered(11), 1) == std::nullopt);
  CHECK(known.attach(web, numbered(12), 2) == std::nullopt);
  REQUIRE(known.find_session(numbered(11)) != nullptr);
  CHECK(*known.find_session(numbered(11)) == 1);

  REQUIRE(known.find_session_of(ssh) != nullptr);
  CHECK(*known.find_session_of(ssh) == 1);

  CHECK(known.attach(ssh, numbered(13), 3) == 1);
  CHECK(known.find_session(numbered(11)) == nullptr);
  REQUIRE(known.find_session_of(ssh) != nullptr);
  CHECK(*known.find_session_of(ssh) == 3);
  REQUIRE(known.find_session(numbered(13)) != nullptr);
  CHECK(*known.find_session(numbered(13)) == 3);
  CHECK(*known.find_session(numbered(12)) == 2);
}

TEST_CASE("registry: a replaced session does not remove its successor") {
  registry known;
  known.insert(ssh, "ssh");
  known.attach(ssh, numbered(11), 1);
  known.attach(ssh, numbered(12), 2);
  CHECK(known.detach(ssh, numbered(11)) == std::nullopt);
  CHECK(known.find_session(numbered(12)) != nullptr);
  CHECK(known.detach(ssh, numbered(12)) == 2);
  CHECK(known.detach(ssh, numbered(12)) == std::nullopt);
  CHECK(known.detach(web, numbered(12)) == std::nullopt);
  CHECK(known.find_session(numbered(12)) == nullptr);
  CHECK(known.find_session_of(ssh) == nullptr);
  CHECK(known.find_service(ssh) != nullptr);
}

TEST_CASE("registry: erasing a service returns its session") {
  registry known;
  known.insert(ssh, "ssh");
  known.attach(ssh, numbered(11), 1);
  CHECK(known.erase(ssh) == 1);
  CHECK(known.find_session(numbered(11)) == nullptr);
  CHECK(known.find_session_of(ssh) == nullptr);
}

TEST_CASE("registry: iteration visits every service once, with its session") {
  registry known;
  known.insert(ssh, "ssh");
  known.insert(web, "web");
  known.attach(ssh, numbered(11), 1);
  std::map<std::string, int> seen;
  known.for_each([&](const digest& key, const std::string& name, const int* session) {
    CHECK(known.find_service(key) == &name);
    CHECK(seen.emplace(name, session ? *session : 0).second);
  });
  CHECK(seen == std::map<std::string, int>{{"ssh", 1}, {"web", 0}});
}

TEST_CASE("registry: digests that differ in any byte are different") {
  registry known;
  known.insert(ssh, "ssh");
  for (std::size_t byte = 0; byte < ssh.size(); ++byte) {
    digest other = ssh;
    other[byte] ^= 0x40;
    CHECK(known.find_service(other) == nullptr);
  }
}

}  // namespace
}  // namespace rathole::test
