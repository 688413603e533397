// The context is destroyed while operations are outstanding. Every handler is called once or
// destroyed, whatever was destroyed before, also if the handlers own what they wait for.

#include "tunnel_in_process.hpp"

#include <rathole/diagnose.hpp>

#include <array>
#include <deque>
#include <functional>

namespace rathole::test {

namespace {

/// More bytes than a connection takes whose peer does not read.
const std::string& much() {
  static const std::string out(64 * 1024 * 1024, 'x');
  return out;
}

/// What became of a handler.
struct outcome {
  std::string name;
  std::weak_ptr<int> alive;
  int calls = 0;
};

/// The objects of a program. All its handlers own it, as a coroutine owns its variables.
struct program : std::enable_shared_from_this<program> {
  program(asio::io_context& in, std::deque<outcome>& record)
      : context(in), outcomes(record), tunnel(in) {
    config::client settings;
    settings.remote_addr = {"127.0.0.1", 1};
    alone.emplace(context, settings);
    config::server none;
    none.bind_addr = address{"127.0.0.1", 0};
    second.emplace(context, none);
  }

  /// Makes a stream that is open, a visitor that waits for the program, and services whose visitors
  /// never come.
  asio::awaitable<void> prepare() {
    co_await tunnel.start_client();
    client& of = tunnel.of_client();
    web.emplace(of.listen("web", secret("token"), listen_options{.backlog = 1}));
    visitors.push_back(co_await tunnel.visit());
    served = co_await web->async_accept(use_awaitable);
    visitors.push_back(co_await tunnel.visit());
    const auto waits = [this] { return web->stats().waiting == 1; };
    co_await until(waits);
    quiet.emplace(of.listen("quiet", secret("token")));
    ask.emplace(of.listen_datagrams("ask", secret("token")));
    ssh.emplace(of.forward("ssh", secret("token"), address("127.0.0.1", 1)));
  }

  /// Returns a handler that owns the program.
  auto handler(const std::string& name) {
    const auto sign = std::make_shared<int>();
    outcomes.push_back({name, sign});
    return [self = shared_from_this(), sign, &made = outcomes.back()](auto&&...) { ++made.calls; };
  }

  void destroy(std::string_view what) {
    if (what == "client") tunnel.destroy_client();
    if (what == "server") tunnel.destroy_server();
    if (what == "services") web.reset(), quiet.reset(), ask.reset(), ssh.reset();
    if (what == "stream") served = stream();
  }

