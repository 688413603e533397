#pragma once

#include <rathole/io/asio_runtime.hpp>
#include <rathole/io/relay/relay.hpp>
#include <rathole/io/tcp/stream.hpp>

#include "support/net.hpp"

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace rathole::test {

/// Returns pseudo-random bytes that depend on `seed`.
inline std::string scrambled(std::size_t size, std::uint64_t seed) {
  std::string out(size, '\0');
  for (auto& byte : out) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    byte = static_cast<char>(seed >> 56);
  }
  return out;
}

/// The Asio runtime, in which timers are counted.
class counted_runtime : public io::asio_runtime {
 public:
  class timer : public io::asio_runtime::timer {
   public:
    explicit timer(counted_runtime& runtime) : io::asio_runtime::timer(runtime) { ++count; }
    timer(timer&&) = delete;
    ~timer() { --count; }
  };

  /// The number of timers that exist.
  inline static int count = 0;

  // Converts from a plain runtime.
  counted_runtime(io::asio_runtime from) : io::asio_runtime(from) {}
  counted_runtime worker() const { return *this; }
};

/// A relay between two sockets whose other ends the test holds: bytes sent to `left` arrive at
/// `right`, and the reverse.
template <io::Runtime R>
class relay_fixture_on {
 public:
  explicit relay_fixture_on(io::relay_limits limits = {}) {
    ::signal(SIGPIPE, SIG_IGN);
    auto [left_outside, left_inside] = connected();
    inside_left = latest_;
    auto [right_outside, right_inside] = connected();
    left = std::move(left_outside);
    right = std::move(right_outside);
    relay_.emplace(io::asio_runtime(context), std::move(left_inside), std::move(right_inside),
                   limits);
    asio::co_spawn(context, relay_->run(),
                   [this](std::exception_ptr, io::relay_status ended) { status = ended; });
  }

  /// Runs the relay until it has ended, or for the given time.
  void run() { context.run(); }
  void run_for(std::chrono::milliseconds time) { context.run_for(time); }
  void stop() { relay_->stop(); }

  tcp_socket left;
  tcp_socket right;
  asio::io_context context{1};
  std::optional<io::relay_status> status;
  /// The relay's socket at the side `left`; valid while the relay runs.
  int inside_left = -1;

 private:
  std::pair<tcp_socket, io::tcp_stream> connected() {
    tcp_socket listener = tcp_socket::listen();
    tcp_socket outside = tcp_socket::connect(listener.port());
    auto accepted = listener.accept();
    latest_ = ::dup(accepted->fd());
    ::fcntl(latest_, F_SETFL, O_NONBLOCK);
    return {std::move(outside), io::tcp_stream(context.get_executor(), io::descriptor(latest_),
                                               address{"127.0.0.1", 1})};
  }

  int latest_ = -1;
  std::optional<io::relay<R, io::tcp_stream, io::tcp_stream>> relay_;
};

using relay_fixture = relay_fixture_on<io::asio_runtime>;

}  // namespace rathole::test
