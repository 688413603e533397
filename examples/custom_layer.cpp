// A custom layer between the tunnel and TCP, here one that hides the protocol from simple
// filters. It is no encryption; put real work in its place. Both ends are in this program.
//
//   custom_layer 127.0.0.1:2333 127.0.0.1:5202 127.0.0.1:80

#include <rathole/rathole.hpp>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include <csignal>
#include <cstdint>
#include <system_error>

using namespace rathole;

// [layer]
/// Inverts the bits of every byte. The end of a direction is the end of the stream below.
class inverting_layer {
 public:
  result<void> start(byte_buffer&) { return {}; }
  result<void> receive(byte_view in, byte_buffer& app, byte_buffer&) { return invert(in, app); }
  result<void> send(byte_view in, byte_buffer& wire) { return invert(in, wire); }
  result<void> receive_end() { return peer_ended_ = true, result<void>(); }
  result<void> close(byte_buffer&) { return ended_ = true, result<void>(); }
  phase state() const {
    if (ended_) return peer_ended_ ? phase::closed : phase::write_closed;
    return peer_ended_ ? phase::read_closed : phase::open;
  }

 private:
  static result<void> invert(byte_view in, byte_buffer& out) {
    for (const std::uint8_t each : in) {
      const auto inverted = static_cast<std::uint8_t>(~each);
      out.append({&inverted, 1});
    }
    return {};
  }

  bool ended_ = false, peer_ended_ = false;
};

struct inverting {
  using layer_type = inverting_layer;
  result<layer_type> client_layer() const { return layer_type(); }
  result<layer_type> server_layer() const { return layer_type(); }
  bool serves(config::transport_kind kind) const { return kind == config::transport_kind::tcp; }
};
// [layer end]

int main(int argc, char** argv) {
  const auto server_address = parse_address(argc == 4 ? argv[1] : "");
  const auto visitors = parse_address(argc == 4 ? argv[2] : "");
  const auto local = parse_address(argc == 4 ? argv[3] : "");
  if (!server_address || !visitors || !local) return 2;
  config::server offered{.bind_addr = *server_address};
  offered.services = {{.name = "web", .bind_addr = *visitors, .token = secret("a token")}};
  config::client served{.remote_addr = *server_address};
  served.services = {{.name = "web", .local_addr = *local, .token = secret("a token")}};
  // [run]
  asio::io_context context(1);
  const transport::tcp tcp{io::asio_runtime(context)};
  const transport::layered tunnel(tcp, inverting());
  null_observer quiet;
  server_side::basic_server public_end(tunnel, offered, quiet);
  client_side::basic_client hidden_end(tunnel, served, quiet);
  // [run end]
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
