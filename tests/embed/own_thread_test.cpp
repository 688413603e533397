// Clients and servers on threads of their own, beside contexts that end in any order.

#include "tunnel_in_process.hpp"

#include <rathole/diagnose.hpp>

#include <asio/executor_work_guard.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_future.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <thread>

namespace rathole::test {

namespace {

/// A server and a client in a process, both on threads of their own, beside the context `C`.
template <class C>
struct threaded_tunnel {
  struct observer {
    std::promise<std::uint16_t> clients;
    std::promise<std::uint16_t> visitors;
    void on(const server::listening& event) { clients.set_value(event.at.port); }
    void on(const server::service_listening& event) { visitors.set_value(event.at.port); }
  };

  explicit threaded_tunnel(C& context) {
    auto settings = settings_of(
        "[server]\nbind_addr = \"127.0.0.1:0\"\ndefault_token = \"token\"\n"
        "[server.services.web]\nbind_addr = \"127.0.0.1:0\"\n");
    of_server.emplace(context, std::move(*settings.server), events);
    server_ended = of_server->async_run(asio::use_future);
    own.remote_addr = {"127.0.0.1", events.clients.get_future().get()};
    of_client.emplace(context, own);
    client_ended = of_client->async_run(asio::use_future);
    web.emplace(of_client->listen("web", secret("token")));
    port = events.visitors.get_future().get();
  }

