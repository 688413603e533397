// The web service of http_service with callbacks instead of coroutines, over plain TCP.
//
//   RATHOLE_TOKEN=secret http_service_callbacks example.com:2333 web

#include <rathole/client.hpp>

#include <asio/io_context.hpp>
#include <asio/read_until.hpp>
#include <asio/signal_set.hpp>
#include <asio/write.hpp>

#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

// [session]
/// Serves one visitor, and lives as long as an operation of it is outstanding.
class session : public std::enable_shared_from_this<session> {
 public:
  explicit session(rathole::stream visitor) : visitor_(std::move(visitor)) {}

  void start() {
    asio::async_read_until(visitor_, asio::dynamic_buffer(request_, 8192), "\r\n\r\n",
                           [self = shared_from_this()](std::error_code ec, std::size_t) {
                             if (!ec) self->reply();
                           });
  }

 private:
  void reply() {
    const std::string page = "You asked: " + request_.substr(0, request_.find('\r')) + "\n";
    reply_ =
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::to_string(page.size()) +
        "\r\n\r\n" + page;
    asio::async_write(visitor_, asio::buffer(reply_),
                      [self = shared_from_this()](std::error_code, std::size_t) {});
  }

  rathole::stream visitor_;
  std::string request_;
  std::string reply_;
};

void accept(rathole::listener& web) {
  web.async_accept([&web](std::error_code ec, rathole::stream visitor) {
    if (ec) return;
    std::make_shared<session>(std::move(visitor))->start();
    accept(web);
  });
}
// [session end]

int main(int argc, char** argv) {
  const char* token = std::getenv("RATHOLE_TOKEN");
  if (argc != 3 || token == nullptr) return 2;
  rathole::config::client settings;
  settings.remote_addr = argv[1];

  asio::io_context context(1);
  rathole::client client(context, settings);
  rathole::listener web = client.listen(argv[2], rathole::secret(token));
  accept(web);
  asio::signal_set signals(context, SIGINT, SIGTERM);
  signals.async_wait([&](std::error_code ec, int) {
    client.close();
    if (!ec) signals.async_wait([&](std::error_code, int) { client.shutdown(); });
  });
  client.async_run([&](std::error_code ec) {
    if (ec) std::fprintf(stderr, "%s\n", client.explain(ec).c_str());
    signals.cancel();
  });
  context.run();
}
