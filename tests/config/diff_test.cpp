#include <rathole/config/diff.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

namespace rathole::config {
namespace {

using names = std::vector<std::string>;

client_service local(const char* name, const char* token = "t") {
  client_service made;
  made.name = name;
  made.local_addr = {"127.0.0.1", 80};
  made.token = secret(token);
  return made;
}

TEST_CASE("diff: each service is added, removed, renegotiated, changed, or unchanged") {
  const std::vector<client_service> before = {local("gone"), local("kind"), local("moved"),
                                              local("same"), local("token")};
  std::vector<client_service> now = {local("kind"), local("moved"), local("new"), local("same"),
                                     local("token", "another")};
  now[0].kind = service_kind::udp;
  now[1].local_addr = {"127.0.0.1", 81};
  const service_changes changes = diff(before, now);
  CHECK(changes.added == names{"new"});
  CHECK(changes.removed == names{"gone"});
  CHECK(changes.replaced == names{"kind", "token"});
  CHECK(changes.changed == names{"moved"});
  CHECK_FALSE(changes.empty());
  CHECK(diff(now, now).empty());
}

TEST_CASE("diff: which changed settings need a new transport") {
  struct row {
    bool same;
    std::function<void(transport&)> change;
  };
  const std::vector<row> rows = {
      {true, [](transport& t) { t.tcp.nodelay = false; }},
      {true, [](transport& t) { t.tcp.user_timeout = seconds(1); }},
      {true, [](transport& t) { t.noise.emplace(); }},
      {true, [](transport& t) { t.tcp.proxy.emplace(); }},
      {false, [](transport& t) { t.kind = transport_kind::tcp; }},
      {false, [](transport& t) { t.tls->cert = "other.pem"; }},
      {false, [](transport& t) { t.tls.reset(); }},
  };
  server before;
  before.transport.kind = transport_kind::tls;
  before.transport.tls.emplace();
  CHECK(same_transport(before, before));
  for (const row& each : rows) {
    CAPTURE(&each - rows.data());
    server now = before;
    each.change(now.transport);
    CHECK(same_transport(before, now) == each.same);
  }
}

TEST_CASE("diff: another engine of Noise needs a new transport, if the transport is Noise") {
  for (const auto kind : {transport_kind::noise, transport_kind::tcp}) {
    server before;
    before.transport.kind = kind;
    before.transport.noise.emplace();
    server now = before;
    now.transport.noise->engine = noise_engine::openssl;
    CHECK(same_transport(before, now) == (kind == transport_kind::tcp));
  }
}

TEST_CASE("diff: a new proxy needs a new transport of a client, and a new server does not") {
  client before;
  before.remote_addr = {"a", 1};
  client now = before;
  now.remote_addr = {"b", 1};
  CHECK(same_transport(before, now));
  now.transport.tcp.proxy.emplace();
  CHECK_FALSE(same_transport(before, now));
  now = before;
  now.transport.connections = 2;
  CHECK(same_transport(before, now));
  now.transport.multiplex = true;
  CHECK_FALSE(same_transport(before, now));
  before.transport.multiplex = true;
  CHECK_FALSE(same_transport(before, now));
  before.transport.connections = 2;
  CHECK(same_transport(before, now));
  before.transport.multiplex = false;
  for (const auto kind : {transport_kind::tls, transport_kind::websocket}) {
    before.transport.kind = kind;
    now = before;
    now.remote_addr = {"b", 1};
    CHECK(same_transport(before, now));
  }
}

}  // namespace
}  // namespace rathole::config
