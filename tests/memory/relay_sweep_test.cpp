// Relays on one thread, of whose allocations each fails in turn. No byte of one connection arrives
// on another, at most one connection breaks, and the next one is served.

#include "layer_kinds.hpp"
#include "support/failing_allocator.hpp"
#include "support/joined_stream.hpp"

#include <rathole/io/asio_runtime.hpp>
#include <rathole/io/relay/copy_relay.hpp>
#include <rathole/io/relay/relay.hpp>
#include <rathole/io/run/task_group.hpp>
#include <rathole/io/stream/layered_stream.hpp>
#include <rathole/io/tcp/stream.hpp>

#include <doctest/doctest.h>

#include <asio/io_context.hpp>

#include <sys/socket.h>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::test {

namespace {

using namespace std::chrono_literals;
using runtime = io::asio_runtime;
using layered = io::layered_stream<runtime, any_layer>;
using bare_relay = io::relay<runtime, io::tcp_stream, io::tcp_stream>;
using near_relay = io::relay<runtime, io::tcp_stream, layered>;
using far_relay = io::relay<runtime, layered, io::tcp_stream>;
using near_copy = io::copy_relay<runtime, io::tcp_stream, layered>;
using far_copy = io::copy_relay<runtime, layered, io::tcp_stream>;

/// Each connection carries this much in each direction: much more than its sockets hold.
constexpr std::size_t bulk = 60'000;
constexpr int socket_buffer = 4096;

/// Returns bytes that are unique to a connection and direction.
std::string marked(unsigned number, std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    out[i] = static_cast<char>(number * 16 + (i * 7 + i / 251) % 16);
  }
  return out;
}

/// The outer end of a connection: it sends at once, and reads a little at a time.
struct outer_end {
  void pump() {
    if (given < to_send.size()) {
      const auto sent = ::send(socket.get(), to_send.data() + given, to_send.size() - given,
                               MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent > 0) given += static_cast<std::size_t>(sent);
    }
    char some[3000];
    const auto taken = ::recv(socket.get(), some, sizeof some, MSG_DONTWAIT);
    if (taken > 0) got.append(some, static_cast<std::size_t>(taken));
  }

  io::descriptor socket;
  std::string to_send;
  std::string got;
  std::size_t given = 0;
};

/// A connection from `left` to `right` through a bare relay, or through two relays with a layer
/// between them.
class connection {
 public:
  connection(asio::io_context& context, const layer_kind* kind, bool copies, unsigned number)
      : context_(context), group_(context.get_executor()) {
    left.to_send = marked(number, bulk);
    right.to_send = marked(number + 1, bulk);
    io::tcp_stream near_plain = joined(left.socket);
    io::tcp_stream far_plain = joined(right.socket);
    if (!kind) {
      start<bare_relay>(std::move(near_plain), std::move(far_plain));
      return;
    }
    io::descriptor other;
    io::tcp_stream near_wire = joined(other);
    io::tcp_stream far_wire(context.get_executor(), std::move(other), {});
    auto [client, server] = opened(*kind);
    layered one(runtime(context_), std::move(far_wire), std::move(server));
    layered two(runtime(context_), std::move(near_wire), std::move(client));
    if (copies) {
      start<far_copy>(std::move(one), std::move(far_plain));
      start<near_copy>(std::move(near_plain), std::move(two));
    } else {
      start<far_relay>(std::move(one), std::move(far_plain));
      start<near_relay>(std::move(near_plain), std::move(two));
    }
  }
  ~connection() {
    stopping_.request_stop();
    context_.restart();
    context_.poll();
  }

  void pump() {
    left.pump();
    right.pump();
  }

  [[nodiscard]] bool complete() const {
    return left.got == right.to_send && right.got == left.to_send;
  }
  /// Records that a relay has ended; here none ends in order.
  [[nodiscard]] bool broken() const { return ended_ > 0; }

  /// Returns whether the bytes received so far equal those sent.
  [[nodiscard]] bool intact() const {
    return right.to_send.starts_with(left.got) && left.to_send.starts_with(right.got);
  }

  outer_end left;
  outer_end right;
  /// The counts of the relays that have ended.
  std::vector<io::relay_status> ends;

