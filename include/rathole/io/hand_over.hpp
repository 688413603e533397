#pragma once

#include <rathole/core/out_of_memory.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/drain.hpp>
#include <rathole/io/drained_stream.hpp>
#include <rathole/io/run/handler_memory.hpp>
#include <rathole/io/stream/shared_stream.hpp>
#include <rathole/io/task.hpp>

#include <asio/post.hpp>

#include <memory>
#include <new>
#include <utility>

namespace rathole::io {

namespace detail {

/// A stream that the program holds, and the memory to close it when the program drops it.
struct handed_over_stream {
  /// Makes the record of `held`.
  explicit handed_over_stream(std::shared_ptr<shared_stream> held) : stream(std::move(held)) {}
  /// The stream.
  std::shared_ptr<shared_stream> stream;
  /// The memory for the handler that closes it.
  handler_memory memory;
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
    using memory_pointer = std::shared_ptr<handler_memory>;
    asio::post(open->stream->get_executor(), memory_bound(memory_pointer(open, &open->memory),
                                                          [open] { open->stream->close(); }));
  }

  /// Returns a pointer to the stream that owns `holder`.
  static std::shared_ptr<shared_stream> share(std::shared_ptr<stream_holder> holder) {
    shared_stream* const stream = holder->stream_.get();
    return {std::move(holder), stream};
  }

 private:
  const std::shared_ptr<shared_stream> stream_;
  const std::weak_ptr<handed_over_stream> of_;
};

}  // namespace detail

/// A connection that the program had, after its end.
struct handed_over_end {
  /// Makes the end of `closed`, which was the program's for `time`.
  handed_over_end(std::shared_ptr<const shared_stream> closed, duration time)
      : stream(std::move(closed)), lasted(time) {}
  /// The stream, which is closed. It has the counts of bytes, and the reason if it broke.
  std::shared_ptr<const shared_stream> stream;
  /// How long the program had the stream.
  duration lasted;
};

/// Hands the started data channel `channel`, which lives in `runtime`, over to the program, and
/// returns once the stream is closed: by the program, at the latest when it drops the last pointer
/// to it, or as `stops` demands. `give(pointer)` is called once, with a pointer to the stream; it is
/// not called, and `std::bad_alloc` thrown, if there is no memory for that. If it throws
/// `std::bad_alloc` itself, the stream is aborted. `runtime`, `stops` and `give` must live until
/// this returns.
template <Runtime R, ByteStream S, class Give>
awaitable<handed_over_end> hand_over(R& runtime, S channel, const drain_stops& stops, Give& give) {
  const std::shared_ptr<shared_stream> stream =
      std::make_shared<shared_stream_of<S>>(runtime.get_executor(), std::move(channel));
  const auto held = std::make_shared<detail::handed_over_stream>(stream);
  auto holder = std::make_shared<detail::stream_holder>(held);
  const drained_stream<R> ending(runtime, stream, stops);
  auto closed = stream->wait_closed();
  const time_point began = runtime.now();
  try {
    give(detail::stream_holder::share(std::move(holder)));
    co_await std::move(closed);
  } catch (const std::bad_alloc&) {
    stream->abort(out_of_memory());
  }
  co_return handed_over_end(stream, runtime.now() - began);
}

}  // namespace rathole::io
