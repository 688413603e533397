// Unix-domain sockets in the configuration file.

#include "../support/config_problems.hpp"
#include "../support/temp_dir.hpp"

#include <rathole/config/load.hpp>
#include <rathole/config/parse.hpp>
#include <rathole/config/validate.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include <unistd.h>

namespace rathole::config {
namespace {

const std::string server_head = "[server]\ndefault_token = \"a secret of mine\"\n";
const std::string web = "[server.services.web]\n";
const std::string client_head =
    "[client]\ndefault_token = \"a secret of mine\"\nremote_addr = \"h:1\"\n"
    "[client.services.web]\n";

config usable(const std::string& text) {
  auto found = read(text, "/etc/rathole/c.toml");
  if (!found) FAIL(to_string(found.error().front()));
  CHECK(found->warnings.empty());
  return found->settings;
}

TEST_CASE("unix sockets: addresses on both sides") {
  const config found = usable(
      server_head + "bind_addr = [\"unix:/run/tunnel.sock\", \"0.0.0.0:2333\"]\nmode = \"0600\"\n" +
      web + "bind_addr = [\"unix:web.sock\", \"unix:@web\"]\nmode = \"0666\"\nowner = \"7:8\"\n");
  const server& all = *found.server;
  CHECK(all.bind_addr[0].host == "unix:/run/tunnel.sock");
  CHECK(all.bind_addr[0].permissions == socket_permissions{.mode = 0600});
  CHECK(all.bind_addr[1] == address("0.0.0.0:2333"));
  const address_list& of_web = all.services[0].bind_addr;
  CHECK(of_web[0].host == "unix:/etc/rathole/web.sock");
  CHECK(of_web[0].permissions == socket_permissions{.mode = 0666, .owner = 7, .group = 8});
  CHECK(of_web[1] == address("unix:@web"));

  const config other = usable(client_head + "local_addr = \"unix:web.sock\"\n");
  CHECK(other.client->services[0].local_addr.front().host == "unix:/etc/rathole/web.sock");
}

TEST_CASE("unix sockets: the type socket_stream has paths") {
  const config found = usable(server_head + "bind_addr = \"h:1\"\n" + web +
                              "type = \"socket_stream\"\nbind_addr = \"/var/run/example.sock\"\n");
  const server_service& service = found.server->services[0];
  CHECK(service.kind == service_kind::tcp);
  CHECK(service.bind_addr[0] == address("unix:/var/run/example.sock"));
  const config other = usable(
      client_head + "type = \"socket_stream\"\nlocal_addr = \"unix:/var/run/example.sock\"\n");
  CHECK(other.client->services[0].local_addr == address("unix:/var/run/example.sock"));
}

TEST_CASE("unix sockets: owners by name and by number") {
  const auto owner = [](const std::string& text) {
    const config found = usable(server_head + "bind_addr = \"h:1\"\n" + web +
                                "bind_addr = \"unix:/run/w\"\nowner = \"" + text + "\"\n");
    return found.server->services[0].bind_addr[0].permissions;
  };
  CHECK(owner("root") == socket_permissions{.owner = 0});
  CHECK(owner("root:root") == socket_permissions{.owner = 0, .group = 0});
  CHECK(owner(":root") == socket_permissions{.group = 0});
  CHECK(owner("1000:") == socket_permissions{.owner = 1000});
}

TEST_CASE("unix sockets: wrong values are problems") {
  const std::string service = server_head + "bind_addr = \"h:1\"\n" + web;
  const std::string at = "c.toml:5:";
  const std::string how =
      "; write it like `unix:/run/rathole/web.sock`, or `unix:@web` for an abstract name";
  CHECK(only_line(service + "bind_addr = \"unix:\"\n") ==
        at +
            "13: server.services.web.bind_addr: the path of a Unix-domain socket has 1 to 107 "
            "bytes" +
            how);
  CHECK(only_line(service + "bind_addr = \"unix:/" + std::string(107, 'x') + "\"\n") ==
        at +
            "13: server.services.web.bind_addr: the path of a Unix-domain socket has 1 to 107 "
            "bytes" +
            how);
  CHECK(only_line(service + "bind_addr = \"unix:/w\"\ntype = \"udp\"\n") ==
        at + "13: server.services.web.bind_addr: a UDP service has no Unix-domain socket; write "
             "it like `0.0.0.0:8080`");
  CHECK(only_line(client_head + "local_addr = \"unix:/w\"\ntype = \"udp\"\n") ==
        at + "14: client.services.web.local_addr: a UDP service has no Unix-domain socket; write "
             "it like `0.0.0.0:8080`");
  CHECK(only_line(service + "bind_addr = \"unix:/w\"\nmode = \"rw\"\n") ==
        "c.toml:6:8: server.services.web.mode: not the permissions of a file; write an octal "
        "number as \"0660\"");
  CHECK(only_line(service + "bind_addr = \"unix:/w\"\nowner = \"no such user\"\n") ==
        "c.toml:6:9: server.services.web.owner: this host has no user of that name; write it "
        "like `owner = \"user:group\"`, by names or by numbers");
  CHECK(only_line(service + "bind_addr = \"unix:/w\"\nowner = \":no such group\"\n") ==
        "c.toml:6:9: server.services.web.owner: this host has no group of that name; write it "
        "like `owner = \"user:group\"`, by names or by numbers");
  CHECK(only_line(service + "bind_addr = \"unix:/w\"\nowner = \":\"\n") ==
        "c.toml:6:9: server.services.web.owner: neither a user nor a group; write it like `owner "
        "= \"user:group\"`, by names or by numbers");
  CHECK(only_line(server_head + "bind_addr = \"unix:/w\"\n" + web + "bind_addr = \"unix:/w\"\n") ==
        "c.toml:5:13: server.services.web.bind_addr: the same Unix-domain socket as "
        "server.bind_addr in c.toml:3:13; name another one");
}

TEST_CASE("unix sockets: keys without an effect are warnings") {
  const std::string service = server_head + "bind_addr = \"h:1\"\n" + web;
  const std::string text = ": no `bind_addr` is a Unix-domain socket with a file; remove it";
  CHECK(only_line(service + "bind_addr = \"h:2\"\nmode = \"0600\"\n") ==
        "c.toml:6:8: warning: server.services.web.mode" + text);
  CHECK(only_line(service + "bind_addr = \"unix:@w\"\nowner = \"root\"\n") ==
        "c.toml:6:9: warning: server.services.web.owner" + text);
}

TEST_CASE("unix sockets: a server that is reached by one") {
  const std::string head =
      "[client]\ndefault_token = \"a secret of mine\"\nremote_addr = \"unix:/r\"\nservices = {}\n";
  CHECK(usable(head).client->remote_addr == address("unix:/r"));
  CHECK(only_line(head + "[client.transport]\ntype = \"tls\"\ntls = {}\n") ==
        "c.toml:3:15: client.remote_addr: a Unix-domain socket has no name that a certificate "
        "could have; set `transport.tls.hostname` to the name in the server's certificate");
  CHECK(lines_of(head + "[client.transport]\ntype = \"tls\"\ntls = {hostname = \"h\"}\n").empty());
  CHECK(only_line(head + "[client.transport]\ntype = \"tcp\"\ntcp = {proxy = "
                         "\"http://127.0.0.1:8080\"}\n") ==
        "c.toml:3:15: client.remote_addr: a proxy does not lead to a Unix-domain socket; remove "
        "`transport.tcp.proxy`, or name the host and port of the server");
}

TEST_CASE("unix sockets: settings of a program have the same problems") {
  client dials;
  dials.remote_addr = "unix:/r";
  dials.services = {{.name = "dns", .kind = service_kind::udp, .local_addr = "unix:/w"}};
  dials.transport = tls{};
  const auto problems = settings_problems(dials);
  REQUIRE(problems.size() == 2);
  CHECK(problems[0].key == "client.services.dns.local_addr");
  CHECK(problems[1].key == "client.remote_addr");
}

}  // namespace
}  // namespace rathole::config
