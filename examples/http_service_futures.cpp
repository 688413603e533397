// The web service of http_service with futures: the program blocks where it likes, because the
// client has a thread of its own. It serves one visitor at a time, over plain TCP.
//
//   RATHOLE_TOKEN=secret http_service_futures example.com:2333 web

#include <rathole/client.hpp>

#include <asio/post.hpp>
#include <asio/read_until.hpp>
#include <asio/signal_set.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_future.hpp>
#include <asio/write.hpp>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <string>
#include <system_error>
#include <utility>

// [serve]
void serve(rathole::stream visitor) {
  std::string request;
  asio::async_read_until(visitor, asio::dynamic_buffer(request, 8192), "\r\n\r\n", asio::use_future)
      .get();
  const std::string page = "You asked: " + request.substr(0, request.find('\r')) + "\n";
  const std::string reply =
      "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::to_string(page.size()) +
      "\r\n\r\n" + page;
  asio::async_write(visitor, asio::buffer(reply), asio::use_future).get();
}

/// Returns the next visitor; one that is not open if there will be none.
rathole::stream accept(rathole::listener& web) {
  try {
    return web.async_accept(asio::use_future).get();
  } catch (const std::system_error&) {
    return {};
  }
}
// [serve end]

int main(int argc, char** argv) {
  const char* token = std::getenv("RATHOLE_TOKEN");
  if (argc != 3 || token == nullptr) return 2;
  rathole::config::client settings;
  settings.remote_addr = argv[1];

  // [run]
  asio::thread_pool pool(1);
  rathole::client client(pool, settings);
  rathole::listener web = client.listen(argv[2], rathole::secret(token));
  std::future<void> ended = client.async_run(asio::use_future);
  asio::signal_set signals(pool, SIGINT, SIGTERM);
  signals.async_wait([&](std::error_code ec, int) {
    client.close();
    if (!ec) signals.async_wait([&](std::error_code, int) { client.shutdown(); });
  });
  for (rathole::stream visitor = accept(web); visitor.is_open(); visitor = accept(web)) {
    try {
      serve(std::move(visitor));
    } catch (const std::system_error&) {
      // The visitor left early.
    }
  }
  try {
    ended.get();
  } catch (const std::system_error& failed) {
    std::fprintf(stderr, "%s\n", client.explain(failed.code()).c_str());
  }
  // No handler uses the client any more once the pool has ended.
  asio::post(pool, [&] { signals.cancel(); });
  pool.join();
  // [run end]
}
