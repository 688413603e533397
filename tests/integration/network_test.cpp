// Behaviour that depends on the network: resolvers that do not answer, links with a small MTU,
// hosts without IPv6. The tests run in network namespaces.

#include "../support/eventually.hpp"
#include "../support/network_namespace.hpp"
#include "../support/our_program.hpp"
#include "../support/temp_dir.hpp"
#include "../support/tools.hpp"
#include "../support/udp.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace rathole::test {
namespace {

/// A Python program of the test.
std::vector<std::string> python(const std::string& text) {
  return {"/usr/bin/python3", "-c", text};
}

/// A name server that answers 127.0.0.1 for names that begin with "good", and nothing else.
const std::string name_server = R"(
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 53))
print("ready", flush=True)
while True:
    question, asker = s.recvfrom(512)
    if question[13:17] != b"good":
        continue
    end = question.index(0, 12) + 5
    is_a = question[end - 3] == 1
    answer = question[:2] + b"\x81\x80\0\1" + (b"\0\1" if is_a else b"\0\0") + b"\0\0\0\0"
    answer += question[12:end]
    if is_a:
        answer += b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4" + socket.inet_aton("127.0.0.1")
    s.sendto(answer, asker)
)";

/// An echo service at 127.0.0.1:8080.
const std::string echo_server = R"(
import socketserver
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(4096):
            self.request.sendall(data)
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 100
with Server(("127.0.0.1", 8080), Echo) as server:
    print("ready", flush=True)
    server.serve_forever()
)";

/// A network with a name server, and a tunnel with two services. The name server answers for one
/// service's local address and not for the other's.
struct named_network {
  named_network()
      : where("mount --bind " + directory.write("resolv.conf", "nameserver 127.0.0.1\n") +
              " /etc/resolv.conf && mount --bind " +
              directory.write("hosts", "127.0.0.1 localhost\n") + " /etc/hosts && mount --bind " +
              directory.write("nsswitch.conf", "hosts: files dns\n") + " /etc/nsswitch.conf"),
        names(where, python(name_server)),
        local(where, python(echo_server)) {
    REQUIRE(names.wait_for("ready"));
    REQUIRE(local.wait_for("ready"));
    start_server();
    client.emplace(
        where, std::vector<std::string>{our_program(), directory.write("client.toml", R"([client]
remote_addr = "good.example:2333"
default_token = "t"
retry_interval = 1
shutdown_grace = 1
[client.services.good]
local_addr = "good.example:8080"
[client.services.dead]
local_addr = "dead.example:80"
)")});
    REQUIRE(client->wait_for("Control channel established", 2));
  }

  void start_server() {
    server.emplace(
        where, std::vector<std::string>{our_program(), directory.write("server.toml", R"([server]
bind_addr = "127.0.0.1:2333"
default_token = "t"
[server.services.good]
bind_addr = "127.0.0.1:9000"
[server.services.dead]
bind_addr = "127.0.0.1:9001"
)")});
    REQUIRE(server->wait_for("Listening at 127.0.0.1:2333"));
  }

  temp_dir directory;
  network_namespace where;
  inside_process names;
  inside_process local;
  std::optional<inside_process> server;
  std::optional<inside_process> client;
};

/// Visits the port argv[1] argv[2] times, each in less than argv[3] seconds.
const std::string visits = R"(
import socket, sys
for _ in range(int(sys.argv[2])):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), float(sys.argv[3]))
    s.sendall(b"hello")
    assert s.recv(5) == b"hello"
    s.close()
)";

/// Connects a visitor to the port argv[1] every 0.1 s and keeps it connected.
const std::string stream_of_visitors = R"(
import socket, sys, time
all = []
for i in range(1000):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    s.sendall(b"hello")
    all.append(s)
    if i == 10:
        print("many", flush=True)
    time.sleep(0.1)
)";

