#include "tunnel_in_process.hpp"

#include <rathole/client/datagram_receiver.hpp>
#include <rathole/embed/datagram_listener_core.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/ip/udp.hpp>
#include <asio/use_future.hpp>

#include <array>
#include <future>
#include <optional>
#include <thread>

namespace rathole::test {

namespace {

using asio::ip::udp;

const char* const asked_service =
    "[server.services.ask]\ntype = \"udp\"\nbind_addr = \"127.0.0.1:0\"\n";

/// A tunnel with the UDP service `ask`, which has visitors.
class udp_tunnel : public tunnel_in_process {
 public:
  explicit udp_tunnel(asio::io_context& context, const transport_text& transport = {})
      : tunnel_in_process(context, transport, asked_service) {}

  /// Returns a socket that is connected to the service, once that is served.
  asio::awaitable<udp::socket> visitor() {
    const auto is_served = [&] { return events.visitors_ports.contains("ask"); };
    co_await until(is_served);
    udp::socket out(context());
    const udp::endpoint to(asio::ip::address_v4::loopback(), events.visitors_ports.at("ask"));
    out.connect(to);
    co_return out;
  }

  /// Ends the server, and the client if the tunnel has one, and waits for that.
  asio::awaitable<void> finish(bool has_client = true) {
    if (has_client && !client_ended) of_client().shutdown();
    of_server().shutdown();
    const auto ended = [&] { return server_ended && (client_ended || !has_client); };
    co_await until(ended);
  }
};

/// Returns `size` bytes.
std::string text_of(const std::string& room, std::size_t size) { return room.substr(0, size); }

/// Sends back what arrives at `from` until it is closed.
asio::awaitable<void> echo_datagrams(datagram_listener& from) {
  std::string room(embed::max_datagram_size, '\0');
  for (;;) {
    udp::endpoint visitor;
    const auto [ec, size] =
        co_await from.async_receive_from(asio::buffer(room), visitor, as_result);
    if (ec) break;
    const auto [failed, sent] =
        co_await from.async_send_to(asio::buffer(room.data(), size), visitor, as_result);
    if (failed) break;
    CHECK_EQ(sent, size);
  }
}

void start(asio::io_context& context, asio::awaitable<void> work) {
  asio::co_spawn(context, std::move(work), [](std::exception_ptr error) {
    if (error) std::rethrow_exception(error);
  });
}

/// Sends `question` until it comes back, because datagrams may be lost.
asio::awaitable<void> ask(udp::socket& visitor, const std::string& question) {
  std::string answer(embed::max_datagram_size, '\0');
  bool is_back = false;
  asio::steady_timer again(visitor.get_executor());
  const auto repeat = [](udp::socket& to, const std::string& what, asio::steady_timer& timer,
                         const bool& done) -> asio::awaitable<void> {
    while (!done) {
      co_await to.async_send(asio::buffer(what), use_awaitable);
      timer.expires_after(std::chrono::seconds(1));
      co_await timer.async_wait(as_result);
    }
  };
  bool has_stopped = false;
  asio::co_spawn(visitor.get_executor(), repeat(visitor, question, again, is_back),
                 [&](std::exception_ptr) { has_stopped = true; });
  for (;;) {
    const std::size_t size = co_await visitor.async_receive(asio::buffer(answer), use_awaitable);
    if (text_of(answer, size) == question) break;
  }
  is_back = true;
  again.cancel();
  const auto stopped = [&] { return has_stopped; };
  co_await until(stopped);
}

/// What a service of the client does with replies.
struct recording_sender final : client_side::datagram_sender {
  bool send(const ip_endpoint& visitor, byte_view payload) override {
    sent.emplace_back(visitor, std::string(payload.begin(), payload.end()));
    return takes;
  }
  [[nodiscard]] bool knows(const ip_endpoint& visitor) override {
    return !known || visitor.port == *known;
  }
  bool takes = true;
  /// The port of the only visitor that is remembered, if it is not each.
  std::optional<std::uint16_t> known;
  std::vector<std::pair<ip_endpoint, std::string>> sent;
};

protocol::udp_frame frame_of(std::uint16_t port, std::string_view payload) {
  protocol::udp_frame out{};
  out.visitor.port = port;
  out.payload = {reinterpret_cast<const std::uint8_t*>(payload.data()), payload.size()};
  return out;
}

}  // namespace

TEST_SUITE("datagram_listener") {
  TEST_CASE("visitors get their own replies over each transport") {
    authority issuer;
    for (const auto& transport : all_transports(issuer)) {
      CAPTURE(transport.name);
      with_tunnel<udp_tunnel>(
          [&](udp_tunnel& tunnel) -> asio::awaitable<void> {
            datagram_listener web = tunnel.of_client().listen_datagrams("ask", secret("token"));
            CHECK_EQ(web.service(), "ask");
            start(tunnel.context(), echo_datagrams(web));
            std::vector<udp::socket> visitors;
            for (int i = 0; i < 20; ++i) visitors.push_back(co_await tunnel.visitor());
            for (int round = 0; round < 3; ++round) {
              for (std::size_t i = 0; i < visitors.size(); ++i) {
                const std::string question = "question " + std::to_string(i);
                co_await ask(visitors[i], question);
              }
            }
            const std::vector<std::size_t> sizes{0, 1, 1'200, 2'049, 9'000, 65'507};
            for (const std::size_t size : sizes) {
              const std::string question = pattern(size, size);
              co_await ask(visitors[0], question);
            }
            CHECK_GE(web.stats().received, 66);
            CHECK_EQ(web.stats().received, web.stats().sent);
            CHECK_EQ(web.stats().dropped, 0);
            CHECK_EQ(web.stats().unsent, 0);
            co_await tunnel.finish();
          },
          transport);
    }
  }

  TEST_CASE("a datagram fills several buffers, and what does not fit is lost") {
    with_tunnel<udp_tunnel>([&](udp_tunnel& tunnel) -> asio::awaitable<void> {
      datagram_listener web = tunnel.of_client().listen_datagrams("ask", secret("token"));
      auto visitor = co_await tunnel.visitor();
      const std::string first = "hello, world";
      const std::string empty;
      const std::string last = "bye";
      co_await visitor.async_send(asio::buffer(first), use_awaitable);
      co_await visitor.async_send(asio::buffer(empty), use_awaitable);
      co_await visitor.async_send(asio::buffer(last), use_awaitable);
      std::array<char, 3> left{};
      std::array<char, 4> right{};
      const std::array<asio::mutable_buffer, 2> room{asio::buffer(left), asio::buffer(right)};
      udp::endpoint from;
      CHECK_EQ(co_await web.async_receive_from(room, from, use_awaitable), 7);
      CHECK_EQ(std::string(left.begin(), left.end()), "hel");
      CHECK_EQ(std::string(right.begin(), right.end()), "lo, ");
      CHECK_EQ(from, visitor.local_endpoint());
      from = udp::endpoint();
      CHECK_EQ(co_await web.async_receive_from(room, from, use_awaitable), 0);
      CHECK_EQ(from, visitor.local_endpoint());
      CHECK_EQ(co_await web.async_receive_from(room, from, use_awaitable), 3);
      CHECK_EQ(std::string(left.begin(), left.end()), "bye");

      const std::array<asio::const_buffer, 3> parts{asio::buffer("good ", 5), asio::buffer("", 0),
                                                    asio::buffer("night", 5)};
      CHECK_EQ(co_await web.async_send_to(parts, from, use_awaitable), 10);
      std::string answer(100, '\0');
      const auto size = co_await visitor.async_receive(asio::buffer(answer), use_awaitable);
      CHECK_EQ(text_of(answer, size), "good night");
      co_await tunnel.finish();
    });
  }

  TEST_CASE("several calls are served in order, and a cancelled one loses no datagram") {
    with_tunnel<udp_tunnel>([&](udp_tunnel& tunnel) -> asio::awaitable<void> {
      datagram_listener web = tunnel.of_client().listen_datagrams("ask", secret("token"));
      std::array<std::string, 3> rooms{std::string(10, '\0'), std::string(10, '\0'),
                                       std::string(10, '\0')};
      std::array<udp::endpoint, 3> from;
      std::array<std::optional<std::pair<std::error_code, std::size_t>>, 3> ended;
      std::array<asio::cancellation_signal, 3> signals;
      for (std::size_t i = 0; i < 3; ++i) {
        const auto done = [&, i](std::error_code ec, std::size_t size) { ended[i] = {ec, size}; };
        web.async_receive_from(asio::buffer(rooms[i]), from[i],
                               asio::bind_cancellation_slot(signals[i].slot(), done));
      }
      signals[1].emit(asio::cancellation_type::partial);
      const auto is_cancelled = [&] { return ended[1].has_value(); };
      co_await until(is_cancelled);
      CHECK_EQ(ended[1]->first, asio::error::operation_aborted);
      CHECK_FALSE(ended[0]);
      auto visitor = co_await tunnel.visitor();
      co_await visitor.async_send(asio::buffer("one", 3), use_awaitable);
      co_await visitor.async_send(asio::buffer("two", 3), use_awaitable);
      const auto has_last = [&] { return ended[2].has_value(); };
      co_await until(has_last);
      REQUIRE(ended[0]);
      CHECK_EQ(text_of(rooms[0], ended[0]->second), "one");
      CHECK_EQ(text_of(rooms[2], ended[2]->second), "two");
      // A cancellation after the end does nothing, and the slot may be used again.
      signals[0].emit(asio::cancellation_type::terminal);
      ended[0].reset();
      const auto done = [&](std::error_code ec, std::size_t size) { ended[0] = {ec, size}; };
      web.async_receive_from(asio::buffer(rooms[0]), from[0],
                             asio::bind_cancellation_slot(signals[0].slot(), done));
      signals[0].emit(asio::cancellation_type::terminal);
      const auto is_cancelled_too = [&] { return ended[0].has_value(); };
      co_await until(is_cancelled_too);
      CHECK_EQ(ended[0]->first, asio::error::operation_aborted);
      co_await tunnel.finish();
    });
  }

  TEST_CASE("datagrams beyond the backlog are dropped, the newest first, and counted") {
    with_tunnel<udp_tunnel>([&](udp_tunnel& tunnel) -> asio::awaitable<void> {
      listen_datagrams_options options;
      options.backlog = 0;
      datagram_listener web = tunnel.of_client().listen_datagrams("ask", secret("token"), options);
      auto visitor = co_await tunnel.visitor();
      for (std::size_t i = 0; i < 4; ++i) {
        const std::string sent = pattern(30'000, i);
        co_await visitor.async_send(asio::buffer(sent), use_awaitable);
      }
      const auto has_dropped = [&] { return web.stats().dropped == 2; };
      co_await until(has_dropped);
      std::string room(30'000, '\0');
      udp::endpoint from;
      for (std::size_t i = 0; i < 2; ++i) {
        co_await web.async_receive_from(asio::buffer(room), from, use_awaitable);
        CHECK((room == pattern(30'000, i)));
      }
      co_await visitor.async_send(asio::buffer("more", 4), use_awaitable);
      CHECK_EQ(co_await web.async_receive_from(asio::buffer(room), from, use_awaitable), 4);
      CHECK_EQ(web.stats().received, 3);
      co_await tunnel.finish();
    });
  }

  TEST_CASE("what cannot be sent is lost and counted, or too long") {
    with_tunnel<udp_tunnel>([&](udp_tunnel& tunnel) -> asio::awaitable<void> {
      datagram_listener web = tunnel.of_client().listen_datagrams("ask", secret("token"));
      const udp::endpoint nobody(asio::ip::address_v4::loopback(), 9);
      // Nobody has ever sent anything.
      CHECK_EQ(co_await web.async_send_to(asio::buffer("a", 1), nobody, use_awaitable), 1);
      CHECK_EQ(web.stats().unsent, 1);
      auto visitor = co_await tunnel.visitor();
      co_await visitor.async_send(asio::buffer("b", 1), use_awaitable);
      std::string room(66'000, '\0');
      udp::endpoint from;
      co_await web.async_receive_from(asio::buffer(room), from, use_awaitable);
      CHECK_EQ(co_await web.async_send_to(asio::buffer("c", 1), nobody, use_awaitable), 1);
      CHECK_EQ(web.stats().unsent, 2);
      const auto [ec, size] = co_await web.async_send_to(asio::buffer(room), from, as_result);
      CHECK_EQ(ec, asio::error::message_size);
      const std::array<asio::const_buffer, 2> parts{asio::buffer(room.data(), 65'507),
                                                    asio::buffer("d", 1)};
      const auto [also, none] = co_await web.async_send_to(parts, from, as_result);
      CHECK_EQ(also, asio::error::message_size);
      // An address that an IPv6 socket would name.
      const auto mapped = asio::ip::make_address_v6(asio::ip::v4_mapped, from.address().to_v4());
      const udp::endpoint same(mapped, from.port());
      co_await web.async_send_to(asio::buffer("e", 1), same, use_awaitable);
      CHECK_EQ(co_await visitor.async_receive(asio::buffer(room), use_awaitable), 1);
      CHECK_EQ(room[0], 'e');
      co_await tunnel.finish();
    });
  }

  TEST_CASE("close aborts what is outstanding, and gives up the service") {
    with_tunnel<udp_tunnel>([&](udp_tunnel& tunnel) -> asio::awaitable<void> {
      auto web = std::make_unique<datagram_listener>(
          tunnel.of_client().listen_datagrams("ask", secret("token")));
      std::array<char, 10> room{};
      udp::endpoint from;
      std::vector<std::error_code> ended;
      const auto done = [&](std::error_code ec, std::size_t) { ended.push_back(ec); };
      SUBCASE("by close") {
        web->async_receive_from(asio::buffer(room), from, done);
        web->async_receive_from(asio::buffer(room), from, done);
        web->close();
        web->close();
        web->async_receive_from(asio::buffer(room), from, done);
        web->async_send_to(asio::buffer(room), from, done);
        const auto all_ended = [&] { return ended.size() == 4; };
        co_await until(all_ended);
      }
      SUBCASE("by its destructor") {
        web->async_receive_from(asio::buffer(room), from, done);
        web.reset();
        const auto has_ended = [&] { return ended.size() == 1; };
        co_await until(has_ended);
      }
      SUBCASE("by another one that takes its place") {
        web->async_receive_from(asio::buffer(room), from, done);
        *web = tunnel.of_client().listen_datagrams("other", secret("token"));
        const auto has_ended = [&] { return ended.size() == 1; };
        co_await until(has_ended);
        CHECK_EQ(web->service(), "other");
      }
      SUBCASE("when the client ends") {
        web->async_receive_from(asio::buffer(room), from, done);
        tunnel.destroy_client();
        const auto client_has_ended = [&] { return tunnel.client_ended.has_value(); };
        co_await until(client_has_ended);
        const auto has_ended = [&] { return ended.size() == 1; };
        co_await until(has_ended);
        web->async_receive_from(asio::buffer(room), from, done);
        const auto both_ended = [&] { return ended.size() == 2; };
        co_await until(both_ended);
      }
      for (const auto ec : ended) CHECK_EQ(ec, asio::error::operation_aborted);
      co_await tunnel.finish();
    });
  }

  TEST_CASE("a closed listener's name may be used again, and one in use fails alone") {
    with_tunnel<udp_tunnel>([&](udp_tunnel& tunnel) -> asio::awaitable<void> {
      auto first = std::make_unique<datagram_listener>(
          tunnel.of_client().listen_datagrams("ask", secret("token")));
      first->close();
      datagram_listener web = tunnel.of_client().listen_datagrams("ask", secret("token"));
      first.reset();
      start(tunnel.context(), echo_datagrams(web));
      auto visitor = co_await tunnel.visitor();
      co_await ask(visitor, "served by the second");

      auto third = std::make_unique<datagram_listener>(
          tunnel.of_client().listen_datagrams("ask", secret("token")));
      std::array<char, 10> room{};
      udp::endpoint from;
      const auto [ec, size] =
          co_await third->async_receive_from(asio::buffer(room), from, as_result);
      CHECK_EQ(ec, errc::invalid_settings);
      auto stream_listener =
          std::make_unique<listener>(tunnel.of_client().listen("ask", secret("token")));
      const auto [also, none] = co_await stream_listener->async_accept(as_result);
      CHECK_EQ(also, errc::invalid_settings);
      third.reset();
      stream_listener.reset();
      co_await ask(visitor, "still served");
      co_await tunnel.finish();
    });
  }

  TEST_CASE("a client with its own thread serves callers on other threads") {
    asio::io_context context(1);
    udp_tunnel tunnel(context);
    config::client settings;
    const auto prepare = [&]() -> asio::awaitable<void> {
      settings = co_await tunnel.client_settings();
    };
    run(context, prepare());
    asio::io_context handlers(1);
    auto busy = asio::make_work_guard(handlers);
    std::thread on_handlers([&] { handlers.run(); });
    std::thread on_server;
    {
      client own(handlers.get_executor(), settings);
      own.async_run([](std::error_code) {});
      datagram_listener web = own.listen_datagrams("ask", secret("token"));
      const auto wait = [&]() -> asio::awaitable<void> {
        const auto is_served = [&] { return tunnel.events.visitors_ports.contains("ask"); };
        co_await until(is_served);
      };
      run(context, wait());
      const std::uint16_t port = tunnel.events.visitors_ports.at("ask");
      context.restart();
      on_server = std::thread([&] { context.run(); });

      asio::io_context of_visitor(1);
      udp::socket visitor(of_visitor, udp::endpoint(asio::ip::address_v4::loopback(), 0));
      visitor.connect({asio::ip::address_v4::loopback(), port});
      std::string room(1'000, '\0');
      for (int i = 0; i < 200; ++i) {
        const std::string question = "question " + std::to_string(i);
        udp::endpoint from;
        auto received = web.async_receive_from(asio::buffer(room), from, asio::use_future);
        visitor.send(asio::buffer(question));
        REQUIRE(received.wait_for(std::chrono::seconds(30)) == std::future_status::ready);
        CHECK_EQ(text_of(room, received.get()), question);
        CHECK_EQ(from.port(), visitor.local_endpoint().port());
        CHECK_EQ(web.async_send_to(asio::buffer("ok", 2), from, asio::use_future).get(), 2);
        CHECK_EQ(visitor.receive(asio::buffer(room)), 2);
      }
      CHECK_EQ(web.stats().received, 200);

      // The handler runs on its own executor.
      std::promise<std::pair<std::error_code, std::thread::id>> where;
      udp::endpoint from;
      const auto done = [&](std::error_code ec, std::size_t) {
        where.set_value({ec, std::this_thread::get_id()});
      };
      asio::cancellation_signal stop;
      web.async_receive_from(asio::buffer(room), from,
                             asio::bind_cancellation_slot(
                                 stop.slot(), asio::bind_executor(handlers.get_executor(), done)));
      asio::post(handlers, [&] { stop.emit(asio::cancellation_type::total); });
      const auto [ec, thread] = where.get_future().get();
      CHECK_EQ(ec, asio::error::operation_aborted);
      CHECK_EQ(thread, on_handlers.get_id());

      auto last = web.async_receive_from(asio::buffer(room), from, asio::use_future);
      web.close();
      CHECK_THROWS_AS(last.get(), std::system_error);
    }
    context.stop();
    on_server.join();
    run(context, tunnel.finish(false));
    busy.reset();
    on_handlers.join();
  }

  TEST_CASE("replies go to the server that the visitor's datagrams came from") {
    const auto core = std::make_shared<embed::datagram_listener_core>(1000);
    auto first = std::make_shared<recording_sender>();
    const auto second = std::make_shared<recording_sender>();
    first->known = 1;
    second->known = 2;
    const auto send = [&core](std::uint16_t port) {
      core->send_to(frame_of(port, {}).visitor, frame_of(port, "x").payload,
                    [](std::error_code, std::size_t) {});
    };
    core->receive(std::vector{frame_of(1, "a")}, first);
    core->receive(std::vector{frame_of(2, "b")}, second);
    send(1);
    send(2);
    send(1);
    CHECK_EQ(first->sent.size(), 2);
    CHECK_EQ(second->sent.size(), 1);
    // Nobody remembers it; the last one counts that.
    send(3);
    CHECK_EQ(second->sent.size(), 2);
    first.reset();
    send(1);
    CHECK_EQ(second->sent.size(), 3);
  }

  TEST_CASE("the core reports what it took, also if a completion closes it") {
    const auto sender = std::make_shared<recording_sender>();
    const auto core = std::make_shared<embed::datagram_listener_core>(0);
    const std::vector<protocol::udp_frame> frames{frame_of(1, "a"), frame_of(2, "b"),
                                                  frame_of(3, "c")};
    std::vector<std::pair<std::uint16_t, std::error_code>> ended;
    std::uint16_t from = 0;
    const auto receive = [&](bool closes) {
      core->receive_from(
          [&](const ip_endpoint& visitor, std::span<const std::uint8_t> payload) {
            from = visitor.port;
            return payload.size();
          },
          [&, closes](std::error_code ec, std::size_t) {
            ended.emplace_back(std::exchange(from, std::uint16_t{0}), ec);
            if (closes) core->close(errc::stopped);
          },
          nullptr);
    };
    receive(false);
    CHECK_EQ(core->receive(frames, sender), 3);
    receive(false);
    receive(false);
    receive(true);
    REQUIRE_EQ(ended.size(), 3);
    for (std::size_t i = 0; i < 3; ++i) CHECK_EQ(ended[i].first, i + 1);
    // The fourth takes a datagram and closes, so the rest is not taken.
    CHECK_EQ(core->receive(frames, sender), 1);
    CHECK_EQ(ended.size(), 4);
    CHECK_EQ(core->receive(frames, sender), 0);
    receive(false);
    CHECK_EQ(ended.back().second, errc::stopped);
    CHECK_EQ(core->stats().received, 4);
  }
}

}  // namespace rathole::test
