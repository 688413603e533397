// `rathole diagnose` against upstream's server.

#include "../support/config_text.hpp"
#include "../support/our_program.hpp"
#include "../support/services.hpp"
#include "../support/temp_dir.hpp"
#include "../support/tunnel.hpp"
#include "upstream.hpp"

#include <doctest/doctest.h>

#include <string>

namespace rathole::test {
namespace {

TEST_CASE("interop: a diagnosis asks upstream's server for a service without the token") {
  service local(echo);
  tunnel both({"upstream", upstream_program(), upstream_program()});
  const std::uint16_t visitors = both.add("web", local.port());
  both.start_server_first();
  INFO(both.logs());
  REQUIRE(eventually([&] { return answered(visitors); }));

  temp_dir folder;
  const auto diagnose = [&](const service_entry& what, const std::string& option) {
    const std::string file = folder.write("client.toml", client_toml(both.port(), {what}));
    return run_program({"diagnose", file, option});
  };
  const finished_run known = diagnose({"web", local.port()}, "--client");
  INFO(known.all);
  CHECK(known.status == 0);
  CHECK(known.out.contains("web: the server has it"));
  CHECK(answered(visitors));

  const std::string multiplexing = folder.write(
      "multiplexing.toml", client_toml(both.port(), {{"web", local.port()}}, {},
                                       "[client.transport]\ntype = \"tcp\"\nmultiplex = true\n"));
  const finished_run refused = run_program({"diagnose", multiplexing});
  INFO(refused.all);
  CHECK(refused.status == 1);
  CHECK(refused.out.contains("the server does not multiplex: it closed the connection"));
  CHECK(answered(visitors));

  const finished_run unknown = diagnose({"other", local.port()}, "--client");
  INFO(unknown.all);
  CHECK(unknown.status == 1);
  CHECK(unknown.out.contains("other: Service not exist"));

  const finished_run wrong = diagnose({"web", local.port(), "wrong"}, "--authenticate");
  INFO(wrong.all);
  CHECK(wrong.status == 1);
  CHECK(wrong.out.contains("web: Incorrect token"));
  CHECK(answered(visitors));
}

}  // namespace
}  // namespace rathole::test
