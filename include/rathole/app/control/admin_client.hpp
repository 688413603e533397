#pragma once

#include <rathole/admin/response_reader.hpp>
#include <rathole/app/control/endpoint.hpp>
#include <rathole/app/control/event_stream.hpp>
#include <rathole/app/control/failure_text.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/result.hpp>
#include <rathole/core/step_deadline.hpp>
#include <rathole/http/head_writer.hpp>
#include <rathole/io/asio_runtime.hpp>
#include <rathole/io/run/run_context.hpp>
#include <rathole/io/time/alarm.hpp>
#include <rathole/transport/layer_maker.hpp>
#include <rathole/transport/layered.hpp>
#include <rathole/transport/tcp.hpp>
#include <rathole/version.hpp>

#if RATHOLE_WITH_TLS
#include <rathole/transport/tls.hpp>
#endif

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <exception>
#include <expected>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace rathole::app::inline RATHOLE_ABI {

/// An answer of the admin API.
struct admin_answer {
  /// The status code.
  int status = 0;
  /// The body.
  std::string body = {};
  /// The media type of the body, as the answer says it; may be empty.
  std::string type = {};

  /// Returns whether the body is a stream of events.
  [[nodiscard]] bool is_event_stream() const { return type.starts_with("text/event-stream"); }
};

/// Asks the admin API of a running program, one request at a time. A call returns when the answer is
/// there.
class admin_client {
 public:
  /// How long a request may take, except for a stream of events.
  static constexpr std::chrono::seconds timeout{30};

  /// A function that receives the events of a stream; it returns false to end it.
  using event_handler = std::function<bool(const received_event&)>;

  /// Makes a client for the API at `to`.
  explicit admin_client(admin_endpoint to) : to_(std::move(to)) {}

  /// Returns where the API is.
  [[nodiscard]] const admin_endpoint& endpoint() const { return to_; }

  /// Sends a request, with a body of JSON unless it is empty. Fails with a text that says why there is no
  /// answer.
  std::expected<admin_answer, std::string> ask(std::string_view method, std::string_view target,
                                               std::string_view body = {}) {
    return run(method, target, body, nullptr);
  }

  /// Passes events to `receive` until it returns false or the connection ends; `is_endless` says that it may
  /// take longer than `timeout`.
  std::expected<admin_answer, std::string> follow(std::string_view target, event_handler receive,
                                                  bool is_endless) {
    is_endless_ = is_endless;
    return run("GET", target, {}, &receive);
  }

 private:
  std::expected<admin_answer, std::string> run(std::string_view method, std::string_view target,
                                               std::string_view body, event_handler* receive) {
    auto layers = tls_layers();
    if (!layers) return std::unexpected(std::move(layers.error()));
    byte_buffer request;
    write_request(request, method, target, body);
    asio::io_context context(1);
    result<admin_answer> out = failure(errc::stopped);
    auto work = exchange(io::asio_runtime(context), *layers, request, receive);
    asio::co_spawn(context, std::move(work),
                   [&out](std::exception_ptr error, result<admin_answer> ended) {
                     if (!error) out = std::move(ended);
                   });
    io::run_context(context);
    if (out) return std::move(*out);
    return std::unexpected(unreachable_text(to_, out.error()));
  }

  [[nodiscard]] std::expected<transport::layer_maker, std::string> tls_layers() const {
    if (!to_.tls) return transport::layer_maker();
#if RATHOLE_WITH_TLS
    config::tls_options options;
    options.trusted_root = to_.trusted;
    options.trusted_root_only = to_.trusted.has_value();
    return transport::tls_client_layers(options, to_.host, {});
#else
    return std::unexpected("TLS is not built into this program");
#endif
  }

