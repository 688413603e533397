#include <rathole/config/parse.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace rathole::config {
namespace {

/// Returns the warnings about a file whose client dials `remote` and forwards to `local`, and whose
/// server has a service of `kind` that listens on `bound`.
std::vector<std::string> warnings(const std::string& remote, const std::string& bound,
                                  const std::string& local, const std::string& kind = "tcp") {
  const std::string text =
      "[server]\nbind_addr = \"0.0.0.0:2333\"\ndefault_token = \"t\"\n"
      "[server.services.web]\ntype = \"" +
      kind + "\"\nbind_addr = \"" + bound + "\"\n[client]\nremote_addr = \"" + remote +
      "\"\ndefault_token = \"t\"\n[client.services.\"my web\"]\n"
      "local_addr = \"" +
      local + "\"\n";
  const auto found = read(text, "c.toml");
  if (!found) FAIL(to_string(found.error().front()));
  std::vector<std::string> lines;
  for (const problem& each : found->warnings) lines.push_back(to_string(each));
  return lines;
}

TEST_CASE("loops: a local_addr that is a bind_addr of the same file is a warning") {
  struct row {
    const char* what;
    const char* remote;
    const char* bound;
    const char* local;
    bool is_loop;
  };
  const row rows[] = {
      {"one host", "127.0.0.1:2333", "0.0.0.0:80", "127.0.0.1:80", true},
      {"by name", "localhost:2333", "[::]:80", "localhost:80", true},
      {"loopback only", "localhost:2333", "127.0.0.1:80", "localhost:80", true},
      {"the server's public name", "h.example:2333", "0.0.0.0:80", "h.example:80", true},
      {"the address itself", "192.0.2.7:2333", "192.0.2.7:80", "192.0.2.7:80", true},
      {"one Unix-domain socket", "127.0.0.1:2333", "unix:/run/a", "unix:/run/a", true},
      {"Unix-domain sockets all the way", "unix:/run/r", "unix:/run/a", "unix:/run/a", true},
      {"another Unix-domain socket", "127.0.0.1:2333", "unix:/run/a", "unix:/run/b", false},
      {"a Unix-domain socket of the client", "h.example:2333", "unix:/run/a", "unix:/run/a", false},
      {"another port", "127.0.0.1:2333", "0.0.0.0:80", "127.0.0.1:8080", false},
      {"another address", "127.0.0.1:2333", "192.0.2.7:80", "127.0.0.1:80", false},
      {"another host", "h.example:2333", "0.0.0.0:80", "127.0.0.1:80", false},
      {"a third host", "h.example:2333", "0.0.0.0:80", "i.example:80", false},
  };
  for (const row& each : rows) {
    CAPTURE(each.what);
    const auto found = warnings(each.remote, each.bound, each.local);
    REQUIRE(found.size() == (each.is_loop ? 1 : 0));
    if (!each.is_loop) continue;
    CHECK(found[0] ==
          "c.toml:11:14: warning: client.services.\"my web\".local_addr: this is "
          "`server.services.web.bind_addr`: each visitor would cause another one; name the address "
          "of the local service itself");
  }
  CHECK(warnings("127.0.0.1:2333", "0.0.0.0:80", "127.0.0.1:80", "udp").empty());
}

}  // namespace
}  // namespace rathole::config
