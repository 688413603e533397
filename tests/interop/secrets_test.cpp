#include "../support/config_text.hpp"
#include "../support/eventually.hpp"
#include "../support/our_program.hpp"
#include "../support/process.hpp"
#include "../support/services.hpp"
#include "../support/temp_dir.hpp"
#include "../support/visitors.hpp"
#include "upstream.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace rathole::test {
namespace {

TEST_CASE("interop: a side without a file works with upstream's, which has the same token") {
  if (upstream_program().empty()) {
    MESSAGE("skipped: there is no program of upstream");
    return;
  }
  const temp_dir folder;
  const service local{echo};
  const reserved_port main;
  const reserved_port port;
  const std::string at = "127.0.0.1:" + std::to_string(main);
  const std::string token = folder.write("token", std::string(default_token) + "\n");
  const auto flags = [&](const std::string& side, const std::string& where, std::uint16_t of) {
    return std::vector<std::string>{
        side, where, at, "--service", "web=127.0.0.1:" + std::to_string(of), "--token-file", token};
  };
  const std::string ours = our_program();
  std::string server_program = ours;
  std::string client_program = ours;
  std::vector<std::string> server_words = flags("server", "--bind", port);
  std::vector<std::string> client_words = flags("client", "--remote", local.port());
  SUBCASE("our server, upstream's client") {
    client_program = upstream_program();
    client_words = {"--client", folder.write("c.toml", client_toml(main, {{"web", local.port()}}))};
  }
  SUBCASE("upstream's server, our client") {
    server_program = upstream_program();
    server_words = {"--server", folder.write("s.toml", server_toml(main, {{"web", port}}))};
  }
  const process server(server_program, server_words);
  eventually([&main] { return !refused(main); });
  const process client(client_program, client_words);
  INFO(server.output());
  INFO(client.output());
  CHECK(eventually([&port] { return answered(port); }));
}

}  // namespace
}  // namespace rathole::test
