#pragma once

#include "session_steps.hpp"

#include <rathole/core/byte_buffer.hpp>
#include <rathole/mux/session.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>

namespace rathole::test {

/// What two ends know of each other, to compare with what their sessions report: how many bytes
/// each sends on each stream, which streams it has reset, and which side has had so many streams that
/// have ended but are not consumed that it may refuse others.
struct pair_record {
  std::map<std::pair<int, mux::stream_id>, std::size_t> totals;
  std::set<std::pair<int, mux::stream_id>> resets;
  std::set<int> crowded;
};

/// Ends a run in which a promise of a session is broken.
inline void expect(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}

/// A session with a driver that has no sockets: each stream sends a number of bytes that is drawn
/// when it begins, and checks each byte that arrives.
class pair_end {
 public:
  pair_end(int side, const mux::parameters& own, const mux::parameters& peer, pair_record& record,
           std::mt19937& rng, time_point now)
      : side_(side),
        most_streams_(own.max_streams),
        record_(record),
        rng_(rng),
        session_(side == 0 ? mux::role::client : mux::role::server, {.own = own}, peer, now) {
    session_.authenticated();
  }

  /// Opens a stream if the peer allows one.
  void open(time_point now, std::size_t most) {
    const auto id = session_.open(now);
    expect(id.has_value() || id.error() == errc::limit_reached, "open fails");
    if (id) begin(*id, most);
  }

  /// Resets one of the streams.
  void reset_any() {
    if (flows_.empty()) return;
    const mux::stream_id id = any_flow();
    record_.resets.insert({side_, id});
    session_.reset(id);
    flows_.erase(id);
  }

  /// One of the streams has nothing to send for a while, or has something again.
  void toggle_any() {
    if (flows_.empty()) return;
    const mux::stream_id id = any_flow();
    flow& one = flows_.at(id);
    one.pauses = !one.pauses;
    update_wish(id, one);
  }

  /// All streams have something to send.
  void resume() {
    for (auto& [id, one] : flows_) {
      one.pauses = false;
      update_wish(id, one);
    }
  }

  /// Reports bytes of one of the streams as consumed.
  void consume_any(time_point now) {
    if (flows_.empty()) return;
    const mux::stream_id id = any_flow();
    consume(id, below(flows_.at(id).kept + 1), now);
  }

  /// Reports all bytes as consumed.
  void consume_all(time_point now) {
    const auto copy = flows_;
    for (const auto& [id, one] : copy) consume(id, one.kept, now);
  }

  /// Writes up to so many frames, or transmissions, to `out`.
  void send(int frames, byte_buffer& out) {
    for (; frames > 0; --frames) {
      if (session_.has_output()) {
        session_.transmit(out);
        continue;
      }
      const auto id = session_.next_sender();
      if (!id) return;
      expect(flows_.contains(*id), "a stream that does not exist has its turn");
      send_frame(*id, flows_.at(*id), out);
    }
  }

  /// Receives bytes.
  void receive(byte_view in, time_point now) {
    while (true) {
      const auto seen = session_.receive(in, now);
      if (!seen) throw std::runtime_error("cut: " + seen.error().message());
      if (!*seen) break;
      std::visit([&](const auto& event) { on(event); }, **seen);
    }
    expect(in.empty(), "not all input is taken");
    std::uint64_t kept = 0;
    for (const auto& [id, one] : flows_) kept += one.kept;
    expect(session_.unread() >= kept, "unread bytes are not counted");
    expect(session_.footprint() <= mux::receive_budget, "the budget is exceeded");
  }

  void poll(time_point now) { expect(session_.poll(now).has_value(), "poll fails"); }
  [[nodiscard]] std::size_t flows() const { return flows_.size(); }
  [[nodiscard]] const mux::session& session() const { return session_; }

 private:
  struct flow {
    std::size_t total = 0;
    std::size_t sent = 0;
    std::size_t received = 0;
    std::size_t kept = 0;
    bool has_ended = false;
    bool peer_has_ended = false;
    bool pauses = false;
    /// How many frames of other streams were sent while this one could have sent.
    std::size_t overtaken = 0;
  };

