#include "../support/unusual_files.hpp"
#include "../support/our_program.hpp"
#include "../support/services.hpp"
#include "../support/temp_dir.hpp"
#include "../support/transport_tables.hpp"
#include "../support/visitors.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

namespace rathole::test {
namespace {

TEST_CASE("files: a configuration that is not a readable file is refused at start and by --check") {
  const temp_dir folder;
  const unusual_files odd(folder);
  for (const auto& [path, why] : odd.all()) {
    // A pipe may deliver a configuration, for a while.
    const bool is_pipe = path.ends_with("pipe");
    const std::string reason =
        "Failed to read the config \"" + path +
        "\": " + (is_pipe ? "it is a pipe, and its end did not come within 10 s" : why);
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{path}, std::vector<std::string>{"--check", path}}) {
      CAPTURE(path);
      const finished_run run = run_program(words);
      CHECK(run.status == 1);
      CHECK(run.err.find(reason) != std::string::npos);
    }
  }
}

TEST_CASE(
    "files: keys and certificates that are not readable files are refused at start and by "
    "--check") {
  authority issuer;
  const temp_dir folder;
  const unusual_files odd(folder);
  for (const auto& [path, why] : odd.all()) {
    CAPTURE(path);
    identity_files used = issuer.issue();
    for (std::string* which : {&used.certificate, &used.key}) {
      const std::string before = std::exchange(*which, path);
      const transport_tables by = tls("tls", pem_keys(used), trust_in(issuer));
      const std::string file =
          folder.write("server.toml", server_toml(1, {{"a", 2}}, {}, by.server));
      for (const std::vector<std::string>& words :
           {std::vector<std::string>{file}, std::vector<std::string>{"--check", file}}) {
        const finished_run run = run_program(words);
        CHECK(run.status == 1);
        CHECK(run.err.find("\"" + path + "\": the file cannot be read: " + why) !=
              std::string::npos);
      }
      *which = before;
    }
  }
}

TEST_CASE("files: a configuration may be read from a pipe, as from a shell's <(...)") {
  const temp_dir folder;
  const reserved_port main;
  const reserved_port port;
  const std::string pipe = (folder.path() / "pipe").string();
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  process server(our_program(), {pipe});
  {
    const int writer = ::open(pipe.c_str(), O_WRONLY | O_CLOEXEC);
    const std::string text = server_toml(main, {{"a", port}});
    CHECK(::write(writer, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    ::close(writer);
  }
  CHECK(server.wait_for("Listening at"));
  // The reload has nothing to load, and does not wait.
  server.signal(SIGHUP);
  CHECK(server.wait_for("it is a pipe, not a regular file"));
  CHECK_FALSE(refused(main));
  server.signal(SIGTERM);
  CHECK(server.wait_exit() == 0);
}

TEST_CASE("files: a reload that is asked for before the configuration is read does no harm") {
  const temp_dir folder;
  const std::string pipe = (folder.path() / "pipe").string();
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  for (int start = 0; start < 3; ++start) {
    const reserved_port main;
    const reserved_port port;
    process server(our_program(), {pipe});
    // Returns once the program has opened the pipe for reading; it reads to the end of the text.
    const int writer = ::open(pipe.c_str(), O_WRONLY | O_CLOEXEC);
    REQUIRE(writer >= 0);
    server.signal(SIGHUP);
    const std::string text = server_toml(main, {{"a", port}});
    CHECK(::write(writer, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    ::close(writer);
    CHECK(server.wait_for("Listening at"));
    CHECK_FALSE(refused(main));
    server.signal(SIGTERM);
    CHECK(server.wait_exit() == 0);
  }
}

TEST_CASE("files: a reload that finds no file changes nothing") {
  const temp_dir folder;
  const unusual_files odd(folder);
  service local(echo);
  const reserved_port main;
  const reserved_port port;
  const std::string file = folder.write("server.toml", server_toml(main, {{"a", port}}));
  process server(our_program(), {file});
  process client(our_program(),
                 {folder.write("client.toml",
                               client_toml(main, {{"a", local.port()}}, "retry_interval = 1"))});
  INFO(server.output());
  REQUIRE(eventually([&] { return round_trip(port); }));
  const std::filesystem::path kept = folder.path() / "kept";
  for (const auto& [path, why] : odd.all()) {
    CAPTURE(path);
    const std::size_t before = server.output().size();
    std::filesystem::rename(file, kept);
    std::filesystem::create_symlink(path, file);
    server.signal(SIGHUP);
    CHECK(server.wait_for("Failed to read the config \"" + file + "\": " + why, 1, before));
    CHECK(round_trip(port));
    std::filesystem::rename(kept, file);
  }
  server.signal(SIGTERM);
  CHECK(server.wait_exit() == 0);
}

}  // namespace
}  // namespace rathole::test
