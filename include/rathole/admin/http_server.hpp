#pragma once

#include <rathole/admin/event_log.hpp>
#include <rathole/admin/event_texts.hpp>
#include <rathole/admin/http_limits.hpp>
#include <rathole/admin/json.hpp>
#include <rathole/admin/message.hpp>
#include <rathole/admin/request_reader.hpp>
#include <rathole/core/backoff.hpp>
#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/step_deadline.hpp>
#include <rathole/core/time.hpp>
#include <rathole/http/head_writer.hpp>
#include <rathole/io/asio_runtime.hpp>
#include <rathole/io/run/event.hpp>
#include <rathole/io/run/stop_action.hpp>
#include <rathole/io/run/task_group.hpp>
#include <rathole/io/stream/accept_loop.hpp>
#include <rathole/io/stream/lingering_close.hpp>
#include <rathole/io/time/alarm.hpp>
#include <rathole/io/time/sleep.hpp>
#include <rathole/server/admission_control.hpp>
#include <rathole/transport/layer_maker.hpp>
#include <rathole/transport/layered.hpp>
#include <rathole/transport/tcp.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

namespace rathole::admin {

/// A server of HTTP/1.1 (RFC 9112) for the admin API: it reads requests, has them answered, and streams
/// events. It lives on the API's own thread, and must be held by `shared_ptr`. Whatever its peers do is
/// bounded by `http_limits`: silent connections give way to new ones, and a slow reader of events misses
/// some.
class http_server : public std::enable_shared_from_this<http_server> {
 public:
  /// A function that answers a request, which exists until the answer is there.
  using answerer = std::function<io::awaitable<response>(const request&)>;

  /// Makes a server that accepts at `acceptor` in the runtime `runtime`, with TLS by the layers of
  /// `layers` unless it is empty. `events` must outlive it.
  http_server(io::asio_runtime runtime, io::tcp_acceptor acceptor, transport::layer_maker layers,
              answerer answer, event_log& events, http_limits limits = {})
      : runtime_(runtime),
        acceptor_(std::move(acceptor)),
        layers_(std::move(layers)),
        answer_(std::move(answer)),
        events_(events),
        limits_(limits),
        group_(runtime_.get_executor()),
        waiting_(admission(limits_.waiting, limits_.waiting_per_address, limits_.request_timeout)),
        writing_(admission(limits_.writing, limits_.writing, limits_.write_timeout)) {}

  /// Accepts connections until `close`.
  static io::awaitable<void> run(std::shared_ptr<http_server> self) {
    static constexpr backoff_parameters pauses{std::chrono::milliseconds(100), 0.5, 1.5,
                                               std::chrono::milliseconds(10)};
    auto accepted = [&self](io::tcp_stream stream) {
      auto pending = self->waiting_->admit(stream.peer());
      self->group_.spawn(begin(self, std::move(stream), std::move(pending)));
    };
    auto failed = [](std::error_code, duration) {};
    auto free_descriptor = [] { return false; };
    co_await io::accept_loop(self->runtime_, self->acceptor_, pauses,
                             self->listening_ends_.get_token(), std::move(accepted),
                             std::move(failed), std::move(free_descriptor));
    co_await self->group_.join();
  }

  /// Accepts no connections from now on; open ones go on.
  void stop_listening() { listening_ends_.request_stop(); }

  /// Closes the listener and all connections.
  void close() {
    stop_listening();
    closing_.request_stop();
    waiting_->close();
    writing_->close();
  }

  /// Makes the TLS layers of later connections by `layers`; there is no TLS if it is empty.
  void use(transport::layer_maker layers) { layers_ = std::move(layers); }

  /// Wakes those that wait for events. Must be called on the server's thread.
  void wake_streams() {
    for (io::event* const each : streams_) each->notify();
  }

  /// Returns the address at which the server listens.
  [[nodiscard]] const address& local() const { return acceptor_.local(); }

 private:
  using admission_type = server_side::admission_control<io::asio_runtime>;
  using pending_pointer = std::unique_ptr<admission_type::connection>;
  using alarm = io::alarm<io::asio_runtime>;
  /// The largest body that is written together with its head.
  static constexpr std::size_t small_body = std::size_t{16} << 10;

  /// Adds to a count while it exists.
  class counted {
   public:
    counted(std::size_t& count, std::size_t by) : count_(count), by_(by) { count_ += by_; }
    counted(const counted&) = delete;
    counted& operator=(const counted&) = delete;
    ~counted() { count_ -= by_; }