  asio::io_context& context;
  std::deque<outcome>& outcomes;
  tunnel_in_process tunnel;
  std::optional<client> alone;
  std::optional<server> second;
  std::optional<listener> web;
  std::optional<listener> quiet;
  std::optional<datagram_listener> ask;
  std::optional<forwarding> ssh;
  stream served;
  std::vector<asio::ip::tcp::socket> visitors;
  std::array<char, 16> room{};
  asio::ip::udp::endpoint from;
};

/// Starts an operation of a program with a handler of the program.
struct operation {
  std::string name;
  std::function<void(program&)> start;
};

/// Returns every operation of the public classes.
std::vector<operation> all_operations() {
  static constexpr duration long_time = std::chrono::hours(1);
  std::vector<operation> out;
  const auto add = [&](std::string name, std::function<void(program&)> start) {
    out.push_back({std::move(name), std::move(start)});
  };
  add("run of a client", [](program& of) { of.alone->async_run(of.handler("run")); });
  add("update of a client", [](program& of) {
    config::client next;
    next.remote_addr = {"127.0.0.1", 2};
    of.tunnel.of_client().async_update(next, of.handler("update"));
  });
  add("drain of a client",
      [](program& of) { of.tunnel.of_client().async_drain(long_time, of.handler("drain")); });
  add("accept", [](program& of) {
    of.quiet->async_accept(of.handler("first"));
    of.quiet->async_accept(of.handler("second"));
  });
  add("drain of a listener",
      [](program& of) { of.web->async_drain(long_time, of.handler("drain")); });
  add("accept of a listener whose name is in use", [](program& of) {
    listener twice = of.tunnel.of_client().listen("web", secret("token"));
    twice.async_accept(of.handler("accept"));
    of.quiet = std::move(twice);
  });
  add("receive", [](program& of) {
    of.ask->async_receive_from(asio::buffer(of.room), of.from, of.handler("receive"));
  });
  add("send", [](program& of) {
    of.ask->async_send_to(asio::buffer(of.room), of.from, of.handler("send"));
  });
  add("wait for a service", [](program& of) { of.ssh->async_wait_added(of.handler("wait")); });
  add("retarget",
      [](program& of) { of.ssh->async_retarget(address("127.0.0.1", 2), of.handler("retarget")); });
  add("read",
      [](program& of) { of.served.async_read_some(asio::buffer(of.room), of.handler("read")); });
  add("write",
      [](program& of) { of.served.async_write_some(asio::buffer(much()), of.handler("write")); });
  add("composed write",
      [](program& of) { asio::async_write(of.served, asio::buffer(much()), of.handler("write")); });
  add("end of a direction",
      [](program& of) { of.served.async_shutdown_send(of.handler("shutdown_send")); });
  add("run of a server", [](program& of) { of.second->async_run(of.handler("run")); });
  add("update of a server", [](program& of) {
    config::server next;
    next.bind_addr = address{"127.0.0.1", 0};
    of.tunnel.of_server().async_update(next, of.handler("update"));
  });
  add("changes of a server", [](program& of) {
    config::server_service more;
    more.name = "more";
    more.token = secret("token");
    more.bind_addr = address{"127.0.0.1", 0};
    of.tunnel.of_server().async_add(more, of.handler("add"));
    of.tunnel.of_server().async_remove("more", of.handler("remove"));
  });
  add("connect",
      [](program& of) { of.tunnel.of_server().async_connect("web", of.handler("connect")); });
  add("drain of a server",
      [](program& of) { of.tunnel.of_server().async_drain(long_time, of.handler("drain")); });
  add("diagnosis", [](program& of) {
    config::client wanted;
    wanted.remote_addr = {"127.0.0.1", of.tunnel.events.clients_port};
    async_diagnose(of.context, wanted, of.handler("diagnose"));
  });
  return out;
}

/// Starts `operations`, destroys the objects of the kinds in `order`, and then the context. Lets the
/// context run after each step if `runs`.
void destroy_during(const std::vector<operation>& operations, const std::vector<std::string>& order,
                    bool runs) {
  std::deque<outcome> outcomes;
  std::weak_ptr<program> alive;
  {
    std::optional<asio::io_context> context(std::in_place, 1);
    auto all = std::make_shared<program>(*context, outcomes);
    alive = all;
    run(*context, all->prepare());
    context->restart();
    for (const auto& each : operations) each.start(*all);
    if (runs) context->poll();
    for (const auto& each : order) {
      all->destroy(each);
      if (runs) context->poll();
    }
    all.reset();
    context.reset();
  }
  CHECK(alive.expired());
  for (const auto& each : outcomes) {
    CAPTURE(each.name);
    CHECK(each.alive.expired());
    CHECK_LE(each.calls, 1);
  }
}

}  // namespace

TEST_SUITE("destroyed context") {
  TEST_CASE("destroyed context: no handler of any operation is left, in any order of the ends") {
    const std::vector<std::vector<std::string>> orders{{},
                                                       {"client"},
                                                       {"services"},
                                                       {"server"},
                                                       {"client", "services", "stream", "server"},
                                                       {"server", "stream", "services", "client"}};
    const auto operations = all_operations();
    for (const auto& each : operations) {
      CAPTURE(each.name);
      for (const auto& order : orders) {
        std::string names;
        for (const auto& what : order) names += what + ' ';
        CAPTURE(names);
        for (const bool runs : {false, true}) {
          CAPTURE(runs);
          destroy_during({each}, order, runs);
        }
      }
    }
    for (const auto& order : orders) destroy_during(operations, order, true);
  }

  TEST_CASE("destroyed context: a coroutine that drains its own listener is destroyed") {
    std::weak_ptr<int> alive;
    {
      asio::io_context context(1);
      tunnel_in_process tunnel(context);
      run(context, tunnel.start_client());
      std::optional<asio::ip::tcp::socket> visitor;
      bool drains = false;
      const auto serve = [](tunnel_in_process& in, std::optional<asio::ip::tcp::socket>& out,
                            bool& has_begun, std::shared_ptr<int>) -> asio::awaitable<void> {
        listener web = in.of_client().listen("web", secret("token"));
        out.emplace(co_await in.visit());
        const stream served = co_await web.async_accept(use_awaitable);
        has_begun = true;
        co_await web.async_drain(std::chrono::hours(1), use_awaitable);
      };
      auto sign = std::make_shared<int>();
      alive = sign;
      asio::co_spawn(context, serve(tunnel, visitor, drains, std::move(sign)),
                     [](std::exception_ptr) {});
      const auto has_begun = [&]() -> asio::awaitable<void> {
        const auto holds = [&] { return drains; };
        co_await until(holds);
      };
      run(context, has_begun());
      context.restart();
      context.poll();
    }
    CHECK(alive.expired());
  }
}

}  // namespace rathole::test