  observer events;
  config::client own;
  std::future<void> server_ended;
  std::future<void> client_ended;
  std::optional<server> of_server;
  std::optional<client> of_client;
  std::optional<listener> web;
  std::uint16_t port = 0;
};

}  // namespace

TEST_SUITE("own thread") {
  TEST_CASE("own thread: a stream may outlive its client and its server") {
    asio::thread_pool pool(1);
    asio::io_context context(1);
    for (int count = 0; count < 10; ++count) {
      CAPTURE(count);
      stream accepted;
      stream connected;
      asio::ip::tcp::socket visitor(context);
      std::future<void> server_ended;
      std::future<void> client_ended;
      {
        threaded_tunnel<asio::thread_pool> tunnel(pool);
        visitor.connect({asio::ip::address_v4::loopback(), tunnel.port});
        accepted = tunnel.web->async_accept(asio::use_future).get();
        connected = tunnel.of_server->async_connect("web", asio::use_future).get();
        server_ended = std::move(tunnel.server_ended);
        client_ended = std::move(tunnel.client_ended);
      }
      CHECK_THROWS_AS(server_ended.get(), std::system_error);
      CHECK_THROWS_AS(client_ended.get(), std::system_error);
      char byte = 0;
      auto read = accepted.async_read_some(asio::buffer(&byte, 1), asio::use_future);
      CHECK_THROWS_AS(read.get(), std::system_error);
      connected.close();
      accepted.reset();
    }
    pool.join();
  }

  TEST_CASE("own thread: the context of the handlers is destroyed with what is outstanding") {
    std::weak_ptr<int> alive;
    const auto hold_until_the_end = [&](auto& context, auto& tunnel) {
      auto sign = std::make_shared<int>();
      alive = sign;
      const auto handler = [&] { return [sign](auto&&...) {}; };
      tunnel.web->async_accept(handler());
      tunnel.web->async_accept(handler());
      tunnel.of_server->async_connect("web", handler());
      tunnel.of_client->async_drain(std::chrono::hours(1), handler());
      tunnel.of_client->async_update(tunnel.own, handler());
      config::client wanted;
      wanted.remote_addr = tunnel.own.remote_addr;
      async_diagnose(context.get_executor(), wanted, handler());
      sign.reset();
    };
    for (int count = 0; count < 20; ++count) {
      CAPTURE(count);
      {
        asio::thread_pool pool(1);
        threaded_tunnel<asio::thread_pool> tunnel(pool);
        hold_until_the_end(pool, tunnel);
      }
      CHECK(alive.expired());
      {
        asio::io_context context(1);
        {
          // A handler owns the objects.
          const auto ex = context.get_executor();
          const auto with_executor = [&] {
            auto all =
                std::make_shared<std::pair<std::optional<client>, std::optional<listener>>>();
            config::client settings;
            settings.remote_addr = {"127.0.0.1", 1};
            all->first.emplace(ex, settings);
            all->second.emplace(all->first->listen("web", secret("token")));
            auto sign = std::make_shared<int>();
            alive = sign;
            client& of = *all->first;
            listener& web = *all->second;
            of.async_run([all, sign](std::error_code) {});
            web.async_accept([all, sign](std::error_code, stream) {});
            if (count % 2 == 0) web.close();
          };
          with_executor();
        }
      }
      CHECK(alive.expired());
    }
  }

  TEST_CASE("own thread: the destructor of a server waits for a call of a hook") {
    asio::io_context context(1);
    asio::thread_pool pool(1);
    struct observer {
      std::promise<std::uint16_t> clients;
      void on(const server::listening& event) { clients.set_value(event.at.port); }
    } events;
    auto settings = settings_of(
        "[server]\nbind_addr = \"127.0.0.1:0\"\ndefault_token = \"token\"\n"
        "[server.services.web]\nbind_addr = \"127.0.0.1:0\"\n");
    std::optional<server> open(std::in_place, pool, std::move(*settings.server), events);
    std::promise<void> entered;
    std::promise<void> go_on;
    std::atomic<bool> is_destroyed = false;
    bool was_destroyed = true;
    server::hooks decide;
    decide.authenticate = [&](server::authentication_request, server::authentication_answer) {
      entered.set_value();
      go_on.get_future().wait();
      was_destroyed = is_destroyed;
    };
    open->use(std::move(decide));
    auto ended = open->async_run(asio::use_future);
    config::client own;
    own.remote_addr = {"127.0.0.1", events.clients.get_future().get()};
    own.services = {{.name = "web", .local_addr = {"127.0.0.1", 1}, .token = secret("token")}};
    client hidden(pool, own);
    hidden.async_run([](std::error_code) {});
    entered.get_future().wait();
    std::promise<void> begun;
    std::thread destroyer([&] {
      begun.set_value();
      open.reset();
      is_destroyed = true;
    });
    begun.get_future().wait();
    // A destructor that does not wait is over long before.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
    while (!is_destroyed && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    go_on.set_value();
    destroyer.join();
    CHECK_FALSE(was_destroyed);
    CHECK_THROWS_AS(ended.get(), std::system_error);
  }

  TEST_CASE("own thread: a context waits for the thread of a guest that no longer exists") {
    struct visitor final : embed::guest {
      void end() override {}
      void discard() override {}
    };
    auto context = std::make_unique<asio::io_context>(1);
    auto staying = std::make_shared<visitor>();
    embed::guests::add(context->get_executor(), staying);
    embed::guests::add(context->get_executor(), std::make_shared<visitor>());
    const auto end = staying->end_of_thread();
    end->expect();
    std::promise<void> begun;
    std::atomic<bool> is_destroyed = false;
    bool was_destroyed = true;
    std::thread destroyer([&] {
      begun.get_future().wait();
      context.reset();
      is_destroyed = true;
    });
    std::thread thread([&] {
      end->begin();
      staying.reset();
      begun.set_value();
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
      while (!is_destroyed && std::chrono::steady_clock::now() < deadline)
        std::this_thread::yield();
      was_destroyed = is_destroyed;
      end->reach();
    });
    destroyer.join();
    thread.join();
    CHECK_FALSE(was_destroyed);
  }

  TEST_CASE("own thread: the thread of a guest may destroy the context itself") {
    embed::thread_end end;
    end.wait();
    end.expect();
    end.begin();
    end.wait();
    CHECK_FALSE(end.is_reached());
  }

  TEST_CASE("own thread: both ends are made from any context and from its executor") {
    config::client settings;
    settings.remote_addr = {"127.0.0.1", 1};
    const config::server offered{.bind_addr = {"127.0.0.1", 0}};
    event_record events;
    asio::thread_pool pool(1);
    asio::io_context context(1);
    const auto ended = [](auto& end) {
      auto run = end.async_run(asio::use_future);
      end.close();
      run.get();
    };
    client of_pool(pool, settings);
    ended(of_pool);
    client of_executor(pool.get_executor(), settings, events);
    ended(of_executor);
    client with_observer(pool, settings, events);
    ended(with_observer);
    server also_of_pool(pool, offered);
    ended(also_of_pool);
    server also_with_observer(pool, offered, events);
    ended(also_with_observer);
    CHECK_EQ(of_pool.get_executor(), pool.get_executor());
    client of_context(context, settings);
    CHECK_EQ(of_context.get_executor(), context.get_executor());
    const auto found = async_diagnose(pool, settings, asio::use_future).get();
    CHECK_FALSE(found.passed());
    pool.join();
  }
}

}  // namespace rathole::test
