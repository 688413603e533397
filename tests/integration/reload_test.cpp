#include "../support/eventually.hpp"
#include "../support/our_program.hpp"
#include "../support/services.hpp"
#include "../support/serving_tunnel.hpp"
#include "../support/temp_dir.hpp"
#include "../support/visitors.hpp"

#include <doctest/doctest.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>

#include <array>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

namespace rathole::test {
namespace {

using messages = std::vector<std::string>;

/// The socket of a service manager, which keeps the kinds of the messages except of status texts. A
/// full socket loses messages, so it must be read now and then.
class service_manager {
 public:
  explicit service_manager(const temp_dir& at)
      : path_((at.path() / "notify").string()),
        socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    REQUIRE(path_.size() < sizeof name.sun_path);
    std::memcpy(name.sun_path, path_.data(), path_.size());
    REQUIRE(::bind(socket_, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0);
  }
  service_manager(const service_manager&) = delete;
  service_manager& operator=(const service_manager&) = delete;
  ~service_manager() { ::close(socket_); }

  /// Returns the variable for a program that notifies this manager.
  std::string environment() const { return "NOTIFY_SOCKET=" + path_; }

  /// Returns the kinds of the messages that have come.
  messages received() {
    std::array<char, 2048> buffer;
    for (;;) {
      const ssize_t size = ::recv(socket_, buffer.data(), buffer.size(), 0);
      if (size < 0) return received_;
      const std::string text(buffer.data(), static_cast<std::size_t>(size));
      const std::string kind = text.substr(0, text.find('='));
      if (kind != "STATUS") received_.push_back(kind);
    }
  }

 private:
  std::string path_;
  int socket_;
  messages received_;
};

/// A server and a client with files that the test rewrites.
struct reloaded_tunnel {
  temp_dir folder;
  service_manager manager{folder};
  service local{echo};
  reserved_port main;
  reserved_port port;
  std::string server_text = server_toml(main, {{"a", port}}, keys);
  std::string client_text =
      client_toml(main, {{"a", local.port()}}, std::string("retry_interval = 1\n") + keys);
  process server{
      our_program(), {folder.write("server.toml", server_text)}, {manager.environment()}};
  process client{our_program(), {folder.write("client.toml", client_text)}};

  static constexpr const char* keys = "shutdown_grace = 1";

  reloaded_tunnel() {
    INFO(server.output());
    REQUIRE(eventually([this] { return answered(port); }));
    for (process* each : {&server, &client}) {
      REQUIRE(each->wait_for("Start watching the config"));
    }
    manager.received();
  }

