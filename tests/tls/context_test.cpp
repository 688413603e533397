#include "../support/temp_dir.hpp"
#include "../support/unusual_files.hpp"
#include "botan_pair.hpp"

#include <rathole/tls/context.hpp>

#include <doctest/doctest.h>

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace rathole {
namespace {

using test::botan_pair;
using test::to_pem;
using client_context = tls::client_context<tls::botan_engine>;
using server_context = tls::server_context<tls::botan_engine>;

struct files {
  files() { show(test::test_server()); }

  void show(const tls::identity& shown) {
    dir.write("cert.pem", to_pem(shown.certificates));
    dir.write("key.pem", to_pem(shown.private_key));
  }
  [[nodiscard]] std::string path(const char* name) const { return (dir.path() / name).string(); }
  [[nodiscard]] tls::server_settings server() {
    return {.cert = path("cert.pem"), .key = path("key.pem"), .report_problem = report_problem()};
  }
  [[nodiscard]] tls::client_settings client() {
    return {.trusted_root = path("root.pem"),
            .trusted_root_only = true,
            .report_problem = report_problem()};
  }
  tls::problem_handler report_problem() {
    return [this](tls::file_news news, const std::string& what) {
      auto& kind = news == tls::file_news::refused  ? problems
                   : news == tls::file_news::loaded ? loaded
                                                    : doubts;
      kind.push_back(what);
    };
  }

  test::temp_dir dir;
  std::string root = dir.write("root.pem", to_pem(test::test_root().certificates));
  std::vector<std::string> problems;
  std::vector<std::string> loaded;
  std::vector<std::string> doubts;
};

std::error_code error_between(const client_context& client, const server_context& server) {
  botan_pair both(*client.make_layer("server.test"), *server.make_layer());
  settle(both.client, both.server);
  return both.client.error;
}

TEST_CASE("tls contexts: a file that cannot be loaded is named") {
  files from;
  from.dir.write("empty.pem", "nothing");
  from.dir.write("bad.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  const auto error_of = [](const auto& loaded) { return loaded ? "" : loaded.error(); };
  const auto path = [&from](const char* name) { return "\"" + from.path(name) + "\""; };

  CHECK(error_of(client_context::load({.trusted_root = from.path("none.pem")})) ==
        "`trusted_root` is " + path("none.pem") +
            ": the file cannot be read: No such file or directory");
  CHECK(error_of(client_context::load({.trusted_root = from.path("empty.pem")})) ==
        "`trusted_root` is " + path("empty.pem") + ": there is no certificate in it");
  CHECK(error_of(client_context::load({.trusted_root = from.path("bad.pem")}))
            .starts_with("`trusted_root` is " + path("bad.pem") + ": certificate 1 is malformed"));
  CHECK(error_of(server_context::load({})) ==
        "there is no certificate: set `pkcs12`, or `cert` and `key`");
  CHECK(error_of(server_context::load({.pkcs12 = from.path("none.p12")})) ==
        "`pkcs12` is " + path("none.p12") + ": the file cannot be read: No such file or directory");
  CHECK(error_of(
            server_context::load({.cert = from.path("none.pem"), .key = from.path("key.pem")})) ==
        "`cert` is " + path("none.pem") + ": the file cannot be read: No such file or directory");
  CHECK(error_of(server_context::load({.cert = from.path("cert.pem"), .key = from.path("none")}))
            .find("`key` is " + path("none") + ": the file cannot be read") != std::string::npos);
  CHECK(error_of(
            server_context::load({.cert = from.path("empty.pem"), .key = from.path("key.pem")})) ==
        "`cert` is " + path("empty.pem") + ": there is no certificate in it");
}

TEST_CASE("tls contexts: only regular files are read, at start and on reload") {
  files from;
  const auto client = *client_context::load(from.client());
  const auto server = *server_context::load(from.server());
  const test::unusual_files odd(from.dir);
  for (const auto& [path, why] : odd.all()) {
    CAPTURE(path);
    const std::string reason = "\"" + path + "\": the file cannot be read: " + why;
    const auto as_root = client_context::load({.trusted_root = path});
    CHECK(as_root.error() == "`trusted_root` is " + reason);
    const auto as_pkcs12 = server_context::load({.pkcs12 = path});
    CHECK(as_pkcs12.error() == "`pkcs12` is " + reason);
    const auto as_cert = server_context::load({.cert = path, .key = from.path("key.pem")});
    CHECK(as_cert.error() == "`cert` is " + reason);
    const auto as_key = server_context::load({.cert = from.path("cert.pem"), .key = path});
    CHECK(as_key.error().ends_with("`key` is " + reason));

    // Replaces files that are in use.
    for (const char* name : {"root.pem", "cert.pem", "key.pem"}) {
      CAPTURE(name);
      const auto kept = from.dir.path() / "kept";
      std::filesystem::rename(from.path(name), kept);
      std::filesystem::create_symlink(path, from.path(name));
      from.problems.clear();
      CHECK(error_between(client, server) == std::error_code());
      REQUIRE(from.problems.size() == 1);
      CHECK(from.problems.front().ends_with(why));
      std::filesystem::rename(kept, from.path(name));
      CHECK(error_between(client, server) == std::error_code());
    }
  }
}

TEST_CASE("tls contexts: a roots file may have several certificates") {
  files from;
  const auto other = test::make_authority("Another root");
  from.dir.write("root.pem", "comment\n" + to_pem(other.certificates) + "\n\n" +
                                 to_pem(test::test_root().certificates));
  CHECK(error_between(*client_context::load(from.client()), *server_context::load(from.server())) ==
        std::error_code());
}

TEST_CASE("tls contexts: changed files are reloaded if they are valid") {
  files from;
  const auto client = *client_context::load(from.client());
  const auto server = *server_context::load(from.server());
  CHECK(error_between(client, server) == std::error_code());

  const auto other_root = test::make_authority("Another root");
  from.show(test::issued_by(other_root, {}));
  CHECK(error_between(client, server) == make_error_code(errc::certificate_untrusted));

  from.dir.write("root.pem", to_pem(other_root.certificates));
  CHECK(error_between(client, server) == std::error_code());
  CHECK(from.problems.empty());

  // Half of a change: the key does not match yet.
  const auto next = test::issued_by(other_root, {.common_name = "next"});
  from.dir.write("cert.pem", to_pem(next.certificates));
  CHECK(error_between(client, server) == std::error_code());
  CHECK(error_between(client, server) == std::error_code());
  CHECK(from.problems.size() == 1);
  from.dir.write("key.pem", to_pem(next.private_key));
  CHECK(error_between(client, server) == std::error_code());
  CHECK(from.problems.size() == 1);
  CHECK(std::ranges::count(from.loaded, "\"" + from.path("cert.pem") + "\", \"" +
                                            from.path("key.pem") + "\" changed and are in use") ==
        2);

  std::filesystem::remove(from.path("root.pem"));
  CHECK(error_between(client, server) == std::error_code());
  REQUIRE(from.problems.size() == 2);
  CHECK(from.problems.back().find("root.pem") != std::string::npos);
}

/// Returns when the inode of the file at `path` last changed, in ns.
std::int64_t change_time(const std::string& path) {
  struct stat found{};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  return std::int64_t{found.st_ctim.tv_sec} * 1'000'000'000 + found.st_ctim.tv_nsec;
}

TEST_CASE("tls contexts: a file that keeps its size and modification time is reloaded") {
  const auto other_root = test::make_authority("Another root");
  std::string before = to_pem(test::test_root().certificates);
  std::string after = to_pem(other_root.certificates);
  const std::size_t size = std::max(before.size(), after.size());
  before.resize(size, '\n');
  after.resize(size, '\n');

  files from;
  from.dir.write("root.pem", before);
  const auto client = *client_context::load(from.client());
  const auto server = *server_context::load(from.server());
  REQUIRE(error_between(client, server) == std::error_code());

  const std::string path = from.path("root.pem");
  const auto modified = std::filesystem::last_write_time(path);
  const auto changed = change_time(path);
  // The clock of the file system advances in steps of some milliseconds.
  while (change_time(path) == changed) {
    from.dir.write("root.pem", after);
    std::filesystem::last_write_time(path, modified);
  }
  REQUIRE(std::filesystem::last_write_time(path) == modified);
  REQUIRE(std::filesystem::file_size(path) == size);
  CHECK(error_between(client, server) == make_error_code(errc::certificate_untrusted));
}

TEST_CASE("tls contexts: a server certificate that clients refuse, or soon will, is reported") {
  struct row {
    int from_day;
    int until_day;
    std::string words;
  };
  const row rows[] = {{-9, -2, "certificate 1 expired on "},
                      {3, 90, "certificate 1 is not valid before "},
                      {-9, 10, "certificate 1 expires on "},
                      {-9, 90, ""}};
  const auto issuer = test::make_authority("An issuer");
  for (const row& each : rows) {
    CAPTURE(each.until_day);
    files from;
    from.show(test::issued_by(issuer, {.from_day = each.from_day, .until_day = each.until_day}));
    REQUIRE(server_context::load(from.server()).has_value());
    CHECK(from.doubts.size() == (each.words.empty() ? 0U : 1U));
    if (from.doubts.empty()) continue;
    CHECK(from.doubts.front().starts_with('"' + from.path("cert.pem") + "\": " + each.words));
  }
}

TEST_CASE("tls contexts: several threads make layers while files change") {
  files from;
  const auto client = *client_context::load(from.client());
  const auto server = *server_context::load(from.server());
  std::atomic<int> open = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 20; ++j) open += error_between(client, server) ? 0 : 1;
    });
  }
  for (int i = 0; i < 20; ++i) {
    from.dir.write("key.pem", to_pem(test::test_server().private_key) +
                                  std::string(static_cast<std::size_t>(i), '\n'));
  }
  threads.clear();
  CHECK(open == 60);
}

}  // namespace
}  // namespace rathole
