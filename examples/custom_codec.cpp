// A custom codec: each connection begins with a name that both ends know, so that two sites
// that were confused say so at once. And a custom random source. Both ends are in this program.
//
//   custom_codec 127.0.0.1:2333 127.0.0.1:5202 127.0.0.1:80

#include <rathole/rathole.hpp>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <random>
#include <system_error>

using namespace rathole;

// [codec]
/// Wire version 1 with the name of the site before each Hello.
struct site_codec : protocol::bincode {
  static constexpr std::array<std::uint8_t, 4> site{'l', 'a', 'b', '1'};
  static constexpr std::size_t hello_size = site.size() + bincode::hello_size;

  static protocol::encoded<hello_size> encode_hello(const protocol::hello& message) {
    protocol::encoded<hello_size> out;
    const auto rest = std::ranges::copy(site, out.begin()).out;
    std::ranges::copy(bincode::encode_hello(message), rest);
    return out;
  }
  static result<protocol::hello> decode_hello(byte_view in) {
    if (in.size() < hello_size || !std::ranges::equal(in.first(site.size()), site))
      return failure(errc::malformed_message);
    return bincode::decode_hello(in.subspan(site.size()));
  }
};

/// Draws random bytes from the processor, or from what else the C++ library uses.
struct device_rng {
  void fill(byte_span out) {
    std::random_device device;
    std::ranges::generate(out, [&] { return static_cast<std::uint8_t>(device()); });
  }
};

struct site_runtime : io::asio_runtime {
  explicit site_runtime(const io::asio_runtime& usual) : asio_runtime(usual) {}
  device_rng rng() const { return {}; }
  site_runtime worker() const { return site_runtime(asio_runtime::worker()); }
};
// [codec end]

int main(int argc, char** argv) {
  const auto clients = parse_address(argc == 4 ? argv[1] : "");
  const auto visitors = parse_address(argc == 4 ? argv[2] : "");
  const auto local = parse_address(argc == 4 ? argv[3] : "");
  if (!clients || !visitors || !local) return 2;
  config::server offered{.bind_addr = *clients};
  offered.services = {{.name = "web", .bind_addr = *visitors, .token = secret("a token")}};
  config::client served{.remote_addr = *clients};
  served.services = {{.name = "web", .local_addr = *local, .token = secret("a token")}};
  // [run]
  using tcp = transport::tcp<site_runtime>;
  asio::io_context context(1);
  const tcp tunnel{site_runtime(io::asio_runtime(context))};
  null_observer quiet;
  server_side::basic_server<tcp, null_observer, site_codec> public_end(tunnel, offered, quiet);
  client_side::basic_client<tcp, null_observer, site_codec> hidden_end(tunnel, served, quiet);
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