  /// Rewrites the server's file, which the server notices; `line` must appear in its log.
  void rewrite_server(const std::string& text, const std::string& line) {
    const std::size_t before = server.output().size();
    folder.write("server.toml", text);
    CHECK(server.wait_for(line, 1, before));
    manager.received();
  }
};

constexpr const char* in_use = "The changed configuration is in use";

TEST_CASE("reload: another transport replaces the instances, and active connections continue") {
  reloaded_tunnel t;
  INFO(t.server.output());
  INFO(t.client.output());
  tcp_socket early = tcp_socket::connect(t.port);
  const auto talk = [&early] {
    early.send_all("more");
    return early.receive(4) == "more";
  };
  REQUIRE(talk());
  t.rewrite_server(t.server_text + websocket().server, in_use);
  t.folder.write("client.toml", t.client_text + websocket().client);
  CHECK(t.client.wait_for(in_use));
  CHECK(eventually([&] { return answered(t.port); }));
  CHECK(talk());
  // The machine follows the file after a replacement, too.
  t.rewrite_server(t.server_text + noise("Noise_NK_25519_ChaChaPoly_BLAKE2s").server, in_use);
  CHECK(talk());
  // The connection of the first instance has one second after the signal.
  for (process* each : {&t.server, &t.client}) {
    each->signal(SIGTERM);
    CHECK(each->wait_exit() == 0);
  }
  CHECK(early.ends());
}

TEST_CASE("reload: services in included files come, change and go, and others are not touched") {
  temp_dir folder;
  const service local{echo};
  const reserved_port main;
  const reserved_port port;
  const reserved_port other;
  std::filesystem::create_directory(folder.path() / "services.d");
  const auto bind = [](const reserved_port& at) {
    return "bind_addr = \"127.0.0.1:" + std::to_string(at) + "\"\n";
  };
  process server{our_program(),
                 {folder.write("server.toml", "include = \"services.d/*.toml\"\n" +
                                                  server_toml(main, {{"a", port}}, ""))}};
  process client{
      our_program(),
      {folder.write("client.toml", client_toml(main, {{"a", local.port()}, {"b", local.port()}},
                                               "retry_interval = 1"))}};
  INFO(server.output());
  REQUIRE(eventually([&] { return answered(port); }));
  REQUIRE(server.wait_for("Start watching the config"));
  tcp_socket early = tcp_socket::connect(port);
  const auto talk = [&early] {
    early.send_all("more");
    return early.receive(4) == "more";
  };
  REQUIRE(talk());

  const std::string token = "token = \"" + std::string(default_token) + "\"\n";
  folder.write("services.d/b.toml", "[server.services.b]\n" + token + bind(other));
  CHECK(eventually([&] { return answered(other); }));

  std::size_t before = server.output().size();
  folder.write("services.d/c.toml", "[server.services.b]\n" + token + bind(other));
  CHECK(server.wait_for("services.d/c.toml:1:1: server.services.b: this is also in", 1, before));
  CHECK(answered(other));

  before = server.output().size();
  std::filesystem::remove(folder.path() / "services.d/c.toml");
  CHECK(server.wait_for("The configuration is valid again", 1, before));

  std::filesystem::remove(folder.path() / "services.d/b.toml");
  CHECK(eventually([&] { return !answered(other); }));
  CHECK(answered(port));
  CHECK(talk());
}

TEST_CASE("reload: another engine alone is another transport, and active connections continue") {
  if (!has_feature("openssl")) {
    MESSAGE("skipped: the engine openssl is not built in");
    return;
  }
  const transport_tables by = noise("Noise_NK_25519_ChaChaPoly_BLAKE2s");
  reloaded_tunnel t;
  INFO(t.server.output());
  INFO(t.client.output());
  t.rewrite_server(t.server_text + by.server, in_use);
  t.folder.write("client.toml", t.client_text + by.client);
  CHECK(t.client.wait_for(in_use));
  REQUIRE(eventually([&] { return answered(t.port); }));
  tcp_socket early = tcp_socket::connect(t.port);
  const auto talk = [&early] {
    early.send_all("more");
    return early.receive(4) == "more";
  };
  REQUIRE(talk());
  t.rewrite_server(t.server_text + by.server + engine_key("openssl"), in_use);
  CHECK(
      t.server.wait_for("Running by transport `noise` (Noise_NK_25519_ChaChaPoly_BLAKE2s, engine "
                        "`openssl`)"));
  CHECK(talk());
  // The client connects again, with the other engine.
  CHECK(eventually([&] { return answered(t.port); }));
}

TEST_CASE("reload: a replacement that cannot listen leaves the old instance in use") {
  reloaded_tunnel t;
  INFO(t.server.output());
  // 192.0.2.1 is for documentation (RFC 5737): no machine has it.
  const std::string elsewhere = "\"192.0.2.1:" + std::to_string(t.main) + "\"";
  const std::string listening = server_toml(t.main, {{"a", t.port}}, t.keys, {}, elsewhere);
  constexpr const char* rejected = "cannot be applied. The old one is in use";
  SUBCASE("with another transport") { t.rewrite_server(listening + websocket().server, rejected); }
  SUBCASE("with the same transport") { t.rewrite_server(listening, rejected); }
  CHECK(answered(t.port));
  t.rewrite_server(t.server_text + websocket().server, in_use);
  t.folder.write("client.toml", t.client_text + websocket().client);
  CHECK(eventually([&] { return answered(t.port); }));
  t.manager.received();
  t.server.signal(SIGTERM);
  CHECK(t.server.wait_exit() == 0);
  // A file may be read more than once.
  const messages all = t.manager.received();
  REQUIRE(all.size() >= 6);
  for (std::size_t i = 0; i + 1 < all.size(); ++i) {
    CHECK(all[i] == (i % 2 == 0 ? "READY" : "RELOADING"));
  }
  CHECK(all.back() == "STOPPING");
}

TEST_CASE("reload: an invalid file is ignored, and the log says when it is valid again") {
  reloaded_tunnel t;
  INFO(t.server.output());
  t.rewrite_server("[server", "The changed configuration is invalid. Ignored");
  CHECK(answered(t.port));
  t.rewrite_server(t.server_text, "The configuration is valid again, and the one in use");
  CHECK(answered(t.port));
  CHECK(t.manager.received() == messages{"READY"});
}

TEST_CASE("reload: a warning about a file that has an error too stays a warning") {
  reloaded_tunnel t;
  INFO(t.server.output());
  t.rewrite_server(
      "[server]\nbind_addr = \":::0\"\ndefault_token = \"\"\nworkers = -1\n"
      "services = {}\n",
      "The changed configuration is invalid. Ignored");
  CHECK(t.server.output().contains(" WARN rathole::config_watcher: "));
  CHECK(t.server.output().contains(":3:17: server.default_token: an empty token"));
  CHECK(t.server.output().contains(":4:11: server.workers: "));
  CHECK_FALSE(t.server.output().contains("warning: "));
}

TEST_CASE("reload: the service manager is notified of each change, and of the stop") {
  reloaded_tunnel t;
  const reserved_port other;
  INFO(t.server.output());
  t.rewrite_server(t.server_text + "[server.services.b]\ntoken = \"b\"\nbind_addr = " +
                       quoted_address(other) + "\n",
                   in_use);
  CHECK(
      eventually([&] { return t.manager.received() == messages{"READY", "RELOADING", "READY"}; }));
  t.server.signal(SIGTERM);
  CHECK(t.server.wait_exit() == 0);
  CHECK(t.manager.received() == messages{"READY", "RELOADING", "READY", "STOPPING"});
}

}  // namespace
}  // namespace rathole::test
