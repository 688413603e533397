// `rathole diagnose` against real servers, and what it finds when something is wrong.

#include "../support/authority.hpp"
#include "../support/config_text.hpp"
#include "../support/file_text.hpp"
#include "../support/our_program.hpp"
#include "../support/proxy_programs.hpp"
#include "../support/services.hpp"
#include "../support/silent_listener.hpp"
#include "../support/temp_dir.hpp"
#include "../support/transport_tables.hpp"
#include "../support/tunnel.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::test {
namespace {

constexpr const char* nk = "Noise_NK_25519_ChaChaPoly_BLAKE2s";

/// The files of a tunnel, its server, and a local service.
struct diagnosed {
  explicit diagnosed(transport_tables tables = tcp()) : by(std::move(tables)) {}

  void start_server(const std::string& token = std::string(default_token)) {
    const std::vector<service_entry> services = {{"web", visitors, token}};
    const std::string file = folder.write(
        "server.toml", server_toml(port, services, {}, by.server, quoted_localhost(port)));
    server.emplace(our_program(), std::vector<std::string>{file});
    REQUIRE(eventually([this] { return !refused(port); }));
  }

  finished_run of_client(const std::vector<std::string>& options = {}) {
    const std::vector<service_entry> services = {{"web", local_port.value_or(local.port())}};
    const std::string text =
        client_toml(server_port.value_or(port), services, keys, by.client, host);
    std::vector<std::string> words = {"diagnose", folder.write("client.toml", text)};
    words.insert(words.end(), options.begin(), options.end());
    return run_program(words);
  }

