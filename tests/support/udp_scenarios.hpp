#pragma once

#include "dnsmasq.hpp"
#include "proc.hpp"
#include "tunnel.hpp"
#include "udp.hpp"
#include "udp_visitors.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Scenarios of UDP services for any combination of programs at the tunnel's ends.
namespace rathole::test::scenario {

/// The number of simultaneous visitors, with five datagrams each, that a transport must carry.
inline constexpr std::size_t udp_crowd_size = sanitized ? 100 : 500;
/// The size of upstream's buffer; it truncates larger datagrams to this.
inline constexpr std::size_t upstream_datagram = 2048;
inline constexpr std::size_t largest_datagram = 65507;

/// For every transport.
inline void udp_crowd_of_visitors(const pairing& programs) {
  udp_service local;
  tunnel t(programs);
  const std::uint16_t port = t.add_udp("echo", local.port());
  t.start_server_first();
  INFO(t.logs());
  REQUIRE(udp_visitor(port).is_served());
  udp_crowd visitors(udp_crowd_size, 5, 20240601);
  CHECK(visitors.visit(port, std::chrono::seconds{60}) == "");
  CHECK(udp_visitor(port).is_served());
}

/// Sends datagrams of these sizes there and back, each size twice in a row.
inline void udp_sizes(const pairing& programs, const std::vector<std::size_t>& sizes) {
  udp_service local;
  tunnel t(programs);
  const std::uint16_t port = t.add_udp("echo", local.port());
  t.start_server_first();
  INFO(t.logs());
  udp_visitor visitor(port);
  REQUIRE(visitor.is_served());
  for (const std::size_t size : sizes) {
    CAPTURE(size);
    CHECK(visitor.ask(random_bytes(size, size)) == "");
    CHECK(visitor.ask(random_bytes(size, size + 1)) == "");
  }
}
inline void udp_sizes_of_upstream(const pairing& programs) {
  udp_sizes(programs, {0,
                       1,
                       2,
                       3,
                       7,
                       8,
                       63,
                       64,
                       65,
                       127,
                       128,
                       255,
                       256,
                       257,
                       508,
                       511,
                       512,
                       1023,
                       1024,
                       1025,
                       1199,
                       1200,
                       1201,
                       1400,
                       1472,
                       1473,
                       upstream_datagram - 1,
                       upstream_datagram});
}

/// Describes a long datagram without printing it.
inline std::string digest_of_datagram(std::string_view datagram) {
  return std::to_string(datagram.size()) + " bytes, " +
         std::to_string(std::hash<std::string_view>{}(datagram));
}
inline std::vector<std::size_t> sizes_beyond_upstream() {
  return {upstream_datagram,    upstream_datagram + 1, 4096, 8191, 8192, 8193, 16384, 32767, 32768,
          largest_datagram - 1, largest_datagram};
}
/// Sends large datagrams from visitor to service, with short replies.
inline void udp_large_questions(const pairing& programs) {
  udp_service local(digest_of_datagram);
  tunnel t(programs);
  const std::uint16_t port = t.add_udp("digest", local.port());
  t.start_server_first();
  INFO(t.logs());
  udp_visitor visitor(port, AF_INET, digest_of_datagram);
  for (const std::size_t size : sizes_beyond_upstream()) {
    CAPTURE(size);
    CHECK(visitor.ask(random_bytes(size, size)) == "");
  }
}
/// Sends short requests with large replies.
inline void udp_large_answers(const pairing& programs) {
  const auto answer = [](std::string_view asked) {
    const std::size_t size = std::stoul(std::string(asked));
    return random_bytes(size, size);
  };
  udp_service local(answer);
  tunnel t(programs);
  const std::uint16_t port = t.add_udp("large", local.port());
  t.start_server_first();
  INFO(t.logs());
  udp_visitor visitor(port, AF_INET, answer);
  for (const std::size_t size : sizes_beyond_upstream()) {
    CAPTURE(size);
    CHECK(visitor.ask(std::to_string(size)) == "");
  }
}

inline void udp_dns(const pairing& programs) {
  dnsmasq local(sanitized ? 40 : 200);
  tunnel t(programs);
  const std::uint16_t port = t.add_udp("dns", local.port());
  t.start_server_first();
  INFO(t.logs());
  const std::string direct = local.ask_all(local.port());
  REQUIRE(direct.find("host-39.test.\t\t0\tIN\tAAAA\tfd00::39") != direct.npos);
  REQUIRE(direct.find("text-39.test.\t\t0\tIN\tTXT\t\"aaaa") != direct.npos);
  REQUIRE(eventually([&] { return dnsmasq::answers_on(port); }));
  const std::string through = local.ask_all(port);
  CAPTURE(through);
  CHECK((through == direct));
}

/// Returns the report of `iperf3 -u` through the port, or nothing if it fails.
inline std::optional<std::string> iperf3_report(std::uint16_t port, bool reverse) {
  std::vector<std::string> arguments = {"-c",   "127.0.0.1", "-p",  std::to_string(port),
                                        "-u",   "-b",        "10M", "-l",
                                        "1200", "-t",        "1",   "-J"};
  if (reverse) arguments.emplace_back("--reverse");
  process run(tool("iperf3"), arguments);
  if (run.wait_exit() != 0 || run.output().find("\"error\"") != std::string::npos)
    return std::nullopt;
  return run.output();
}
/// Returns the last number in the report with that name.
inline double last_number(const std::string& report, const std::string& name) {
  const auto at = report.rfind("\"" + name + "\":");
  REQUIRE(at != report.npos);
  return std::stod(report.substr(at + name.size() + 3));
}

/// Makes a TCP and a UDP service on one port, as iperf3 requires.
inline void udp_iperf3(const pairing& programs) {
  const reserved_port local = reserve_both();
  process server(tool("iperf3"), {"-s", "-B", "127.0.0.1", "-p", std::to_string(local)});
  tunnel t(programs);
  const std::uint16_t port = t.add("iperf3", local);
  t.add_udp_at("iperf3-udp", port, {}, local);
  t.start_server_first();
  INFO(t.logs());
  REQUIRE(t.client->wait_for("Control channel established", 2));
  for (const bool reverse : {false, true}) {
    CAPTURE(reverse);
    std::optional<std::string> report;
    REQUIRE(eventually([&] { return (report = iperf3_report(port, reverse)).has_value(); }));
    CAPTURE(*report);
    CHECK(last_number(*report, "packets") > 500);
    CHECK(last_number(*report, "lost_percent") < 20);
  }
}

/// Returns `"[host]:port"`, with the quotes.
inline std::string quoted_v6(const std::string& host, std::uint16_t port) {
  return "\"[" + host + "]:" + std::to_string(port) + "\"";
}
/// Tests IPv6 visitors, IPv4 visitors of a dual-stack listener, and a local service on IPv6.
inline void udp_ipv6(const pairing& programs) {
  udp_service local;
  udp_service local_v6(0, udp_service::same, AF_INET6);
  tunnel t(programs);
  const std::uint16_t v6 = free_udp_port();
  t.add_udp_at("v6", v6, quoted_v6("::1", v6), local.port());
  const std::uint16_t both = free_udp_port();
  t.add_udp_at("both", both, quoted_v6("::", both), local.port());
  const std::uint16_t to_v6 = free_udp_port();
  t.add_udp_at("to v6", to_v6, quoted_v6("::", to_v6), local_v6.port(),
               quoted_v6("::1", local_v6.port()));
  t.start_server_first();
  INFO(t.logs());
  CHECK(udp_visitor(v6, AF_INET6).is_served());
  for (const std::uint16_t port : {both, to_v6})
    for (const int family : {AF_INET, AF_INET6}) {
      CAPTURE(family);
      udp_visitor visitor(port, family);
      CHECK(visitor.is_served());
      CHECK(visitor.ask(random_bytes(upstream_datagram, 5)) == "");
      CHECK(visitor.ask("") == "");
    }
}

/// Checks that a visitor is served again after `restart` has ended a program with a signal and
/// restarted it.
template <class F>
void udp_restart(const pairing& programs, F restart) {
  udp_service local;
  tunnel t(programs);
  const std::uint16_t port = t.add_udp("echo", local.port());
  t.start_server_first();
  INFO(t.logs());
  udp_visitor visitor(port);
  for (const int number : {SIGKILL, SIGINT}) {
    CAPTURE(number);
    REQUIRE(visitor.is_served());
    restart(t, number);
  }
  CHECK(visitor.is_served());
}
inline void udp_server_restart(const pairing& programs) {
  udp_restart(programs, [](tunnel& t, int number) {
    t.server->signal(number);
    REQUIRE(t.server->wait_exit().has_value());
    t.start_server();
  });
}
inline void udp_client_restart(const pairing& programs) {
  udp_restart(programs, [](tunnel& t, int number) {
    t.client->signal(number);
    REQUIRE(t.client->wait_exit().has_value());
    t.start_client();
  });
}

/// Checks that visitors are served, with the sockets they have, once the local service starts, and
/// when it restarts. Works only with this project's client.
inline void udp_service_comes_and_goes(const pairing& programs) {
  udp_service steady;
  const std::uint16_t local_port = free_udp_port();
  tunnel t(programs);
  const std::uint16_t other = t.add_udp("steady", steady.port());
  const std::uint16_t port = t.add_udp("now and then", local_port);
  t.start_server_first();
  INFO(t.logs());
  udp_visitor content(other);
  REQUIRE(content.is_served());
  std::vector<udp_visitor> visitors;
  for (int i = 0; i < 5; ++i) visitors.emplace_back(port);
  for (int round = 1; round <= 3; ++round) {
    CAPTURE(round);
    // Each of these is refused by the client's system.
    for (udp_visitor& each : visitors) CHECK_FALSE(each.is_served(std::chrono::milliseconds{50}));
    CHECK(content.is_served());
    udp_service local(local_port);
    for (udp_visitor& each : visitors) CHECK(each.is_served());
  }
  CHECK(content.is_served());
}

}  // namespace rathole::test::scenario
