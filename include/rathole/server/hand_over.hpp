#pragma once

#include <rathole/config/types.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/io/drained_stream.hpp>
#include <rathole/io/run/handler_memory.hpp>
#include <rathole/io/stream/shared_stream.hpp>
#include <rathole/io/task.hpp>
#include <rathole/protocol/descriptor_budget.hpp>
#include <rathole/server/connect_request.hpp>
#include <rathole/server/descriptors.hpp>
#include <rathole/server/events.hpp>
#include <rathole/server/visitor.hpp>
#include <rathole/transport/socket_options.hpp>

#include <asio/post.hpp>

#include <cstdint>
#include <memory>
#include <new>
#include <utility>

namespace rathole::server_side {

/// A stream that the program holds, and the memory to close it when the program drops it.
struct handed_over_stream {
  /// Makes the record of `held`.
  explicit handed_over_stream(std::shared_ptr<io::shared_stream> held) : stream(std::move(held)) {}
  /// The stream.
  std::shared_ptr<io::shared_stream> stream;
  /// The memory for the handler that closes it.
  io::handler_memory memory;
};

/// The program's end of a `handed_over_stream`: closes the stream on its thread when it is
/// destroyed, unless the connection has ended.
class stream_holder {
 public:
  /// Makes a holder of `what`.
  explicit stream_holder(const std::shared_ptr<handed_over_stream>& what)
      : stream_(what->stream), of_(what) {}
  stream_holder(const stream_holder&) = delete;
  stream_holder& operator=(const stream_holder&) = delete;
  /// Closes the stream.
  ~stream_holder() {
    const auto open = of_.lock();
    if (!open) return;
    using memory_pointer = std::shared_ptr<io::handler_memory>;
    asio::post(open->stream->get_executor(), io::memory_bound(memory_pointer(open, &open->memory),
                                                              [open] { open->stream->close(); }));
  }

  /// Returns a pointer to the stream that owns `holder`.
  static std::shared_ptr<io::shared_stream> share(std::shared_ptr<stream_holder> holder) {
    io::shared_stream* const stream = holder->stream_.get();
    return {std::move(holder), stream};
  }

 private:
  const std::shared_ptr<io::shared_stream> stream_;
  const std::weak_ptr<handed_over_stream> of_;
};

/// Completes `request` with a started data channel, and counts that as an active connection until
/// the program closes or drops it, or the server ends its connections. Runs on the control plane.
template <class Context>
io::awaitable<void> hand_over(std::shared_ptr<Context> self,
                              std::shared_ptr<const config::server_service> service,
                              connect_request request, typename Context::stream_type channel) {
  channel.apply(transport::to_traffic_options(self->settings->transport.tcp, service->nodelay));
  // The program may wait for the first bytes of the service, so the start command must not.
  channel.flush();
  auto& runtime = self->runtime();
  using stream_type = io::shared_stream_of<typename Context::stream_type>;
  const auto stream = std::make_shared<stream_type>(runtime.get_executor(), std::move(channel));
  const auto held = std::make_shared<handed_over_stream>(stream);
  auto holder = std::make_shared<stream_holder>(held);
  const io::drained_stream<typename Context::runtime_type> ending(runtime, stream, self->stops);
  auto closed = stream->wait_closed();

  const std::uint64_t id = self->next_forward++;
  protocol::descriptor_lease counted(self->descriptors.use.in_process);
  const forward_started started{service->name, in_process_address(), id};
  self->emit(started);
  request.complete(stream_holder::share(std::move(holder)));
  try {
    co_await std::move(closed);
  } catch (const std::bad_alloc&) {
    stream->abort(out_of_memory());
  }
  counted.end();
  balance(*self);
  const forward_ended ended{service->name,  in_process_address(), id,
                            stream->sent(), stream->received(),   stream->error()};
  self->emit(ended);
}

}  // namespace rathole::server_side
