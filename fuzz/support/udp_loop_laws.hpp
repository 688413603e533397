#pragma once

#include "check.hpp"
#include "fuzz_input.hpp"

#include <rathole/protocol/udp_loop_detector.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::fuzz {

/// Drives the `udp_loop_detector` of each service of a client, and the `sent_datagrams` of its
/// sockets, with the fuzzer's input beside lists of the datagrams that were sent.
class udp_loop_run {
 public:
  void step(fuzz_input& in) {
    service& at = services_[in.below(services_.size())];
    switch (in.below(8)) {
      case 0: open(at, in); break;
      case 1:
      case 2: {
        if (sockets_.empty()) break;
        socket& from = sockets_[in.below(sockets_.size())];
        from.sent.push_back(payload(in));
        from.memory.note(bytes(from.sent.back()));
        break;
      }
      case 3: {
        const bool is_due = at.dropped > 0 && now_ >= at.report_due;
        const auto report = at.detector.take_report(now_);
        check(report == (is_due ? std::optional(std::exchange(at.dropped, 0)) : std::nullopt));
        if (is_due) at.report_due = now_ + protocol::udp_loop_memory;
        break;
      }
      case 4: now_ += in.time(); break;
      default: {
        const socket* own = some_socket(in);
        const std::string text = payload(in);
        const bool leads_back = own && std::ranges::find(own->path, &at) != own->path.end();
        if (leads_back && has_sent(*own, text))
          at.believed_until = now_ + protocol::udp_loop_memory;
        const bool is_dropped = leads_back && now_ < at.believed_until;
        if (is_dropped) ++at.dropped;
        const auto* const memory = own ? &own->memory : nullptr;
        check(at.detector.has_come_back(memory, bytes(text), now_) == is_dropped);
        break;
      }
    }
  }

 private:
  using path = std::vector<const void*>;

  struct service {
    protocol::udp_loop_detector detector{this};
    time_point believed_until = time_point::min();
    time_point report_due = time_point::min();
    std::uint64_t dropped = 0;
  };

  struct socket {
    explicit socket(const udp_loop_run::path& through) : path(through), memory(through) {}

    udp_loop_run::path path;
    protocol::sent_datagrams memory;
    std::vector<std::string> sent;
  };

  // A new visitor gets a socket; the oldest of many is closed.
  void open(service& at, fuzz_input& in) {
    const socket* own = some_socket(in);
    const std::string text = payload(in);
    path expected;
    if (own && has_sent(*own, text)) expected = own->path;
    expected.push_back(&at);
    check(at.detector.path(own ? &own->memory : nullptr, bytes(text)) == expected);
    if (sockets_.size() == 6) sockets_.pop_front();
    check(sockets_.emplace_back(expected).memory.path() == expected);
  }

  // The first datagram and the latest ones are remembered, by size and first bytes.
  static bool has_sent(const socket& from, std::string_view text) {
    const auto is_same = [&](const std::string& each) {
      return each.size() == text.size() && each.substr(0, 64) == text.substr(0, 64);
    };
    const std::size_t latest =
        std::min(from.sent.size(), std::size_t{protocol::sent_datagrams::remembered});
    const bool is_known = (!from.sent.empty() && is_same(from.sent.front())) ||
                          std::any_of(from.sent.end() - static_cast<std::ptrdiff_t>(latest),
                                      from.sent.end(), is_same);
    check(from.memory.has_sent(bytes(text)) == is_known);
    return is_known;
  }

  // One of few datagrams, which differ in size, at the beginning or at the end.
  static std::string payload(fuzz_input& in) {
    constexpr std::array<std::size_t, 6> sizes = {1, 0, 63, 64, 65, 100};
    const unsigned which = in.byte();
    std::string out(sizes[which % sizes.size()], static_cast<char>('a' + which / 6 % 8));
    if (!out.empty() && which / 48 % 2 != 0) out.back() = '!';
    return out;
  }

  static byte_view bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
  }

  const socket* some_socket(fuzz_input& in) const {
    const std::size_t which = in.below(sockets_.size() + 1);
    return which < sockets_.size() ? &sockets_[which] : nullptr;
  }

  time_point now_{std::chrono::hours(1)};
  std::array<service, 3> services_;
  std::deque<socket> sockets_;
};

}  // namespace rathole::fuzz