 private:
  /// Makes a stream of this side, and its other end.
  io::tcp_stream joined(io::descriptor& other) {
    auto [stream, end] = joined_stream(context_, socket_buffer);
    other = std::move(end);
    return std::move(stream);
  }

  /// Counts a relay that ended, in whatever way.
  class counted_end {
   public:
    explicit counted_end(connection& of) : of_(&of) {}
    counted_end(counted_end&& other) noexcept : of_(std::exchange(other.of_, nullptr)) {}
    counted_end& operator=(counted_end&&) = delete;
    ~counted_end() {
      if (of_) ++of_->ended_;
    }

   private:
    connection* of_;
  };

  template <class Relay, class A, class B>
  void start(A one, B two) {
    group_.spawn(run<Relay, A, B>(*this, counted_end(*this), std::move(one), std::move(two)));
  }
  template <class Relay, class A, class B>
  static io::awaitable<void> run(connection& self, counted_end, A one, B two) {
    Relay relay(runtime(self.context_), std::move(one), std::move(two));
    const auto stop = [&relay] { relay.stop(); };
    const std::stop_callback on_stop(self.stopping_.get_token(), stop);
    const auto status = co_await relay.run();
    const failing_allocator::spared own;
    self.ends.push_back(status);
  }

  asio::io_context& context_;
  int ended_ = 0;
  std::stop_source stopping_;
  io::task_group group_;
};

/// Runs the connections until each is complete or broken; `fails` arms the allocator meanwhile.
void carry(asio::io_context& context, std::vector<std::unique_ptr<connection>>& all, bool fails) {
  const auto deadline = std::chrono::steady_clock::now() + 5s;
  for (;;) {
    {
      std::optional<failing_allocator::armed> now;
      if (fails) now.emplace();
      context.restart();
      context.poll();
    }
    bool over = true;
    for (const auto& each : all) {
      each->pump();
      over = over && (each->complete() || each->broken());
    }
    if (over) return;
    if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error("it hangs");
  }
}

/// Runs three connections during which allocation `failing` fails, and then one more. Returns how
/// many allocations there were.
std::uint64_t life(const layer_kind* kind, bool copies, std::uint64_t failing) {
  asio::io_context context(1);
  std::vector<std::unique_ptr<connection>> all;
  failing_allocator memory(failing);
  for (unsigned i = 0; i < 3; ++i) {
    all.push_back(std::make_unique<connection>(context, kind, copies, 2 * i));
  }
  carry(context, all, true);
  const std::uint64_t count = memory.count();
  std::size_t broken = 0;
  for (const auto& each : all) {
    CHECK(each->intact());
    broken += each->broken() ? 1 : 0;
  }
  CHECK(broken <= (memory.has_failed() ? 1 : 0));
  all.push_back(std::make_unique<connection>(context, kind, copies, 6));
  carry(context, all, false);
  CHECK(all.back()->complete());
  CHECK(all.back()->intact());
  return count;
}

void sweep(const layer_kind* kind, bool copies) {
  const std::uint64_t allocations = life(kind, copies, 0);
  CAPTURE(allocations);
  CHECK(allocations > 5);
  for (std::uint64_t failing = 1; failing <= allocations; ++failing) {
    CAPTURE(failing);
    try {
      life(kind, copies, failing);
    } catch (const std::exception& wrong) {
      FAIL_CHECK(std::string(wrong.what()));
    }
  }
}

}  // namespace

TEST_SUITE("memory: each allocation of relays fails once") {
  TEST_CASE("bare sockets") {
    ::signal(SIGPIPE, SIG_IGN);
    sweep(nullptr, false);
  }

  TEST_CASE("layers on sockets") {
    ::signal(SIGPIPE, SIG_IGN);
    for (const layer_kind& kind : layer_kinds()) {
      CAPTURE(kind.name);
      sweep(&kind, false);
    }
  }

  TEST_CASE("layers as streams, copied") {
    ::signal(SIGPIPE, SIG_IGN);
    for (const layer_kind& kind : layer_kinds()) {
      CAPTURE(kind.name);
      sweep(&kind, true);
    }
  }
}

}  // namespace rathole::test
