// A custom transport: the two ends of the tunnel meet at a socket of the file system, for
// example one that a container shares with its host. Both ends are in this program.
//
//   unix_transport /run/tunnel.sock 127.0.0.1:5202 127.0.0.1:80

#include <rathole/rathole.hpp>

#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/signal_set.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <stop_token>
#include <system_error>
#include <utility>

using namespace rathole;

// [transport]
/// Connects over Unix-domain sockets. The host of an address is the path; it has no port.
class unix_transport : public transport::tcp<io::asio_runtime> {
 public:
  using tcp::tcp;
  unix_transport at(io::asio_runtime other) { return unix_transport(other); }

  io::task<stream> connect(const address& to, step_deadline, std::stop_token) {
    const asio::local::stream_protocol::endpoint path(to.host);
    io::descriptor socket(make());
    if (::connect(socket.get(), path.data(), socklen_t(path.size())) != 0)
      co_return failure(last_error());
    co_return stream(runtime().get_executor(), std::move(socket), to);
  }

  io::task<io::tcp_acceptor> listen(const address& at, std::stop_token) {
    const asio::local::stream_protocol::endpoint path(at.host);
    io::descriptor socket(make());
    ::unlink(at.host.c_str());
    if (::bind(socket.get(), path.data(), socklen_t(path.size())) != 0 ||
        ::listen(socket.get(), SOMAXCONN) != 0)
      co_return failure(last_error());
    co_return io::tcp_acceptor(runtime().get_executor(), std::move(socket), at);
  }

 private:
  static int make() { return ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }
};
// [transport end]

int main(int argc, char** argv) {
  const auto visitors = parse_address(argc == 4 ? argv[2] : "");
  const auto local = parse_address(argc == 4 ? argv[3] : "");
  if (!visitors || !local) return 2;
  config::server offered{.bind_addr = address{argv[1], 0}};
  offered.services = {{.name = "web", .bind_addr = *visitors, .token = secret("a token")}};
  config::client served{.remote_addr = {argv[1], 0}};
  served.services = {{.name = "web", .local_addr = *local, .token = secret("a token")}};
  asio::io_context context(1);
  const unix_transport tunnel{io::asio_runtime(context)};
  null_observer quiet;
  server_side::basic_server public_end(tunnel, offered, quiet);
  client_side::basic_client hidden_end(tunnel, served, quiet);
  asio::signal_set signals(context, SIGINT, SIGTERM);
  signals.async_wait([&](std::error_code ec, int) {
    hidden_end.stop(), public_end.stop();
    if (!ec) signals.async_wait([&](std::error_code, int) { public_end.stop_now(); });
  });
  std::error_code failed;
  public_end.async_run([&](std::error_code ec) { failed = ec, signals.cancel(); });
  hidden_end.async_run([](std::error_code) {});
  context.run();
  return failed ? 1 : 0;
}
