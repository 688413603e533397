#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/ip_endpoint.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/run/event.hpp>
#include <rathole/io/run/task_group.hpp>
#include <rathole/protocol/codec.hpp>
#include <rathole/protocol/messages.hpp>
#include <rathole/protocol/udp_frame_reader.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <system_error>
#include <utility>

namespace rathole::io {

/// Carries the datagrams of a UDP service as frames on a data channel. Output waits in a bounded
/// queue and is written in as few pieces as possible; a datagram that finds the queue full is lost,
/// as on any network. An object lives on one executor and is held by `shared_ptr`; it is over once
/// `run` has returned.
template <ByteStream S, protocol::Codec C>
class udp_channel {
 public:
  /// Makes a channel on `stream`. At most `queue_size` bytes of frames may wait, not counting the
  /// header of the last one.
  udp_channel(executor ex, S stream, std::size_t queue_size)
      : stream_(std::move(stream)), queue_size_(queue_size), wake_(ex), writer_(ex) {}

  /// Queues a datagram. Returns false if the channel is over or there is no room or memory; the
  /// datagram is lost then.
  bool push(const ip_endpoint& visitor, byte_view payload) {
    if (over_ || out_.size() + payload.size() > queue_size_) return false;
    try {
      C::append_udp_frame(visitor, payload, out_);
    } catch (const std::bad_alloc&) {
      return false;
    }
    return true;
  }

  /// Starts to send what was queued, unless a write is in progress, which then sends it too;
  /// returns at once.
  void flush() {
    if (!writing_ && !out_.empty()) wake_.notify();
  }

  /// Reads until the channel ends, and passes the frames of each read, in pieces, to
  /// `received(std::span<const protocol::udp_frame>)`. Always fails: with the error of the codec or
  /// the stream, with `errc::end_of_stream` or `errc::truncated`, or with `errc::stopped` after
  /// `close`.
  template <class F>
  static task<void> run(std::shared_ptr<udp_channel> self, F& received) {
    result<void> ended;
    try {
      self->writer_.spawn(write(self));
      ended = co_await self->read(received);
    } catch (const std::bad_alloc&) {
      ended = failure(out_of_memory());
    }
    const bool was_closed = self->over_ && !self->error_;
    self->close();
    co_await self->writer_.join();
    // The channel may be kept by visitors until they have another one, so its memory is released
    // here.
    self->out_.free_memory();
    self->sending_.free_memory();
    self->reader_ = {};
    if (was_closed) co_return failure(errc::stopped);
    co_return failure(self->error_ ? self->error_ : ended.error());
  }

  /// Ends the channel at once; no more frames are passed on.
  void close() {
    over_ = true;
    stream_.abort();
    wake_.notify();
  }

  /// Returns whether the channel has ended, so that nothing can be sent.
  [[nodiscard]] bool is_over() const { return over_; }

  /// Changes the limit of the queue.
  void set_queue_size(std::size_t size) { queue_size_ = size; }

 private:
  /// How many frames are passed on at once.
  static constexpr std::size_t frames_in_a_piece = 64;
  /// How many bytes of memory an idle channel may keep.
  static constexpr std::size_t kept_memory = std::size_t{64} * 1024;

  template <class F>
  task<void> read(F& received) {
    for (;;) {
      reader_.trim();
      const auto ready = co_await stream_.wait_readable();
      if (!ready) co_return failure(ready.error());
      const auto count = co_await stream_.read_some(reader_.room());
      if (!count) co_return failure(count.error());
      if (*count == 0) {
        co_return failure(reader_.is_within_frame() ? errc::truncated : errc::end_of_stream);
      }
      reader_.received(*count);
      const auto delivered = deliver_frames(received);
      if (!delivered) co_return failure(delivered.error());
    }
  }

  template <class F>
  result<void> deliver_frames(F& received) {
    std::array<protocol::udp_frame, frames_in_a_piece> frames;
    for (std::size_t count = 0;;) {
      const auto next = reader_.next();
      const bool is_frame = next && *next;
      if (is_frame) frames[count++] = **next;
      if (count > 0 && (!is_frame || count == frames.size())) {
        received(std::span<const protocol::udp_frame>(frames).first(count));
        if (over_) return failure(errc::stopped);
        count = 0;
      }
      if (!next) return failure(next.error());
      if (!is_frame) return {};
    }
  }

  static awaitable<void> write(std::shared_ptr<udp_channel> self) {
    try {
      co_await write_queue(*self);
    } catch (const std::bad_alloc&) {
      self->error_ = out_of_memory();
      self->close();
    }
  }

  static awaitable<void> write_queue(udp_channel& me) {
    for (;;) {
      if (me.over_) co_return;
      if (me.out_.empty()) {
        co_await me.wake_.wait();
        continue;
      }
      me.sending_.swap(me.out_);
      me.writing_ = true;
      const auto written = co_await me.stream_.write(me.sending_.data());
      me.writing_ = false;
      const bool was_burst = me.sending_.size() > kept_memory;
      me.sending_.clear();
      if (!written && !me.over_) {
        me.error_ = written.error();
        me.close();
      }
      if (was_burst && me.out_.empty()) {
        me.sending_.free_memory();
        me.out_.free_memory();
      }
    }
  }

  S stream_;
  std::size_t queue_size_;
  protocol::udp_frame_reader<C> reader_;
  /// The frames that wait to be written.
  byte_buffer out_;
  /// The frames that are being written.
  byte_buffer sending_;
  event wake_;
  task_group writer_;
  std::error_code error_;
  bool writing_ = false;
  bool over_ = false;
};

}  // namespace rathole::io
