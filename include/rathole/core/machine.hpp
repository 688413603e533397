#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/result.hpp>
#include <rathole/core/time.hpp>

#include <concepts>
#include <cstddef>
#include <optional>

namespace rathole {

/// A protocol state machine without input or output of its own: octets and time are arguments,
/// octets and events are results.
///
/// * `wanted()` is how many octets the machine accepts now. A driver reads no more than that from
///   its stream, so what follows the machine's last octet stays in the stream for who comes next.
/// * `feed(in)` takes octets from the front of `in` and returns how many it took.
/// * `poll(now)` yields the next event, nothing, or the error that ended the machine. It is called
///   until it yields nothing.
/// * `transmit(out)` appends what is to be sent; true if it appended anything.
/// * `deadline()` is the next time at which `poll` matters without input.
///
/// Laws: any split of the input gives the same events and octets; after nothing was yielded,
/// nothing is yielded until input or the deadline comes; what is buffered is bounded; after an
/// error there are only errors.
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
