#pragma once

#include "check.hpp"
#include "fuzz_input.hpp"

#include <rathole/core/byte_buffer.hpp>
#include <rathole/mux/session.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

namespace rathole::fuzz {

/// Drives a session by a script: frames of a peer, or any bytes, come in any pieces, time passes, and
/// the owner opens streams, sends, consumes, resets. A second session gets the same in one piece.
class mux_run {
 public:
  explicit mux_run(fuzz_input& in)
      : in_(in), flags_(in.byte()), cut_(side(), {}, {}, now_), whole_(side(), {}, {}, now_) {
    if ((flags_ & 2) != 0) {
      cut_.session.authenticated();
      whole_.session.authenticated();
    }
  }

  /// Runs the script to its end.
  void run() {
    for (int i = 0; i < 2000 && !in_.empty() && !cut_.error; ++i) step();
    cut_.transmit();
    whole_.transmit();
    check(cut_.error == whole_.error);
    if (!cut_.error) check(cut_.sent == whole_.sent);
  }

 private:
  /// A session and what it has done.
  struct observed {
    observed(mux::role role, const mux::settings& own, const mux::parameters& peer, time_point now)
        : session(role, own, peer, now) {}

    void receive(byte_view in, time_point now) {
      while (!error) {
        const byte_view before = in;
        const auto seen = session.receive(in, now);
        if (!seen) {
          error = seen.error();
          check(error.category() == mux::mux_category());
          check(!session.deadline() && session.streams() == 0 && session.unread() == 0);
          return;
        }
        if (!*seen) break;
        add(**seen, before);
      }
      check(in.empty() || error);
    }

    void add(const mux::session_event& event, byte_view in) {
      if (const auto* data = std::get_if<mux::stream_data>(&event)) {
        check(data->bytes.empty() ||
              (data->bytes.data() >= in.data() &&
               data->bytes.data() + data->bytes.size() <= in.data() + in.size()));
        check(!data->bytes.empty() || data->are_last);
        stream& one = streams[data->id];
        one.received.append(data->bytes.begin(), data->bytes.end());
        one.kept += data->bytes.size();
        one.has_ended |= data->are_last;
      } else if (const auto* opened = std::get_if<mux::stream_opened>(&event)) {
        check(streams.try_emplace(opened->id).second);
      } else if (const auto* reset = std::get_if<mux::stream_reset>(&event)) {
        check(streams.erase(reset->id) == 1);
      }
    }

    // What is sent consists of frames that the library itself would accept.
    void transmit() {
      byte_buffer out;
      check(session.transmit(out) == !out.empty());
      check(!session.has_output());
      check(out.size() % mux::header_size == 0);
      for (byte_view rest = out.data(); !rest.empty(); rest = rest.subspan(mux::header_size)) {
        const auto header = mux::decode(rest.first<mux::header_size>());
        check(header.has_value() && header->payload_size() == 0);
        sent.append(rest.begin(), rest.begin() + mux::header_size);
      }
    }

    struct stream {
      std::string received;
      std::size_t kept = 0;
      bool has_ended = false;

      bool operator==(const stream&) const = default;
    };

    mux::session session;
    std::error_code error;
    std::string sent;
    std::map<mux::stream_id, stream> streams;
  };

  [[nodiscard]] mux::role side() const {
    return (flags_ & 1) != 0 ? mux::role::server : mux::role::client;
  }

  // A frame with few ids, so that streams meet; the flags of all 16 bits are rare.
  void frame() {
    const std::uint8_t kind = in_.byte();
    mux::frame_header header;
    header.type = static_cast<mux::frame_type>(kind % 4);
    header.flags = kind / 4 % 16;
    header.id = in_.byte();
    header.length = in_.byte();
    if (kind / 64 == 1) header.length <<= 8;
    if (kind / 64 == 2 && header.type != mux::frame_type::data) header.length <<= 24;
    const mux::encoded_header encoded = mux::encode(header);
    std::vector<std::uint8_t> wire(encoded.begin(), encoded.end());
    wire.resize(wire.size() + header.payload_size(), in_.byte());
    deliver(wire);
  }

  void deliver(byte_view wire) {
    whole_.receive(wire, now_);
    const std::size_t piece = 1 + in_.byte();
    while (!wire.empty()) {
      const byte_view next = wire.first(std::min(piece, wire.size()));
      cut_.receive(next, now_);
      wire = wire.subspan(next.size());
    }
    check(cut_.error == whole_.error);
    if (cut_.error) return;
    check(cut_.streams == whole_.streams);
    check(cut_.session.unread() == whole_.session.unread());
  }

  // Calls the same of both sessions, with what the first one knows.
  void both(auto call) {
    call(cut_);
    call(whole_);
  }

  std::optional<mux::stream_id> any_stream() {
    if (cut_.streams.empty()) return std::nullopt;
    return std::next(cut_.streams.begin(),
                     static_cast<std::ptrdiff_t>(in_.byte() % cut_.streams.size()))
        ->first;
  }

  void step() {
    switch (in_.below(16)) {
      case 0:
        now_ += in_.time();
        both([&](observed& one) {
          const auto polled = one.session.poll(now_);
          if (!polled) one.error = polled.error();
        });
        break;
      case 1: deliver(in_.bytes()); break;
      case 2:
        both([&](observed& one) {
          const auto id = one.session.open(now_);
          if (id) check(one.streams.try_emplace(*id).second);
        });
        break;
      case 3: consume(); break;
      case 4:
        if (const auto id = any_stream()) {
          both([&](observed& one) {
            one.session.reset(*id);
            one.streams.erase(*id);
          });
        }
        break;
      case 5: send(); break;
      case 6: both([](observed& one) { one.transmit(); }); break;
      case 7:
        if (in_.flag()) both([](observed& one) { one.session.unauthenticated(); });
        break;
      default: frame(); break;
    }
    check_bounds();
  }

  void consume() {
    const auto id = any_stream();
    if (!id) return;
    const std::size_t count = cut_.streams[*id].kept * in_.byte() / 255;
    both([&](observed& one) {
      one.streams[*id].kept -= count;
      one.session.consumed(*id, count, now_);
    });
  }

  void send() {
    if (const auto id = any_stream()) {
      const auto what = static_cast<mux::wish>(in_.below(3));
      both([&](observed& one) { one.session.set_wish(*id, what); });
    }
    const bool are_last = in_.flag();
    both([&](observed& one) {
      one.transmit();
      const auto id = one.session.next_sender();
      if (!id) return;
      const std::uint32_t count = one.session.sendable(*id);
      check(count <= mux::max_frame_size);
      const auto header = one.session.begin_data(*id, count, are_last || count == 0);
      one.sent.append(header.begin(), header.end());
    });
  }

  void check_bounds() const {
    if (cut_.error) return;
    std::uint64_t kept = 0;
    for (const auto& [id, one] : cut_.streams) kept += one.kept;
    check(cut_.session.unread() >= kept);
    check(cut_.session.footprint() <= mux::receive_budget);
    if ((flags_ & 2) == 0) {
      check(cut_.session.unread() <= mux::max_unauthenticated_unread);
      check(cut_.session.streams() <= 4 * mux::max_unauthenticated_streams);
    }
  }

  fuzz_input& in_;
  std::uint8_t flags_;
  time_point now_{std::chrono::hours(1)};
  observed cut_;
  observed whole_;
};

}  // namespace rathole::fuzz
