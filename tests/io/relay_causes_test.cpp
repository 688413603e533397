// Which stream a relay says has broken. All relays must agree.

#include "support/framing_layer.hpp"
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

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

namespace rathole::test {

namespace {

enum class cause : std::uint8_t { layer_cannot_encode, layer_cannot_decode, plain_side_is_gone };

/// A layer that may fail to encode.
class clumsy_layer : public framing_layer {
 public:
  explicit clumsy_layer(bool can_encode) : can_encode_(can_encode) {}

  result<void> send(byte_view in, byte_buffer& wire) {
    return can_encode_ ? framing_layer::send(in, wire) : failure(errc::limit_reached);
  }

 private:
  bool can_encode_;
};

using runtime = io::asio_runtime;
using layered = io::layered_stream<runtime, clumsy_layer>;

template <class Relay, class First, class Second>
io::awaitable<void> run(runtime on, First first, Second second,
                        std::optional<io::relay_status>& status) {
  Relay relay(on, std::move(first), std::move(second));
  status = co_await relay.run();
}

/// Runs a relay between a socket and a layer on one until it breaks; returns its status.
template <template <io::Runtime, io::ByteStream, io::ByteStream> class Relay>
io::relay_status outcome(cause why, bool wired_is_first) {
  asio::io_context context(1);
  auto [plain, service] = joined_stream(context);
  auto [wire, peer] = joined_stream(context);
  layered wired(runtime(context), std::move(wire), clumsy_layer(why != cause::layer_cannot_encode));
  byte_buffer ignored;
  REQUIRE(wired.layer().start(ignored));
  const std::uint8_t hello = 'H';
  REQUIRE(wired.layer().receive({&hello, 1}, ignored, ignored));
  const auto send = [](const io::descriptor& to, std::string_view what) {
    const auto sent = ::send(to.get(), what.data(), what.size(), MSG_NOSIGNAL);
    REQUIRE(sent == static_cast<ssize_t>(what.size()));
  };
  if (why == cause::layer_cannot_encode) send(service, "x");
  if (why == cause::layer_cannot_decode) send(peer, {"\0x", 2});
  if (why == cause::plain_side_is_gone) {
    service.close();
    send(peer, "\1x");
  }
  std::optional<io::relay_status> status;
  io::task_group group(context.get_executor());
  if (wired_is_first) {
    using relay = Relay<runtime, layered, io::tcp_stream>;
    group.spawn(run<relay>(runtime(context), std::move(wired), std::move(plain), status));
  } else {
    using relay = Relay<runtime, io::tcp_stream, layered>;
    group.spawn(run<relay>(runtime(context), std::move(plain), std::move(wired), status));
  }
  for (int turn = 0; turn < 1000 && !status; ++turn) {
    context.restart();
    context.poll();
  }
  REQUIRE(status);
  return *status;
}

}  // namespace

TEST_SUITE("relay causes") {
  TEST_CASE("relays agree on the stream that broke, and on the reason") {
    ::signal(SIGPIPE, SIG_IGN);
    struct row {
      cause why;
      std::error_code reason;
      bool wired_broke;
    };
    for (const auto& [why, reason, wired_broke] :
         {row{cause::layer_cannot_encode, errc::limit_reached, true},
          row{cause::layer_cannot_decode, errc::unexpected_message, true},
          row{cause::plain_side_is_gone, std::error_code(EPIPE, std::system_category()), false}}) {
      CAPTURE(static_cast<int>(why));
      for (const bool wired_is_first : {true, false}) {
        CAPTURE(wired_is_first);
        for (const io::relay_status& status : {outcome<io::relay>(why, wired_is_first),
                                               outcome<io::copy_relay>(why, wired_is_first)}) {
          CHECK(status.error == reason);
          CHECK(status.first_broke == (wired_is_first == wired_broke));
        }
      }
    }
  }
}

}  // namespace rathole::test
