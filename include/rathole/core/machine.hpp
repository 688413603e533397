#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/result.hpp>
#include <rathole/core/time.hpp>

#include <concepts>
#include <cstddef>
#include <optional>

namespace rathole {

/// A protocol state machine that does no input or output: bytes and time are arguments, bytes
/// and events are results.
///
/// * `wanted()` returns how many bytes the machine accepts now. A driver reads no more than that
///   from its stream, so the bytes after the machine's last message remain in the stream for the
///   next reader.
/// * `feed(in)` takes bytes from the front of `in` and returns how many it took.
/// * `poll(now)` returns the next event, nothing, or the error that ended the machine. The driver
///   calls it until it returns nothing.
/// * `transmit(out)` appends the bytes to be sent; returns whether it appended any.
/// * `deadline()` returns when `poll` must be called even if no input arrives.
///
/// Laws: any split of the input gives the same events and bytes. Once `poll` has returned nothing,
/// it returns nothing until input arrives or the deadline passes. What the machine buffers is
/// bounded. After an error every `poll` fails.
template <class M>
concept Machine = requires(M& m, const M& cm, byte_view in, byte_buffer& out, time_point now) {
  typename M::event;
  { cm.wanted() } -> std::same_as<std::size_t>;
  { m.feed(in) } -> std::same_as<std::size_t>;
  { m.poll(now) } -> std::same_as<result<std::optional<typename M::event>>>;
  { m.transmit(out) } -> std::same_as<bool>;
  { cm.deadline() } -> std::same_as<std::optional<time_point>>;
};

}  // namespace rathole
