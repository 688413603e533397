// A program of two units, of which this one sees declarations only: a visitor, through a server and
// a client, to this program.

#include <rathole/rathole.hpp>

#include <asio/co_spawn.hpp>
#include <asio/connect.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <system_error>

namespace {

struct ports {
  asio::io_context& context;
  std::unique_ptr<rathole::listener> web = {};
  std::string answer = {};

  void on(const rathole::server::service_listening& event) {
    asio::co_spawn(context, visit(event.at.port), [this](std::exception_ptr) { context.stop(); });
  }
  asio::awaitable<void> visit(std::uint16_t port) {
    asio::ip::tcp::socket visitor(context);
    const asio::ip::tcp::endpoint to(asio::ip::address_v4::loopback(), port);
    co_await visitor.async_connect(to, asio::use_awaitable);
    rathole::stream served = co_await web->async_accept(asio::use_awaitable);
    co_await asio::async_write(served, asio::buffer("hello", 5), asio::use_awaitable);
    answer.resize(5);
    co_await asio::async_read(visitor, asio::buffer(answer), asio::use_awaitable);
  }
};

/// Starts the client once the server listens.
struct starter {
  asio::io_context& context;
  ports& visitors;
  std::unique_ptr<rathole::client> hidden = {};

  void on(const rathole::server::listening& event) {
    rathole::config::client settings;
    settings.remote_addr = event.at;
    hidden = std::make_unique<rathole::client>(context, settings);
    visitors.web =
        std::make_unique<rathole::listener>(hidden->listen("web", rathole::secret("token")));
    hidden->async_run([](std::error_code) {});
  }
  void on(const rathole::server::service_listening& event) { visitors.on(event); }
};

}  // namespace

int main() {
  asio::io_context context(1);
  ports visitors{context};
  starter observer{context, visitors};
  rathole::config::server settings;
  settings.bind_addr = rathole::address{"127.0.0.1", 0};
  rathole::config::server_service web;
  web.name = "web";
  web.token = rathole::secret("token");
  web.bind_addr = rathole::address{"127.0.0.1", 0};
  settings.services.push_back(web);
  rathole::server open(context, settings, observer);
  open.async_run([](std::error_code) {});
  context.run_for(std::chrono::seconds(30));
  std::puts(visitors.answer.c_str());
  return visitors.answer == "hello" ? 0 : 1;
}