   private:
    std::size_t& count_;
    const std::size_t by_;
  };

  /// Returns a count of at most `total` connections, `per_address` of one address, for `time` each.
  [[nodiscard]] std::shared_ptr<admission_type> admission(std::size_t total,
                                                          std::size_t per_address,
                                                          duration time) const {
    protocol::admission_limits limits;
    limits.total = total;
    limits.per_source = per_address;
    return std::make_shared<admission_type>(runtime_, limits, time);
  }

  /// Serves a new connection, after the handshake of TLS if there is one.
  static io::awaitable<void> begin(std::shared_ptr<http_server> self, io::tcp_stream accepted,
                                   pending_pointer pending) {
    if (!self->layers_) {
      co_await serve(self, std::move(accepted), std::move(pending));
      co_return;
    }
    using bare = transport::tcp<io::asio_runtime>;
    transport::layered<bare, transport::any_layer_factory> over(
        bare(self->runtime_),
        transport::any_layer_factory(config::transport_kind::tls, self->layers_));
    auto handshake = over.handshake(std::move(accepted), pending->deadline(), pending->stopping());
    auto stream = co_await std::move(handshake);
    if (stream) co_await serve(self, std::move(*stream), std::move(pending));
  }

  /// Answers the requests of a connection, one after the other.
  template <io::ByteStream S>
  static io::awaitable<void> serve(std::shared_ptr<http_server> self, S stream,
                                   pending_pointer pending) {
    const auto close = [&stream] { stream.close(); };
    const io::stop_action on_close(self->closing_.get_token(), self->runtime_.get_executor(),
                                   close);
    request_reader reader;
    byte_buffer unread;
    for (;;) {
      if (!pending) pending = self->waiting_->admit(stream.peer());
      const int refusal = co_await self->read_request(stream, reader, unread, *pending);
      if (refusal < 0) co_return stream.close();
      pending.reset();
      response out;
      bool keeps_alive = false;
      bool is_head = false;
      if (refusal > 0) {
        out = problem_response(refusal, request_reader::text_of(refusal));
      } else {
        keeps_alive = reader.keeps_alive();
        const request asked = reader.take();
        is_head = asked.method == "HEAD";
        out = co_await self->answer(asked);
      }
      if (out.events_after && !is_head && self->streaming_ >= self->limits_.streams) {
        out = busy("Too many connections receive events; try again.");
      }
      if (out.body.size() > small_body && self->unwritten_ > 0 &&
          self->unwritten_ + out.body.size() > self->limits_.answer_bytes) {
        out = busy("Too many answers are being written; try again.");
      }
      const bool is_stream = out.events_after.has_value() && !is_head;
      const counted streams(self->streaming_, is_stream ? 1 : 0);
      const bool is_sent = co_await self->write_head(stream, out, is_head, keeps_alive, is_stream);
      if (!is_sent) co_return stream.close();
      if (is_stream) {
        co_await self->stream_events(stream, *out.events_after, out.follows_events);
      } else if (keeps_alive) {
        continue;
      }
      co_return co_await self->end(stream);
    }
  }

  /// Closes a connection so that its last bytes arrive; it is counted, and may have to give way.
  template <class S>
  io::awaitable<void> end(S& stream) {
    const auto place = writing_->admit(stream.peer());
    const auto close = [&stream] { stream.close(); };
    const std::stop_callback on_stop(place->stopping(), close);
    const time_point until = runtime_.now() + limits_.write_timeout;
    co_await io::lingering_close(runtime_, stream, until);
  }

  /// Reads a request. Returns 0 if it is complete, the status with which it must be refused, or -1 if the
  /// connection has ended.
  template <class S>
  io::awaitable<int> read_request(S& stream, request_reader& reader, byte_buffer& unread,
                                  const admission_type::connection& pending) {
    const auto close = [&stream] { stream.close(); };
    const std::stop_callback on_stop(pending.stopping(), close);
    std::array<std::uint8_t, 4096> room;
    for (;;) {
      const std::size_t taken = reader.feed(unread.data());
      unread.consume(taken);
      if (reader.refusal() != 0) co_return reader.refusal();
      if (reader.done()) co_return 0;
      if (reader.wants_continue()) {
        static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
        const auto sent = co_await stream.write(byte_view_of(go_on));
        if (!sent) co_return -1;
      }
      const byte_span space(room);
      const auto count = co_await stream.read_some(space);
      if (!count || *count == 0) co_return -1;
      unread.append(space.first(*count));
    }
  }