  std::size_t below(std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(rng_);
  }

  mux::stream_id any_flow() {
    return std::next(flows_.begin(), static_cast<std::ptrdiff_t>(below(flows_.size())))->first;
  }

  static std::uint8_t byte_at(int side, mux::stream_id id, std::size_t offset) {
    const std::size_t mixed =
        (offset + 1) * 2654435761u + id * 40503u + static_cast<unsigned>(side);
    return static_cast<std::uint8_t>(mixed >> 9);
  }

  void begin(mux::stream_id id, std::size_t most) {
    expect(!flows_.contains(id), "an id is used twice");
    flow one;
    one.total = below(4) == 0 ? 0 : below(most);
    record_.totals[{side_, id}] = one.total;
    most_ = most;
    update_wish(id, flows_[id] = one);
  }

  void update_wish(mux::stream_id id, const flow& one) {
    const bool is_quiet = one.pauses || one.has_ended;
    session_.set_wish(id, is_quiet                ? mux::wish::nothing
                          : one.sent == one.total ? mux::wish::end
                                                  : mux::wish::bytes);
  }

  void send_frame(mux::stream_id id, flow& one, byte_buffer& out) {
    const std::size_t left = one.total - one.sent;
    std::size_t count = std::min<std::size_t>(left, session_.sendable(id));
    expect(count > 0 || left == 0, "a stream without credit has its turn");
    if (count > 1 && below(3) == 0) count = 1 + below(count);
    const bool are_last = count == left && (count == 0 || below(2) == 0);
    out.append(session_.begin_data(id, static_cast<std::uint32_t>(count), are_last));
    for (std::uint8_t& byte : out.extend(count)) byte = byte_at(side_, id, one.sent++);
    one.has_ended = are_last;
    for (auto& [other, waiting] : flows_) {
      const bool could = other != id && !waiting.pauses && !waiting.has_ended &&
                         waiting.sent < waiting.total && session_.sendable(other) > 0;
      waiting.overtaken = could ? waiting.overtaken + 1 : 0;
      // A turn has at most 17 frames, and each may follow those of other streams' first turns.
      expect(waiting.overtaken <= 17 * 17 * flows_.size(), "a stream starves");
    }
    update_wish(id, one);
    forget_if_done(id);
  }

  void consume(mux::stream_id id, std::size_t count, time_point now) {
    // A driver reports what it delivered, and nothing else gives a session the time to send credit.
    if (count == 0) return;
    flows_.at(id).kept -= count;
    session_.consumed(id, count, now);
    forget_if_done(id);
  }

  void forget_if_done(mux::stream_id id) {
    const flow& one = flows_.at(id);
    if (!one.has_ended || !one.peer_has_ended || one.kept > 0) return;
    expect(session_.window(id) == 0, "a stream is not forgotten");
    flows_.erase(id);
  }

  void on(const mux::stream_opened& seen) {
    begin(seen.id, most_);
    const auto of_peer = [&](const auto& each) { return each.first % 2 == seen.id % 2; };
    const auto count = static_cast<std::size_t>(std::ranges::count_if(flows_, of_peer));
    if (count >= 2 * most_streams_) record_.crowded.insert(side_);
  }

  void on(const mux::stream_acknowledged& seen) {
    expect(flows_.contains(seen.id), "a stream that does not exist is acknowledged");
  }

  void on(const mux::stream_data& seen) {
    expect(flows_.contains(seen.id), "data for a stream that does not exist");
    flow& one = flows_.at(seen.id);
    for (const std::uint8_t byte : seen.bytes) {
      expect(byte == byte_at(1 - side_, seen.id, one.received++), "a byte is wrong");
    }
    one.kept += seen.bytes.size();
    expect(!one.peer_has_ended, "data after the end");
    const std::size_t total = record_.totals.at({1 - side_, seen.id});
    expect(one.received <= total, "too many bytes");
    if (!seen.are_last) return;
    expect(one.received == total, "the end comes before the last bytes");
    one.peer_has_ended = true;
    forget_if_done(seen.id);
  }

