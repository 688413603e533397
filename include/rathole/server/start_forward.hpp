#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/error.hpp>
#include <rathole/io/time/alarm.hpp>
#include <rathole/protocol/messages.hpp>

#include <chrono>
#include <utility>

namespace rathole::server_side {

/// The longest time that writing the start command may take before the data channel counts as dead.
inline constexpr std::chrono::seconds start_forward_timeout{10};

/// Sends the start command `command` to the client of an idle data channel, and `header`, with which the
/// traffic of the visitor begins, if it is not empty. Both stay corked: they travel with the first bytes that
/// follow, or when the channel is flushed. Fails if the channel is or becomes dead.
template <class Context>
io::task<void> start_forward(Context& context, typename Context::stream_type& channel,
                             protocol::data_command command, byte_buffer header = {}) {
  if (!channel.is_open()) co_return failure(errc::stopped);
  if (channel.peer_has_closed()) co_return failure(errc::end_of_stream);
  const auto bytes = Context::codec_type::encode_data_command(command);
  auto& runtime = context.runtime();
  const auto abort = [&channel] { channel.abort(); };
  const io::alarm<typename Context::runtime_type> on_timeout(
      runtime, runtime.now() + start_forward_timeout, abort);
  auto written = co_await channel.write_corked(bytes);
  if (written && !header.empty()) {
    written = co_await channel.write_corked(std::as_const(header).data());
  }
  if (!written) co_return failure(on_timeout.explain(written.error()));
  co_return result<void>{};
}

}  // namespace rathole::server_side
