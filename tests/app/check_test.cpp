// What `--check` says about a file beyond its problems.

#include "../support/config_text.hpp"
#include "../support/environment.hpp"
#include "../support/net.hpp"
#include "../support/occurrences.hpp"
#include "../support/our_program.hpp"
#include "../support/temp_dir.hpp"

#include <doctest/doctest.h>

#if RATHOLE_WITH_TLS
#include <rathole/tls/botan/version.hpp>
#endif

#include <cstddef>
#include <optional>
#include <string>

namespace rathole::test {
namespace {

#if RATHOLE_WITH_TLS
TEST_CASE("check: what the TLS of this build cannot do is a warning, as at the start") {
  const std::string limitation =
      "TLS is spoken by Botan 2, which cannot end one direction of a connection alone";
  const variable no_file("SSL_CERT_FILE", std::nullopt);
  const variable no_folders("SSL_CERT_DIR", std::nullopt);
  const std::size_t expected = tls::botan_half_closes ? 0 : 1;
  const temp_dir folder;
  const reserved_port unused;
  const std::string file =
      folder.write("client.toml", client_toml(unused, {{"a", 80}, {"b", 80}}, {},
                                              "[client.transport]\ntype = \"tls\"\n"
                                              "tls = {engine = \"botan\"}\n"));
  const finished_run check = run_program({"--check", file});
  INFO(check.all);
  CHECK(check.status == 0);
  CHECK(occurrences(check.err, file + ": warning: " + limitation) == expected);
  CHECK(occurrences(check.out, expected == 0 ? "no problems found" : "no errors found") == 1);

  process program(our_program(), {file});
  REQUIRE(program.wait_for("Running by"));
  CHECK(occurrences(program.output(), " WARN rathole: " + limitation) == expected);
}

TEST_CASE("check: authorities of the environment that cannot be read are a warning") {
  const variable absent("SSL_CERT_FILE", "/nowhere.pem");
  const temp_dir folder;
  const reserved_port unused;
  const std::string file = folder.write(
      "client.toml",
      client_toml(unused, {{"a", 80}}, {}, "[client.transport]\ntype = \"tls\"\ntls = {}\n"));
  const finished_run check = run_program({"--check", file});
  INFO(check.all);
  CHECK(check.status == 0);
  CHECK(occurrences(check.err, file + ": warning: `SSL_CERT_FILE` is \"/nowhere.pem\": ") == 1);
  CHECK(occurrences(check.out, "no errors found") == 1);
}
#endif

}  // namespace
}  // namespace rathole::test