  void on(const mux::stream_reset& seen) {
    const bool is_refused = record_.crowded.contains(1 - side_) && flows_.contains(seen.id);
    expect(is_refused || record_.resets.contains({1 - side_, seen.id}),
           "a stream is reset by nobody");
    expect(flows_.erase(seen.id) == 1, "a reset of a stream that does not exist");
  }

  void on(const mux::peer_going_away&) { throw std::runtime_error("the peer goes away"); }

  int side_;
  std::size_t most_streams_;
  pair_record& record_;
  std::mt19937& rng_;
  mux::session session_;
  std::map<mux::stream_id, flow> flows_;
  std::size_t most_ = 10'000;
};

/// Two sessions that are connected by pipes with a delay that varies.
class session_pair {
 public:
  /// Draws everything from `seed`.
  explicit session_pair(std::uint32_t seed)
      : rng_(seed), parameters_{draw(), draw()}, most_(std::size_t{1} << (6 + below(13))) {
    for (int side = 0; side < 2; ++side) {
      ends_.emplace_back(side, parameters_[side], parameters_[1 - side], record_, rng_, now_);
    }
  }

  /// Makes something happen.
  void step() {
    const int side = below(2);
    pair_end& end = ends_[static_cast<std::size_t>(side)];
    switch (below(12)) {
      case 0:
      case 1: end.open(now_, most_); break;
      case 2:
        if (below(5) == 0) end.reset_any();
        break;
      case 3: end.toggle_any(); break;
      case 4:
      case 5: end.consume_any(now_); break;
      case 6: end.consume_all(now_); break;
      case 7:
      case 8: end.send(1 + below(20), pipes_[side]); break;
      case 9:
      case 10: deliver(side, static_cast<std::size_t>(below(1 << (1 + below(17))))); break;
      default:
        now_ += std::chrono::milliseconds(below(100));
        end.poll(now_);
        break;
    }
  }

  /// Lets everything come to its end, and checks that nothing is left.
  void finish() {
    for (int round = 0; ends_[0].flows() + ends_[1].flows() > 0; ++round) {
      expect(round < 20'000, "a stream does not end");
      for (int side = 0; side < 2; ++side) {
        pair_end& end = ends_[static_cast<std::size_t>(side)];
        end.resume();
        end.consume_all(now_);
        end.send(100, pipes_[side]);
        deliver(side, pipes_[side].size());
        end.poll(now_);
      }
      now_ += std::chrono::milliseconds(1);
    }
    for (int side : {0, 1, 0, 1}) {
      ends_[static_cast<std::size_t>(side)].send(100, pipes_[side]);
      deliver(side, pipes_[side].size());
    }
    for (const pair_end& end : ends_) {
      expect(end.session().streams() == 0, "a stream is left");
      expect(end.session().unread() == 0, "unread bytes are left");
      expect(end.session().footprint() == 0, "a footprint is left");
      expect(end.session().round_trip().has_value(), "no ping was answered");
    }
  }

 private:
  int below(int bound) { return std::uniform_int_distribution<int>(0, bound - 1)(rng_); }

  mux::parameters draw() {
    return {mux::min_initial_window << below(5), static_cast<std::uint32_t>(1 + below(8))};
  }

  void deliver(int side, std::size_t count) {
    byte_buffer& pipe = pipes_[side];
    count = std::min(count, pipe.size());
    ends_[static_cast<std::size_t>(1 - side)].receive(pipe.data().first(count), now_);
    pipe.consume(count);
  }

  std::mt19937 rng_;
  mux::parameters parameters_[2];
  std::size_t most_;
  pair_record record_;
  time_point now_ = mux_start;
  std::vector<pair_end> ends_;
  byte_buffer pipes_[2];
};

}  // namespace rathole::test
