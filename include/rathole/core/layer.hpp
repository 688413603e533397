#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/result.hpp>
#include <rathole/core/time.hpp>

#include <concepts>
#include <cstddef>
#include <optional>
#include <string>

namespace rathole {

/// The progress of a layer. The two directions of an open layer end separately.
enum class phase {
  /// The handshake is not complete; no application bytes can be sent or received.
  handshaking,
  /// Application bytes flow in both directions.
  open,
  /// The peer has ended its direction; we may still send.
  read_closed,
  /// We have ended our direction; the peer may still send.
  write_closed,
  /// Both directions have ended, or the layer has failed.
  closed,
};

/// Returns whether application bytes may still arrive from the peer.
constexpr bool can_receive(phase p) { return p == phase::open || p == phase::write_closed; }
/// Returns whether application bytes may still be sent.
constexpr bool can_send(phase p) { return p == phase::open || p == phase::read_closed; }

/// The number of bytes of a layer's `wire` that may wait to be sent before its driver stops giving
/// input to the layer. It is well above what one `send` of a driver produces (64 KiB and its
/// framing), so two peers that both send and both read never wait for each other.
inline constexpr std::size_t max_unsent_wire = std::size_t{256} * 1024;

/// Returns how many bytes `receive` may append to `wire` for `input` bytes. The factor covers a
/// reply to each of many short messages; the constant covers the messages of a handshake.
constexpr std::size_t max_reply(std::size_t input) { return 4 * input + std::size_t{64} * 1024; }

/// Filters bytes between an application and a stream, for encryption or framing. A layer does no
/// input or output: it appends to `wire` what is to be sent on the stream below, and to `app` what
/// arrived for the application, also when the call fails.
///
/// * `start(wire)` begins the handshake. It is called once, before all others.
/// * `receive(in, app, wire)` processes all bytes of `in`, which came from the stream below.
///   Replies go to `wire`. What it keeps of an incomplete unit is bounded.
/// * `receive_end()` reports that the stream below has ended. It succeeds if that is an orderly
///   end of the peer's direction. It fails with `errc::truncated` in the middle of a unit, or if
///   the protocol requires an announced end.
/// * `send(in, wire)` sends `in`, which is not empty. It is called only while
///   `can_send(state())`.
/// * `close(wire)` ends our direction. If it appends nothing and `can_send(state())` is then
///   false, the driver must end its direction of the stream below to notify the peer. A layer may
///   postpone the end: then `state()` still allows sending, the driver sends nothing more, and a
///   later `receive` or `poll` produces the end.
/// * `state()` returns the `phase`.
///
/// Laws of a layer: any split of the input gives the same bytes, replies, errors and states. What
/// it buffers is bounded, and what `receive` appends to `wire` is bounded by `max_reply`. After an
/// error every call fails, and `wire` holds at most a final message, such as an alert, that is
/// still to be sent. What one end sends, the other end receives.
///
/// Laws of a driver, which protect it from a peer that causes replies and never reads them: it
/// calls neither `receive` nor `poll` while more than `max_unsent_wire` bytes of `wire` wait to be
/// sent, and it passes at most 64 KiB to one call of `receive` or `send`. At most `max_unsent_wire`
/// and one reply then wait.
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

/// A `Layer` that must also act as time passes. `poll(now, wire)` is called at `deadline()`, and
/// may be called at any time.
template <class L>
concept TimedLayer = Layer<L> && requires(L& l, const L& cl, time_point now, byte_buffer& wire) {
  { l.poll(now, wire) } -> std::same_as<result<void>>;
  { cl.deadline() } -> std::same_as<std::optional<time_point>>;
};

/// Returns what the handshake of `layer` agreed on, as a text for people, if the layer has a
/// function `summary` that says it; otherwise an empty text. The peer may choose parts of the text.
template <Layer L>
std::string summary_of(const L& layer) {
  if constexpr (requires { layer.summary(); }) return layer.summary();
  return {};
}

}  // namespace rathole