  void write_request(byte_buffer& out, std::string_view method, std::string_view target,
                     std::string_view body) const {
    auto head = http::head_writer::request(out, method, target);
    head.field("Host", host_field(to_));
    if (!to_.token.empty()) {
      head.field("Authorization", "Bearer " + std::string(to_.token.view()));
    }
    head.field("X-Rathole-Request", "1").field("Connection", "close");
    if (!body.empty()) {
      head.field("Content-Type", "application/json");
      head.field("Content-Length", std::to_string(body.size()));
    }
    head.finish();
    out.append(byte_view_of(body));
  }

  io::task<io::tcp_stream> connect(io::asio_runtime& runtime) {
    const time_point deadline = runtime.now() + timeout;
    address where = to_.at;
    if (!to_.socket.empty()) {
      auto socket = unix_address(to_.socket);
      if (!socket) co_return failure(socket.error());
      where = std::move(*socket);
    }
    co_return co_await runtime.connect(where, io::socket_options(), deadline, std::stop_token());
  }

  io::awaitable<result<admin_answer>> exchange(io::asio_runtime runtime,
                                               const transport::layer_maker& layers,
                                               const byte_buffer& request, event_handler* receive) {
    if (!layers) {
      auto connecting = connect(runtime);
      auto connected = co_await std::move(connecting);
      if (!connected) co_return failure(connected.error());
      co_return co_await converse(runtime, *connected, request, receive);
    }
    using bare = transport::tcp<io::asio_runtime>;
    transport::layered<bare, transport::any_layer_factory> over(
        bare(runtime), transport::any_layer_factory(config::transport_kind::tls, layers));
    const step_deadline deadline(runtime.now() + timeout);
    auto connecting = over.connect(to_.at, deadline, std::stop_token());
    auto connected = co_await std::move(connecting);
    if (!connected) co_return failure(connected.error());
    co_return co_await converse(runtime, *connected, request, receive);
  }

  /// Sends the request on `stream`, and reads the answer.
  template <io::ByteStream S>
  io::awaitable<result<admin_answer>> converse(io::asio_runtime& runtime, S& stream,
                                               const byte_buffer& request, event_handler* receive) {
    std::optional<io::alarm<io::asio_runtime>> on_timeout;
    on_timeout.emplace(runtime, runtime.now() + timeout, [&stream] { stream.close(); });
    const auto sent = co_await stream.write(request.data());
    if (!sent) co_return failure(on_timeout->explain(sent.error()));
    admin::response_reader reader;
    std::array<std::uint8_t, 4096> room;
    for (;;) {
      const byte_span space(room);
      const auto count = co_await stream.read_some(space);
      if (!count) co_return failure(on_timeout->explain(count.error()));
      if (*count == 0) break;
      byte_view rest = space.first(*count);
      while (!rest.empty() && !reader.done()) {
        const auto taken = reader.feed(rest);
        if (!taken) co_return failure(taken.error());
        rest = rest.subspan(*taken);
      }
      if (reader.done()) break;
      if (!receive || !reader.has_head() || !answer_of(reader).is_event_stream()) continue;
      // A stream of events has no end, but comments when nothing happens.
      if (is_endless_) {
        on_timeout.emplace(runtime, runtime.now() + timeout, [&stream] { stream.close(); });
      }
      while (const auto event = take_received_event(reader.body)) {
        if (!(*receive)(*event)) co_return answer_of(reader);
      }
    }
    if (!reader.has_head()) co_return failure(errc::end_of_stream);
    const bool is_cut = !reader.done() && reader.head().has("Content-Length");
    if (is_cut) co_return failure(errc::truncated);
    admin_answer out = answer_of(reader);
    out.body = std::move(reader.body);
    co_return out;
  }

  /// Returns the answer in `reader` without its body.
  static admin_answer answer_of(const admin::response_reader& reader) {
    const std::string* const type = reader.head().only("Content-Type");
    return {.status = reader.status(), .type = type ? *type : std::string()};
  }

  admin_endpoint to_;
  /// Whether a stream of events may take longer than `timeout`.
  bool is_endless_ = false;
};

}  // namespace rathole::app::inline RATHOLE_ABI
