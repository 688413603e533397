#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/result.hpp>
#include <rathole/core/time.hpp>

#include <concepts>
#include <cstddef>
#include <optional>

namespace rathole {

/// How far a layer is. The two halves of an open one end separately.
enum class phase {
  /// No application octets yet.
  handshaking,
  open,
  /// The peer has ended its sending.
  read_closed,
  /// We have ended our sending.
  write_closed,
  closed,
};

/// Whether application octets may still come from the peer.
constexpr bool can_receive(phase p) { return p == phase::open || p == phase::write_closed; }
/// Whether application octets may still be sent.
constexpr bool can_send(phase p) { return p == phase::open || p == phase::read_closed; }

/// How many bytes of a layer's `wire` may wait to be sent before its driver stops giving it input. It
/// is well above what one `send` of a driver makes (64 KiB and their framing): two peers that both
/// send and both read never wait for each other.
inline constexpr std::size_t max_unsent_wire = std::size_t{256} * 1024;

/// How many bytes `receive` may append to `wire` for `input` bytes: a few more than it got, where
/// each short message of the peer's is answered, and what a handshake says.
constexpr std::size_t max_reply(std::size_t input) { return 4 * input + std::size_t{64} * 1024; }

/// A filter of octets between an application and a stream: encryption, framing. It has no input or
/// output of its own; `wire` takes what is to be sent on the stream below, `app` what came for the
/// application. Both are appended to, also where the call fails.
///
/// * `start(wire)` begins the handshake; called once and first.
/// * `receive(in, app, wire)` takes all octets of `in`, which came from the stream below; replies
///   go to `wire`. What is buffered of an unfinished piece is bounded.
/// * `receive_end()`: the stream below ended. Succeeds if that ends the peer's sending in order;
///   fails with `errc::truncated` in the midst of something, or where an end must be announced.
/// * `send(in, wire)` carries `in`, which is not empty; called while `can_send(state())`.
/// * `close(wire)` ends our sending. If it appends nothing and `can_send(state())` is false then,
///   ending the stream below tells the peer. A layer may postpone the end; then it stays able to
///   send by `state()`, nothing more is given to it, and the end comes out of a later `receive` or
///   `poll`.
/// * `state()`: see `phase`.
///
/// Laws: any split of the input gives the same octets, replies, errors and states; what is buffered
/// is bounded, and so is what `receive` appends to `wire`, by `max_reply`; after an error there are
/// only errors, and `wire` holds at most a farewell that is still to be sent; what one end sends the
/// other receives.
///
/// Laws of a driver, which protect it from a peer that asks for replies and never reads them: it
/// calls neither `receive` nor `poll` while more than `max_unsent_wire` bytes of `wire` wait to be
/// sent, and gives `receive` and `send` at most 64 KiB at once. What waits is then at most
/// `max_unsent_wire` and one reply.
template <class L>
concept Layer = std::movable<L> &&
                requires(L& l, const L& cl, byte_view in, byte_buffer& app, byte_buffer& wire) {
                  { l.start(wire) } -> std::same_as<result<void>>;
                  { l.receive(in, app, wire) } -> std::same_as<result<void>>;
                  { l.receive_end() } -> std::same_as<result<void>>;
                  { l.send(in, wire) } -> std::same_as<result<void>>;
                  { l.close(wire) } -> std::same_as<result<void>>;
                  { cl.state() } -> std::same_as<phase>;
                };

/// A layer that must act by itself as time passes. `poll(now, wire)` is called at `deadline()`, and
/// may be called at any time.
template <class L>
concept TimedLayer = Layer<L> && requires(L& l, const L& cl, time_point now, byte_buffer& wire) {
  { l.poll(now, wire) } -> std::same_as<result<void>>;
  { cl.deadline() } -> std::same_as<std::optional<time_point>>;
};

}  // namespace rathole
