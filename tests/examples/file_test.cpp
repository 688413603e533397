// The example that runs a configuration file, as a program.

#include "../support/config_text.hpp"
#include "../support/eventually.hpp"
#include "../support/example_program.hpp"
#include "../support/net.hpp"
#include "../support/process.hpp"
#include "../support/services.hpp"
#include "../support/temp_dir.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include <csignal>
#include <filesystem>
#include <string>

namespace rathole::test {
namespace {

TEST_CASE("example: a SIGHUP before the client runs is a reload, and does not end the process") {
  const temp_dir folder;
  const reserved_port unused;
  const service next_server(echo);
  const std::string path = (folder.path() / "client.toml").string();
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  process client(example_program("client_from_file"), {path});
  // Returns once the program has opened the pipe for reading; it reads to the end of the text.
  const int writer = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  REQUIRE(writer >= 0);
  // Lets the test write although the program may have ended.
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  REQUIRE(reader >= 0);
  client.signal(SIGHUP);
  const std::string first = client_toml(unused, {{"a", 80}});
  const std::string next = client_toml(next_server.port(), {{"a", 80}});
  std::filesystem::rename(folder.write("next.toml", next), path);
  CHECK(::write(writer, first.data(), first.size()) == static_cast<ssize_t>(first.size()));
  ::close(writer);
  ::close(reader);
  INFO(client.output());
  REQUIRE(eventually([&] { return next_server.accepted() > 0; }));
  client.signal(SIGTERM);
  CHECK(client.wait_exit() == 0);
}

}  // namespace
}  // namespace rathole::test