  io::awaitable<response> answer(const request& asked) {
    if (answering_ >= limits_.answers) {
      co_return busy("Too many requests are being answered; try again.");
    }
    const counted held(answering_, 1);
    co_return co_await answer_(asked);
  }

  static response busy(std::string why) {
    response out = problem_response(503, std::move(why));
    out.fields.push_back({"Retry-After", "1"});
    return out;
  }

  /// Writes the head of an answer, and its body unless that is a stream; returns whether it could. Meanwhile
  /// the connection is counted, and may have to give way.
  template <class S>
  io::awaitable<bool> write_head(S& stream, const response& out, bool is_head, bool keeps_alive,
                                 bool is_stream) {
    byte_buffer text;
    auto head = http::head_writer::response(text, out.status);
    if (!out.type.empty()) head.field("Content-Type", out.type);
    // RFC 9110 section 8.6: not with 204; with 304 it would be that of the whole answer.
    if (!is_stream && out.status != 204 && out.status != 304) {
      head.field("Content-Length", std::to_string(out.body.size()));
    }
    for (const http::field& each : out.fields) head.field(each.name, each.value);
    head.field("Cache-Control", "no-store");
    head.field("X-Content-Type-Options", "nosniff");
    if (!keeps_alive || is_stream) head.field("Connection", "close");
    head.finish();
    const byte_view body = is_head ? byte_view() : byte_view_of(out.body);
    const bool is_small = body.size() <= small_body;
    if (is_small) text.append(body);
    const counted unwritten(unwritten_, body.size());
    const auto place = writing_->admit(stream.peer());
    const auto close = [&stream] { stream.close(); };
    const std::stop_callback on_stop(place->stopping(), close);
    const bool is_head_sent = co_await write(stream, text.data());
    if (is_small || !is_head_sent) co_return is_head_sent;
    co_return co_await write(stream, body);
  }

  template <class S>
  io::awaitable<bool> write(S& stream, byte_view bytes) {
    const auto abort = [&stream] { stream.abort(); };
    const alarm on_timeout(runtime_, runtime_.now() + limits_.write_timeout, abort);
    const auto written = co_await stream.write(bytes);
    co_return written.has_value();
  }

  /// Streams the events after `last`: those that are kept, and with `follows` those to come, until the
  /// connection ends.
  template <class S>
  io::awaitable<void> stream_events(S& stream, std::uint64_t last, bool follows) {
    io::event news(runtime_.get_executor());
    const auto place = streams_.insert(streams_.end(), &news);
    struct removal {
      std::list<io::event*>& from;
      std::list<io::event*>::iterator at;
      ~removal() { from.erase(at); }
    } const held{streams_, place};
    const auto wake = [&news] { news.notify(); };
    const io::stop_action on_close(closing_.get_token(), runtime_.get_executor(), wake);
    static constexpr std::size_t page_size = 64;
    while (stream.is_open() && !closing_.stop_requested() && !stream.peer_has_closed()) {
      const event_log::page page = events_.read(last, page_size);
      std::string text;
      if (page.missed > 0) {
        text += "event: missed\ndata: {\"count\":" + std::to_string(page.missed) + "}\n\n";
      }
      for (const auto& each : page.events) {
        text += texts_.of(each);
        last = each.id;
      }
      if (text.empty()) {
        if (!follows) co_return;
        const time_point until = runtime_.now() + limits_.keep_alive;
        co_await io::sleep_until(runtime_, until, news);
        if (runtime_.now() < until) continue;
        text = ": keep-alive\n\n";
      }
      const bool is_sent = co_await write(stream, byte_view_of(text));
      if (!is_sent) co_return;
      const bool has_all = page.events.size() < page_size;
      const time_point next = runtime_.now() + limits_.event_pause;
      if (has_all && follows) {
        co_await io::sleep_until(runtime_, next, closing_.get_token());
      }
    }
  }

  io::asio_runtime runtime_;
  io::tcp_acceptor acceptor_;
  transport::layer_maker layers_;
  const answerer answer_;
  event_log& events_;
  event_texts texts_;
  const http_limits limits_;
  std::stop_source listening_ends_;
  std::stop_source closing_;
  io::task_group group_;
  const std::shared_ptr<admission_type> waiting_;
  const std::shared_ptr<admission_type> writing_;
  std::size_t answering_ = 0;
  /// The bytes of the bodies that are being written.
  std::size_t unwritten_ = 0;
  std::size_t streaming_ = 0;
  /// The events of those that stream.
  std::list<io::event*> streams_;
};

}  // namespace rathole::admin
