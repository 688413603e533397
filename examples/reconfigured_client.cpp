// A client that logs its visitors with their bytes, and is changed while it runs by lines on its
// standard input, whose end stops it.
//
//   RATHOLE_TOKEN=secret reconfigured_client example.com:2333
//     forward ssh 127.0.0.1:22       serves another service of the server
//     retarget ssh 127.0.0.1:2222    sends its next visitors there; the others stay
//     close ssh                      serves it no longer
//     server example.org:2333        moves to another server

#include <rathole/client.hpp>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/read_until.hpp>
#include <asio/streambuf.hpp>
#include <asio/use_awaitable.hpp>

#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <istream>
#include <map>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>

// [observer]
struct visitor_log {
  void on(const rathole::client::control_channel_established& e) {
    std::cout << e.service << ": served at " << to_string(e.remote) << std::endl;
  }
  void on(const rathole::client::control_channel_failed& e) {
    std::cout << e.service << ": " << e.error.message() << std::endl;
  }
  void on(const rathole::client::forward_ended& e) {
    std::cout << e.service << ": a visitor sent " << e.received << " bytes and received " << e.sent
              << std::endl;
  }
};
// [observer end]

// [change]
asio::awaitable<void> change(rathole::client& client, rathole::config::client settings,
                             rathole::secret token) {
  asio::posix::stream_descriptor input(client.get_executor(), ::dup(STDIN_FILENO));
  asio::streambuf lines;
  std::map<std::string, rathole::forwarding> services;
  for (;;) {
    co_await asio::async_read_until(input, lines, '\n', asio::use_awaitable);
    std::istream in(&lines);
    std::string line, verb, name, to;
    std::getline(in, line);
    std::istringstream words(line);
    words >> verb >> (verb == "server" ? to : name) >> to;
    const auto address = rathole::parse_address(to);
    const auto service = services.find(name);
    if (verb == "forward" && address) {
      services.insert_or_assign(name, client.forward(name, token, *address));
    } else if (verb == "retarget" && address && service != services.end()) {
      service->second.retarget(*address);
    } else if (verb == "close" && service != services.end()) {
      service->second.close();
      services.erase(service);
    } else if (verb == "server" && address) {
      settings.remote_addr = *address;
      co_await client.async_update(settings, asio::use_awaitable);
    } else {
      std::cout << "not understood: " << line << std::endl;
    }
  }
}
// [change end]

int main(int argc, char** argv) {
  const char* token = std::getenv("RATHOLE_TOKEN");
  if (argc != 2 || token == nullptr) return 2;
  // [run]
  rathole::config::client settings;
  settings.remote_addr = argv[1];
  asio::io_context context(1);
  visitor_log log;
  rathole::client client(context, settings, log);
  // Reading fails at the end of the input.
  const auto stop = [&](std::exception_ptr) { client.close(); };
  asio::co_spawn(context, change(client, settings, rathole::secret(token)), stop);
  client.async_run([&](std::error_code ec) {
    if (ec) std::cerr << client.explain(ec) << std::endl;
  });
  context.run();
  // [run end]
}
