#include "../support/wire_examples.hpp"

#include <rathole/protocol/registry.hpp>

#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

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
  CHECK(known.erase(ssh).empty());
  CHECK(known.erase(ssh).empty());
  CHECK(known.find_service(ssh) == nullptr);
  CHECK(known.size() == 1);
}

std::vector<int> sessions(registry& known, const digest& service) {
  const auto all = known.sessions_of(service);
  return {all.begin(), all.end()};
}

TEST_CASE("registry: a service has several sessions, in the order in which they came") {
  registry known;
  known.insert(ssh, "ssh");
  known.insert(web, "web");
  known.attach(ssh, numbered(11), 1);
  known.attach(web, numbered(12), 2);
  known.attach(ssh, numbered(13), 3);
  CHECK(sessions(known, ssh) == std::vector{1, 3});
  CHECK(sessions(known, web) == std::vector{2});
  CHECK(sessions(known, numbered(3)).empty());
  for (const int n : {1, 2, 3}) {
    REQUIRE(known.find_session(numbered(static_cast<std::uint8_t>(10 + n))) != nullptr);
    CHECK(*known.find_session(numbered(static_cast<std::uint8_t>(10 + n))) == n);
  }
}

TEST_CASE("registry: the newest session of a service replaces the others") {
  registry known;
  known.insert(ssh, "ssh");
  known.attach(ssh, numbered(11), 1);
  CHECK(known.keep_newest(ssh).empty());
  CHECK(known.keep_newest(web).empty());
  known.attach(ssh, numbered(12), 2);
  known.attach(ssh, numbered(13), 3);
  CHECK(known.keep_newest(ssh) == std::vector{1, 2});
  CHECK(sessions(known, ssh) == std::vector{3});
  CHECK(known.find_session(numbered(11)) == nullptr);
  CHECK(known.find_session(numbered(12)) == nullptr);
  REQUIRE(known.find_session(numbered(13)) != nullptr);
  CHECK(*known.find_session(numbered(13)) == 3);
}

TEST_CASE("registry: a session that has ended does not remove another one") {
  registry known;
  known.insert(ssh, "ssh");
  known.attach(ssh, numbered(11), 1);
  known.attach(ssh, numbered(12), 2);
  known.attach(ssh, numbered(13), 3);
  CHECK(known.detach(ssh, numbered(12)) == 2);
  CHECK(known.detach(ssh, numbered(12)) == std::nullopt);
  CHECK(known.detach(web, numbered(11)) == std::nullopt);
  CHECK(sessions(known, ssh) == std::vector{1, 3});
  CHECK(known.detach(ssh, numbered(11)) == 1);
  CHECK(known.detach(ssh, numbered(13)) == 3);
  CHECK(known.find_session(numbered(13)) == nullptr);
  CHECK(sessions(known, ssh).empty());
  CHECK(known.find_service(ssh) != nullptr);
}

TEST_CASE("registry: erasing a service returns its sessions") {
  registry known;
  known.insert(ssh, "ssh");
  known.attach(ssh, numbered(11), 1);
  known.attach(ssh, numbered(12), 2);
  CHECK(known.erase(ssh) == std::vector{1, 2});
  CHECK(known.find_session(numbered(11)) == nullptr);
  CHECK(known.find_session(numbered(12)) == nullptr);
  CHECK(sessions(known, ssh).empty());
}

TEST_CASE("registry: iteration visits every service once, with its sessions") {
  registry known;
  known.insert(ssh, "ssh");
  known.insert(web, "web");
  known.attach(ssh, numbered(11), 1);
  known.attach(ssh, numbered(12), 2);
  std::map<std::string, std::vector<int>> seen;
  known.for_each([&](const digest& key, const std::string& name, std::span<const int> all) {
    CHECK(known.find_service(key) == &name);
    CHECK(seen.emplace(name, std::vector(all.begin(), all.end())).second);
  });
  CHECK(seen == std::map<std::string, std::vector<int>>{{"ssh", {1, 2}}, {"web", {}}});
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
