// Compares two ways for a program to serve the visitors of its tunnel: by a listener, to which the
// data channel is handed over, and by a local port of its own, to which the client forwards.
//
//   bench_listener [<MiB> [<rounds>]]
//
// Prints the throughput of both in each round, alternately, and the ratio of the medians, for bytes
// that a visitor sends and for bytes that it receives. Server, client and visitor are in one
// process, each on a thread of its own.

#include <rathole/rathole.hpp>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/system_executor.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>
#include <asio/write.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <future>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using asio::use_awaitable;
using tcp = asio::ip::tcp;
constexpr std::size_t block = 64 * 1024;

/// Hands over the ports that the server reports.
struct port_reporter {
  std::promise<std::uint16_t> clients;
  std::map<std::string, std::promise<std::uint16_t>> visitors;

  void on(const rathole::server::listening& event) { clients.set_value(event.at.port); }
  void on(const rathole::server::service_listening& event) {
    visitors.at(std::string(event.service)).set_value(event.at.port);
  }
};

/// Serves one visitor: its first byte says whether it sends ('s') or receives.
template <class Stream>
asio::awaitable<void> serve(Stream visitor, std::size_t bytes) {
  std::vector<char> room(block);
  char kind = 0;
  co_await asio::async_read(visitor, asio::buffer(&kind, 1), use_awaitable);
  for (std::size_t left = bytes; left > 0;) {
    const auto part = asio::buffer(room.data(), std::min(left, block));
    if (kind == 's') {
      left -= co_await visitor.async_read_some(part, use_awaitable);
    } else {
      left -= co_await asio::async_write(visitor, part, use_awaitable);
    }
  }
  // Tells the visitor that everything has arrived.
  co_await asio::async_write(visitor, asio::buffer(&kind, 1), use_awaitable);
}

void ignore(std::exception_ptr) {}

asio::awaitable<void> serve_listener(rathole::listener& from, std::size_t bytes) {
  const auto ex = co_await asio::this_coro::executor;
  for (;;) {
    rathole::stream visitor = co_await from.async_accept(use_awaitable);
    asio::co_spawn(ex, serve(std::move(visitor), bytes), ignore);
  }
}

asio::awaitable<void> serve_port(tcp::acceptor& from, std::size_t bytes) {
  const auto ex = co_await asio::this_coro::executor;
  for (;;) {
    tcp::socket visitor = co_await from.async_accept(use_awaitable);
    asio::co_spawn(ex, serve(std::move(visitor), bytes), ignore);
  }
}

/// Returns the throughput of one visitor in MiB/s.
double visit(std::uint16_t port, char kind, std::size_t bytes) {
  asio::io_context context;
  tcp::socket server(context);
  server.connect({asio::ip::address_v4::loopback(), port});
  std::vector<char> room(block);
  const auto began = std::chrono::steady_clock::now();
  asio::write(server, asio::buffer(&kind, 1));
  for (std::size_t left = bytes; left > 0;) {
    const auto part = asio::buffer(room.data(), std::min(left, block));
    left -= kind == 's' ? asio::write(server, part) : server.read_some(part);
  }
  asio::read(server, asio::buffer(&kind, 1));
  const std::chrono::duration<double> lasted = std::chrono::steady_clock::now() - began;
  return static_cast<double>(bytes) / (1024 * 1024) / lasted.count();
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

rathole::config::server_service service(const std::string& name) {
  rathole::config::server_service out;
  out.name = name;
  out.token = rathole::secret("token");
  out.bind_addr = rathole::address{"127.0.0.1", 0};
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t bytes = (argc > 1 ? std::stoul(argv[1]) : 512) * 1024 * 1024;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 5;
  std::signal(SIGPIPE, SIG_IGN);

  port_reporter ports;
  ports.visitors["listener"];
  ports.visitors["port"];
  rathole::config::server open;
  open.bind_addr = rathole::address{"127.0.0.1", 0};
  open.workers = 1;
  open.services = {service("listener"), service("port")};
  rathole::server server(asio::system_executor(), open, ports);
  server.async_run([](std::error_code) {});

  asio::io_context context(1);
  tcp::acceptor local(context, {asio::ip::address_v4::loopback(), 0});
  rathole::config::client hidden;
  hidden.remote_addr = {"127.0.0.1", ports.clients.get_future().get()};
  hidden.workers = 1;
  rathole::client client(context, hidden);
  rathole::listener listener = client.listen("listener", rathole::secret("token"));
  client.forward("port", rathole::secret("token"), {"127.0.0.1", local.local_endpoint().port()});
  client.async_run([](std::error_code) {});
  asio::co_spawn(context, serve_listener(listener, bytes), ignore);
  asio::co_spawn(context, serve_port(local, bytes), ignore);
  std::thread home([&context] { context.run(); });

  const std::uint16_t to_listener = ports.visitors["listener"].get_future().get();
  const std::uint16_t to_port = ports.visitors["port"].get_future().get();
  for (const char kind : {'s', 'r'}) {
    std::vector<double> by_listener;
    std::vector<double> by_port;
    for (int round = 0; round < rounds; ++round) {
      by_listener.push_back(visit(to_listener, kind, bytes));
      by_port.push_back(visit(to_port, kind, bytes));
      std::printf("%s: listener %7.0f MiB/s, local port %7.0f MiB/s\n",
                  kind == 's' ? "to the program  " : "from the program", by_listener.back(),
                  by_port.back());
    }
    std::printf("%s: listener / local port = %.2f\n",
                kind == 's' ? "to the program  " : "from the program",
                median(by_listener) / median(by_port));
  }
  context.stop();
  home.join();
}