TEST_CASE("network: a name that the resolver does not answer delays only its own service") {
  if (!network_namespace::is_permitted()) return;
  named_network n;
  INFO(n.server->output(), n.client->output());
  n.where.run_python(visits, {"9000", "1", "20"});
  std::vector<std::string> crowd = python(stream_of_visitors);
  crowd.emplace_back("9001");
  inside_process waiting(n.where, crowd);
  REQUIRE(waiting.wait_for("many"));
  // The resolver takes 10 s to give up.
  n.where.run_python(visits, {"9000", "10", "5"});
  // The exit does not wait for it either.
  n.client->signal(SIGTERM);
  CHECK(n.client->wait_exit(std::chrono::seconds{6}) == 0);
}

TEST_CASE("network: the last good answer is used when the resolver stops answering") {
  if (!network_namespace::is_permitted()) return;
  named_network n;
  n.where.run_python(visits, {"9000", "1", "20"});
  n.names.signal(SIGSTOP);
  INFO(n.server->output(), n.client->output());
  n.where.run_python(visits, {"9000", "2", "20"});
  n.server->kill();
  n.start_server();
  CHECK(n.client->wait_for("Control channel established", 4));
  n.where.run_python(visits, {"9000", "2", "20"});
  n.names.signal(SIGCONT);
}

/// A UDP service at 127.0.0.1:8080 that answers a number with 20 datagrams of that size.
const std::string many_answers = R"(
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 8080))
print("ready", flush=True)
while True:
    size, peer = s.recvfrom(99)
    for _ in range(20):
        s.sendto(b"x" * int(size), peer)
)";

/// Requests responses of some sizes from argv[1], with the source address argv[2]; prints how many
/// came from which address.
const std::string asks_for_sizes = R"(
import collections, socket, sys
for size in (100, 1300, 1352, 1353, 1372, 1373, 1400, 1452):
    family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.bind((sys.argv[2], 0))
    s.settimeout(20)
    s.sendto(b"%d" % size, (sys.argv[1], 9000))
    came = collections.Counter(s.recvfrom(2000)[1][0] for _ in range(20))
    print(size, dict(came))
)";