  transport_tables by;
  std::string host = "localhost";
  std::string keys;
  std::optional<std::uint16_t> server_port;
  std::optional<std::uint16_t> local_port;
  reserved_port port;
  reserved_port visitors;
  service local{echo};
  temp_dir folder;
  std::optional<process> server;
};

/// Returns the results of the steps with their names, such as "ok connect".
std::vector<std::string> results(const finished_run& run) {
  static const std::regex line("(ok|failed|skipped) +([0-9]+ ms)? +([a-z]+) .*");
  std::vector<std::string> out;
  for (const std::string& each : lines(run.out)) {
    std::smatch parts;
    if (std::regex_match(each, parts, line)) out.push_back(parts[1].str() + ' ' + parts[3].str());
  }
  return out;
}

using strings = std::vector<std::string>;

TEST_CASE("diagnose: everything is right on every transport, beside a client that serves") {
  authority issuer;
  std::vector<std::pair<transport_tables, std::string>> all = {
      {tcp(), ""},
      {noise(nk), std::string("noise: ") + nk},
      {websocket(), "websocket: without TLS"}};
  for (const std::string& engine : tls_engines()) {
    const std::string server = pem_keys(issuer.issue()) + engine_key(engine);
    const std::string client = trust_in(issuer) + engine_key(engine);
    const std::string certificate = "valid until 2049-12-31";
    all.emplace_back(tls("tls by " + engine, server, client), certificate);
    all.emplace_back(websocket_over_tls("websocket over " + engine, server, client), certificate);
  }
  for (const auto& [by, found] : all) {
    CAPTURE(by.name);
    service local(echo);
    tunnel both({by.name, our_program(), our_program(), by.server, by.client});
    const std::uint16_t visitors = both.add("web", local.port());
    both.start_server_first();
    INFO(both.logs());
    REQUIRE(eventually([&] { return answered(visitors); }));

    temp_dir folder;
    const std::string file =
        folder.write("client.toml",
                     client_toml(both.port(), {{"web", local.port()}}, {}, by.client, "localhost"));
    const finished_run run = run_program({"diagnose", file});
    INFO(run.all);
    CHECK(run.status == 0);
    strings expected = {"ok settings", "ok resolve", "ok connect"};
    if (!by.client.empty()) expected.emplace_back("ok handshake");
    expected.insert(expected.end(), {"ok hello", "ok service", "ok local"});
    CHECK(results(run) == expected);
    CHECK(run.out.contains(found));
    CHECK(run.out.contains("No token was tried"));
    CHECK(answered(visitors));
    CHECK(occurrences(both.server->output(), "Control channel established") == 1);

    const finished_run tried = run_program({"diagnose", file, "--authenticate"});
    INFO(tried.all);
    CHECK(tried.status == 0);
    CHECK(tried.out.contains("the server accepts the token"));
    CHECK(both.client->wait_for("Control channel established", 2));
  }
}

TEST_CASE("diagnose: through a proxy, which is a step of its own") {
  microsocks socks;
  tinyproxy http(user_and_password{"us3r", "s3cret"});
  const auto through = [](const std::string& url) {
    return transport_tables{
        url,
        {},
        "[client.transport]\ntype = \"tcp\"\n[client.transport.tcp]\nproxy = \"" + url + "\"\n"};
  };
  const std::string at_socks = "127.0.0.1:" + std::to_string(socks.port());
  const std::string at_http = "127.0.0.1:" + std::to_string(http.port());
  const strings good = {"ok settings", "ok connect", "ok proxy",
                        "ok hello",    "ok service", "ok local"};
  for (const std::string& url : {"socks5://" + at_socks, "http://us3r:s3cret@" + at_http}) {
    diagnosed both(through(url));
    both.start_server();
    const finished_run run = both.of_client();
    INFO(run.all);
    CHECK(run.status == 0);
    CHECK(results(run) == good);
    CHECK_FALSE(run.all.contains("s3cret"));
  }
  diagnosed wrong(through("http://us3r:wr0ng@" + at_http));
  wrong.start_server();
  const finished_run run = wrong.of_client();
  INFO(run.all);
  CHECK(run.status == 1);
  CHECK(results(run) == strings{"ok settings", "ok connect", "failed proxy", "skipped hello",
                                "skipped service", "ok local"});
  CHECK(run.out.contains("see `client.remote_addr` and `client.transport.tcp.proxy`"));
  CHECK_FALSE(run.all.contains("wr0ng"));
}

TEST_CASE("diagnose: a wrong token is found with --authenticate, and is not shown") {
  diagnosed both;
  both.start_server("another token");
  CHECK(both.of_client().status == 0);
  const finished_run run = both.of_client({"--authenticate"});
  INFO(run.all);
  CHECK(run.status == 1);
  CHECK(results(run) == strings{"ok settings", "ok resolve", "ok connect", "ok hello",
                                "failed authenticate", "ok local"});
  CHECK(run.out.contains("web: Incorrect token\n"));
  CHECK(run.out.contains("  `token` of `client.services.web`"));
  CHECK_FALSE(run.all.contains(default_token));
}

TEST_CASE("diagnose: keys and certificates that do not fit fail in the handshake") {
  const strings expected = {"ok settings",   "ok resolve",      "ok connect", "failed handshake",
                            "skipped hello", "skipped service", "ok local"};
  diagnosed other_key(noise(nk));
  other_key.start_server();
  std::string& keys = other_key.by.client;
  keys.replace(keys.find(first_public_key), first_public_key.size(), second_public_key);
  const finished_run noise_run = other_key.of_client();
  INFO(noise_run.all);
  CHECK(noise_run.status == 1);
  CHECK(results(noise_run) == expected);
  CHECK(noise_run.out.contains("`noise.pattern` and the keys of both sides"));
  CHECK_FALSE(noise_run.all.contains(first_private_key));

  authority issuer;
  authority stranger;
  diagnosed untrusted(tls("tls", pem_keys(issuer.issue()), trust_in(stranger)));
  untrusted.start_server();
  const finished_run tls_run = untrusted.of_client();
  INFO(tls_run.all);
  CHECK(tls_run.status == 1);
  CHECK(results(tls_run) == expected);
  CHECK(tls_run.out.contains("  see `client.transport.tls.trusted_root`"));

  diagnosed bare(tls("tls", pem_keys(issuer.issue()), ""));
  bare.by.client.clear();
  bare.start_server();
  const finished_run bare_run = bare.of_client();
  INFO(bare_run.all);
  CHECK(results(bare_run) == strings{"ok settings", "ok resolve", "ok connect", "failed hello",
                                     "skipped service", "ok local"});
  CHECK(bare_run.out.contains("compare `transport.type` (`tcp` here) of both sides"));
}

TEST_CASE("diagnose: a name that does not exist, a port that refuses, and one that is silent") {
  const strings no_connection = {"ok settings",   "ok resolve",      "failed connect",
                                 "skipped hello", "skipped service", "ok local"};
  diagnosed both;
  const finished_run refusing = both.of_client();
  INFO(refusing.all);
  CHECK(refusing.status == 1);
  CHECK(results(refusing) == no_connection);
  CHECK(refusing.out.contains("Connection refused\n"));

  both.host = "name.invalid";
  both.keys = "connect_timeout = 20";
  const finished_run unknown = both.of_client();
  INFO(unknown.all);
  CHECK(unknown.status == 1);
  CHECK(results(unknown) == strings{"ok settings", "failed resolve", "skipped connect",
                                    "skipped hello", "skipped service", "ok local"});
  CHECK(unknown.out.contains("not done, because `resolve` failed"));

  const silent_listener cut;
  both.host = "127.0.0.1";
  both.server_port = cut.port();
  both.keys = "connect_timeout = 1";
  const finished_run late = both.of_client();
  INFO(late.all);
  CHECK(late.status == 1);
  CHECK(results(late) ==
        strings{"ok settings", "failed connect", "skipped hello", "skipped service", "ok local"});
  CHECK(late.out.contains("timed out"));

  service mute([](tcp_socket& socket) { socket.receive_all(); });
  both.server_port = mute.port();
  both.keys = "handshake_timeout = 1";
  const finished_run unanswered = both.of_client();
  INFO(unanswered.all);
  CHECK(unanswered.status == 1);
  CHECK(results(unanswered) ==
        strings{"ok settings", "ok connect", "failed hello", "skipped service", "ok local"});
  CHECK(unanswered.out.contains("No answer from 127.0.0.1:"));
}

TEST_CASE("diagnose: a service that the server lacks, and a local service that does not run") {
  diagnosed both;
  const reserved_port nobody;
  both.start_server();
  both.local_port = nobody;
  const finished_run run = both.of_client();
  INFO(run.all);
  CHECK(run.status == 1);
  CHECK(results(run) == strings{"ok settings", "ok resolve", "ok connect", "ok hello", "ok service",
                                "failed local"});
  CHECK(run.out.contains("correct `client.services.web.local_addr`"));
  both.by.client += "[client.admin]\nbind_addr = \"unix:/run/rathole-of-the-tests.sock\"\n";
  strings with_admin = results(run);
  with_admin.push_back("ok listen");
  CHECK(results(both.of_client()) == with_admin);

  const std::string file =
      both.folder.write("other.toml", client_toml(both.port, {{"other", both.local.port()}}));
  const finished_run absent = run_program({"diagnose", file});
  INFO(absent.all);
  CHECK(absent.status == 1);
  CHECK(absent.out.contains("other: Service not exist\n"));
  CHECK(absent.out.contains("  the server has no `[server.services.other]`"));
}

TEST_CASE("diagnose: a server's files and addresses") {
  diagnosed both;
  const std::vector<service_entry> services = {
      {"web", both.visitors}, {"dns", both.visitors, std::string(default_token), "type = \"udp\""}};
  const auto of_server = [&](const std::string& tables) {
    return run_program(
        {"diagnose", "--server",
         both.folder.write("server.toml", server_toml(both.port, services, {}, tables))});
  };
  const finished_run idle = of_server({});
  INFO(idle.all);
  CHECK(idle.status == 0);
  CHECK(results(idle) == strings{"ok settings", "ok listen", "ok listen", "ok listen"});
  const auto with_admin = [&](const std::string& at) {
    return of_server("[server.admin]\nbind_addr = \"" + at + "\"\n");
  };
  const finished_run with_socket = with_admin("unix:admin.sock");
  INFO(with_socket.all);
  CHECK(with_socket.status == 0);
  CHECK(results(with_socket) ==
        strings{"ok settings", "ok listen", "ok listen", "ok listen", "ok listen"});
  CHECK_FALSE(std::filesystem::exists(both.folder.path() / "admin.sock"));
  const finished_run without_folder = with_admin("unix:missing/admin.sock");
  CHECK(without_folder.status == 1);
  CHECK(results(without_folder).back() == "failed listen");
  CHECK(without_folder.out.contains("create the folder of the socket"));
  const tcp_socket taken = tcp_socket::listen();
  const finished_run in_use = with_admin("127.0.0.1:" + std::to_string(taken.port()));
  CHECK(in_use.status == 1);
  CHECK(in_use.out.contains("another program or another copy of this one listens there"));

  const finished_run without_log =
      run_program({"diagnose", "--server",
                   both.folder.write("server.toml", "log_file = \"missing/rathole.log\"\n" +
                                                        server_toml(both.port, services))});
  INFO(without_log.all);
  CHECK(without_log.status == 1);
  CHECK(without_log.err.contains("server.toml:1:12: log_file: "));

  both.start_server();
  const finished_run busy = of_server({});
  INFO(busy.all);
  CHECK(busy.status == 1);
  CHECK(results(busy) == strings{"ok settings", "failed listen", "ok listen", "ok listen"});
  CHECK(busy.out.contains("another program or another copy of this one listens there"));

  const finished_run without_file =
      of_server(table_text("server", "tls", "cert = \"none.crt\"\nkey = \"none.key\""));
  INFO(without_file.all);
  CHECK(without_file.status == 1);
  CHECK(results(without_file).front() == "failed settings");
  CHECK(without_file.out.contains("none.crt"));
}

TEST_CASE(
    "diagnose: a file with both blocks needs the name of the side, and one with errors none") {
  temp_dir folder;
  const reserved_port port;
  const std::string both = folder.write("both.toml", server_toml(port, {}) + client_toml(port, {}));
  const finished_run unclear = run_program({"diagnose", both});
  CHECK(unclear.status == 1);
  CHECK(unclear.err.contains("say --server or --client"));
  CHECK(run_program({"diagnose", "--server", both}).status == 0);
  const finished_run wrong =
      run_program({"diagnose", folder.write("wrong.toml", "[client]\nremote = 1\n")});
  CHECK(wrong.status == 1);
  CHECK(wrong.out == "");
  CHECK(wrong.err.contains("wrong.toml:2"));
}

}  // namespace
}  // namespace rathole::test
