// Where clients and visitors can connect: `server::addresses`.

#include "tunnel_in_process.hpp"

#include <asio/detached.hpp>

#include <thread>

namespace rathole::test {

namespace {

using addresses = std::vector<address>;

addresses at_port(std::uint16_t port) { return {address("127.0.0.1", port)}; }

config::server_service udp_service(std::string name) {
  config::server_service out;
  out.name = std::move(name);
  out.kind = config::service_kind::udp;
  out.token = secret("token");
  out.bind_addr = address("127.0.0.1", 0);
  return out;
}

/// Asks a server for its addresses when it reports one.
struct asking_observer {
  void on(const server::listening& event) { CHECK_EQ(from->addresses(), addresses{event.at}); }
  void on(const server::ready&) { is_ready = true; }
  void on(const server::service_listening& event) {
    CHECK_EQ(from->addresses(event.service), addresses{event.at});
    is_served = true;
  }

  server* from = nullptr;
  bool is_ready = false;
  bool is_served = false;
};

}  // namespace

TEST_SUITE("addresses") {
  TEST_CASE("a server has the addresses of clients and visitors, while they can connect") {
    with_tunnel([&](tunnel_in_process& tunnel) -> asio::awaitable<void> {
      const server& open = tunnel.of_server();
      CHECK_EQ(open.addresses(), at_port(tunnel.events.clients_port));
      CHECK(open.addresses("web").empty());
      CHECK(open.addresses("none").empty());
      CHECK(open.addresses("").empty());

      listener web = tunnel.of_client().listen("web", secret("token"));
      auto visitor = co_await tunnel.visit();
      const std::uint16_t web_port = tunnel.events.visitors_ports.at("web");
      CHECK_EQ(open.addresses("web"), at_port(web_port));
      addresses seen;
      std::thread([&] { seen = open.addresses("web"); }).join();
      CHECK_EQ(seen, at_port(web_port));

      co_await tunnel.of_server().async_add(udp_service("ask"), use_awaitable);
      CHECK(open.addresses("ask").empty());
      datagram_listener ask = tunnel.of_client().listen_datagrams("ask", secret("token"));
      const auto asks = [&] { return tunnel.events.visitors_ports.contains("ask"); };
      co_await until(asks);
      CHECK_EQ(open.addresses("ask"), at_port(tunnel.events.visitors_ports.at("ask")));

      web.close();
      ask.close();
      const auto none_is_served = [&] {
        return open.addresses("web").empty() && open.addresses("ask").empty();
      };
      co_await until(none_is_served);
      CHECK_EQ(open.addresses(), at_port(tunnel.events.clients_port));
      tunnel.of_server().close();
      const auto listens_nowhere = [&] { return open.addresses().empty(); };
      co_await until(listens_nowhere);
    });
  }

  TEST_CASE("the addresses of a server follow its settings, also to another transport") {
    authority issuer;
    const auto transports = all_transports(issuer);
    with_tunnel([&](tunnel_in_process& tunnel) -> asio::awaitable<void> {
      const server& open = tunnel.of_server();
      const auto first = open.addresses();
      for (const auto& transport : transports) {
        CAPTURE(transport.name);
        auto same = settings_of(
            "[server]\nbind_addr = \"127.0.0.1:0\"\ndefault_token = \"token\"\n"
            "[server.services.web]\nbind_addr = \"127.0.0.1:0\"\n" +
            transport.server);
        co_await tunnel.of_server().async_update(std::move(*same.server), use_awaitable);
        CHECK_EQ(open.addresses(), first);
      }
      auto two = settings_of(
          "[server]\nbind_addr = [\"127.0.0.2:0\", \"127.0.0.3:0\"]\ndefault_token = \"token\"\n"
          "[server.services.web]\nbind_addr = \"127.0.0.1:0\"\n");
      co_await tunnel.of_server().async_update(std::move(*two.server), use_awaitable);
      const auto only_new = [&] {
        const auto now = open.addresses();
        return now.size() == 2 && now[0].host == "127.0.0.2" && now[1].host == "127.0.0.3";
      };
      co_await until(only_new);
    });
  }

  TEST_CASE("an address is known when it is reported") {
    asio::io_context context(1);
    auto settings = settings_of(
        "[server]\nbind_addr = \"127.0.0.1:0\"\ndefault_token = \"token\"\n"
        "[server.services.web]\nbind_addr = \"127.0.0.1:0\"\n");
    asking_observer asking;
    server open(context, std::move(*settings.server), asking);
    asking.from = &open;
    CHECK(open.addresses().empty());
    open.async_run(asio::detached);
    const auto test = [&]() -> asio::awaitable<void> {
      const auto is_ready = [&] { return asking.is_ready; };
      co_await until(is_ready);
      client hidden(context, config::client{.remote_addr = open.addresses()[0]});
      hidden.async_run(asio::detached);
      const listener web = hidden.listen("web", secret("token"));
      const auto is_served = [&] { return asking.is_served; };
      co_await until(is_served);
    };
    run(context, test());
  }
}

}  // namespace rathole::test