TEST_CASE("network: on a link with a small MTU replies leave from the address that was queried") {
  if (!network_namespace::is_permitted()) return;
  struct family {
    const char* wildcard;
    std::string asked;
    std::string visitor;
  };
  for (const family& each :
       {family{"0.0.0.0", "127.0.0.2", "127.0.0.9"}, family{"[::]", "127.0.0.2", "127.0.0.9"},
        family{"[::]", "fd00::2", "fd00::9"}}) {
    CAPTURE(each.wildcard);
    CAPTURE(each.asked);
    const temp_dir directory;
    const network_namespace where(
        "ip link set lo mtu 1400 && ip addr add fd00::1/128 dev lo && "
        "ip addr add fd00::2/128 dev lo && ip addr add fd00::9/128 dev lo");
    inside_process service(where, python(many_answers));
    REQUIRE(service.wait_for("ready"));
    inside_process server(where, {our_program(), directory.write("server.toml",
                                                                 R"([server]
bind_addr = "127.0.0.1:2333"
default_token = "t"
[server.services.u]
type = "udp"
bind_addr = ")" + std::string(each.wildcard) +
                                                                     R"(:9000"
)")});
    REQUIRE(server.wait_for("Listening at 127.0.0.1:2333"));
    inside_process client(where, {our_program(), directory.write("client.toml", R"([client]
remote_addr = "127.0.0.1:2333"
default_token = "t"
[client.services.u]
type = "udp"
local_addr = "127.0.0.1:8080"
)")});
    INFO(server.output(), client.output());
    REQUIRE(server.wait_for(":9000"));
    const std::string said = where.run_python(asks_for_sizes, {each.asked, each.visitor});
    for (const int size : {100, 1300, 1352, 1353, 1372, 1373, 1400, 1452}) {
      CAPTURE(size);
      const std::string line = std::to_string(size) + " {'" + each.asked + "': 20}";
      CHECK_MESSAGE(said.find(line) != said.npos, said);
    }
  }
}

/// A service in the style of TFTP: it answers each request to port argv[1] from a new port, and
/// counts there up to 4, one datagram for each acknowledgement.
const std::string transfer_server = R"(
import select, socket, sys
main = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
main.bind(("127.0.0.1", int(sys.argv[1])))
print("ready", flush=True)
transfers = []
while True:
    for ready in select.select([main] + transfers, [], [])[0]:
        said, peer = ready.recvfrom(99)
        if ready is main:
            assert said == b"request", said
            ready = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            ready.bind(("127.0.0.1", 0))
            transfers.append(ready)
            said = b"0"
        if int(said) < 4:
            ready.sendto(b"%d" % (int(said) + 1), peer)
)";

/// Makes two transfers at a time with the service at port argv[1]; prints what was received, each
/// datagram within argv[2] seconds.
const std::string transfer_visitors = R"(
import socket, sys
both = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
said = []
for s in both:
    s.settimeout(float(sys.argv[2]))
    s.connect(("127.0.0.1", int(sys.argv[1])))
    s.send(b"request")
try:
    for _ in range(4):
        for s in both:
            said.append(s.recv(99))
            s.send(said[-1])
except TimeoutError:
    pass
print(b"".join(said).decode())
)";

TEST_CASE("network: a UDP service may answer from another port where that is enabled") {
  const temp_dir directory;
  const reserved_port main_port = reserve_both();
  const reserved_port visitors = reserve_both();
  const reserved_port local = reserve_both();
  const std::string main_address = "\"127.0.0.1:" + std::to_string(main_port) + "\"\n";
  process service("/usr/bin/python3", {"-c", transfer_server, std::to_string(local)});
  REQUIRE(service.wait_for("ready"));
  process server(
      our_program(),
      {directory.write("server.toml",
                       "[server]\ndefault_token = \"t\"\nbind_addr = " + main_address +
                           "[server.services.u]\ntype = \"udp\"\n" +
                           "bind_addr = \"127.0.0.1:" + std::to_string(visitors) + "\"\n")});
  const auto client_file = [&](const char* keys) {
    return directory.write("client.toml",
                           "[client]\ndefault_token = \"t\"\nremote_addr = " + main_address +
                               "[client.services.u]\ntype = \"udp\"\n" +
                               "local_addr = \"127.0.0.1:" + std::to_string(local) + "\"\n" + keys);
  };
  process client(our_program(), {client_file("")});
  INFO(server.output(), client.output(), service.output());
  REQUIRE(server.wait_for("Listening at 127.0.0.1:" + std::to_string(visitors)));
  const auto transfer = [&](const char* limit) {
    return run_tool("/usr/bin/python3", {"-c", transfer_visitors, std::to_string(visitors), limit});
  };
  // A service without the setting is received from its own port only.
  CHECK(transfer("0.5") == "\n");
  // A reload is enough to change the setting.
  client_file("udp = { answers_from_any_port = true }\n");
  CHECK(eventually([&] { return transfer("1") == "11223344\n"; }));
  for (int i = 0; i < 3; ++i) CHECK(transfer("20") == "11223344\n");
}

TEST_CASE("network: on a host without IPv6 [::] falls back to 0.0.0.0, and a warning is logged") {
  const temp_dir directory;
  const auto script = std::filesystem::path(RATHOLE_SOURCES) / "tests/integration/without_ipv6.py";
  process server("/usr/bin/python3",
                 {script.string(), our_program(), directory.write("server.toml", R"([server]
bind_addr = "[::]:0"
default_token = "t"
[server.services.t]
bind_addr = "[::]:0"
[server.services.u]
type = "udp"
bind_addr = "[::]:0"
)")});
  INFO(server.output());
  REQUIRE(server.wait_for("Listening at 0.0.0.0:"));
  const auto port = [&] { return std::to_string(listening_ports(server.output()).at(0)); };
  REQUIRE(eventually([&] { return !listening_ports(server.output()).empty(); }));
  process client(
      our_program(),
      {directory.write("client.toml", "[client]\nremote_addr = \"127.0.0.1:" + port() + R"("
default_token = "t"
[client.services.t]
local_addr = "127.0.0.1:9"
[client.services.u]
type = "udp"
local_addr = "127.0.0.1:9"
)")});
  CHECK(server.wait_for("This host has no IPv6: listening at 0.0.0.0:", 3));
  CHECK(server.wait_for(" in place of [::]:0", 3));
  CHECK(server.wait_for("Listening at 0.0.0.0:", 3));
}

TEST_CASE("network: on a host without IPv6 [::] is skipped if 0.0.0.0 is listed too") {
  const temp_dir directory;
  const auto script = std::filesystem::path(RATHOLE_SOURCES) / "tests/integration/without_ipv6.py";
  const auto port = std::to_string(tcp_socket::listen().port());
  const auto visitors = std::to_string(tcp_socket::listen().port());
  const auto both = [](const std::string& at) {
    return "bind_addr = [\"[::]:" + at + "\", \"0.0.0.0:" + at + "\"]\n";
  };
  process server("/usr/bin/python3",
                 {script.string(), our_program(),
                  directory.write("server.toml", "[server]\ndefault_token = \"t\"\n" + both(port) +
                                                     "[server.services.t]\n" + both(visitors) +
                                                     "[server.services.u]\ntype = \"udp\"\n" +
                                                     both(visitors))});
  process client(
      our_program(),
      {directory.write("client.toml", "[client]\nremote_addr = \"127.0.0.1:" + port + R"("
default_token = "t"
[client.services.t]
local_addr = "127.0.0.1:9"
[client.services.u]
type = "udp"
local_addr = "127.0.0.1:9"
)")});
  INFO(server.output());
  CHECK(server.wait_for("Listening at 0.0.0.0:" + port));
  CHECK(server.wait_for("This host has no IPv6: [::]:" + port + " is left out"));
  CHECK(server.wait_for("This host has no IPv6: [::]:" + visitors + " is left out", 2));
  CHECK(server.wait_for("Listening at 0.0.0.0:" + visitors, 2));
  CHECK_FALSE(server.output().contains("Failed to listen"));
}

TEST_CASE("network: on a host without IPv6 none of many [::] takes the port of 0.0.0.0") {
  // Which of two listeners binds first differs between the services.
  constexpr int services = 40;
  const temp_dir directory;
  const auto script = std::filesystem::path(RATHOLE_SOURCES) / "tests/integration/without_ipv6.py";
  const reserved_port port;
  std::vector<reserved_port> reserved(services);
  std::string for_server =
      "[server]\ndefault_token = \"t\"\nbind_addr = \"0.0.0.0:" + std::to_string(port) + "\"\n";
  std::string for_client =
      "[client]\ndefault_token = \"t\"\nremote_addr = \"127.0.0.1:" + std::to_string(port) + "\"\n";
  for (std::size_t i = 0; i < services; ++i) {
    const auto name = "services.s" + std::to_string(i) + "]\n";
    const auto at = std::to_string(reserved[i]);
    for_server += "[server." + name + "bind_addr = [\"[::]:" + at + "\", \"0.0.0.0:" + at + "\"]\n";
    for_client += "[client." + name + "local_addr = \"127.0.0.1:9\"\n";
  }
  process server("/usr/bin/python3",
                 {script.string(), our_program(), directory.write("server.toml", for_server)});
  process client(our_program(), {directory.write("client.toml", for_client)});
  INFO(server.output());
  CHECK(server.wait_for(" is left out", services));
  CHECK(server.wait_for("Listening at 0.0.0.0:", services + 1));
  CHECK_FALSE(server.output().contains("in place of"));
  CHECK_FALSE(server.output().contains("Failed to listen"));
}

}  // namespace
}  // namespace rathole::test
