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
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
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

/// Returns the number of descriptors of pipes that this process has.
inline std::size_t open_pipes() {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const auto target = std::filesystem::read_symlink(entry.path(), gone);
    if (target.string().starts_with("pipe:")) ++count;
  }
  return count;
}

/// Returns a stream whose other end is `outside`, which is connected to it. `inside` becomes its descriptor.
inline io::tcp_stream stream_to(tcp_socket& outside, asio::io_context& context, int& inside) {
  tcp_socket listener = tcp_socket::listen();
  outside = tcp_socket::connect(listener.port());
  inside = ::dup(listener.accept()->fd());
  ::fcntl(inside, F_SETFL, O_NONBLOCK);
  return {context.get_executor(), io::descriptor(inside), address{"127.0.0.1", 1}};
}

/// A relay between two sockets whose other ends the test holds: bytes sent to `left` arrive at
/// `right`, and the reverse.
template <io::Runtime R>
class relay_fixture_on {
 public:
  explicit relay_fixture_on(io::relay_limits limits = {}) {
    ::signal(SIGPIPE, SIG_IGN);
    int inside_right = -1;
    auto left_inside = stream_to(left, context, inside_left);
    auto right_inside = stream_to(right, context, inside_right);
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
  std::optional<io::relay<R, io::tcp_stream, io::tcp_stream>> relay_;
};

using relay_fixture = relay_fixture_on<io::asio_runtime>;

}  // namespace rathole::test
