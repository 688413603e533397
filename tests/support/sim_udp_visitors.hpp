#pragma once

#include "support/sim_crowd.hpp"

#include <rathole/core/ip_endpoint.hpp>
#include <rathole/io/udp/datagram.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

namespace rathole::test {

/// Runs the visitors of a crowd's UDP services, and those services. The invariants are:
///
/// * A visitor receives only replies to its own requests, and each reply at most once.
/// * A request is answered if its path is healthy until the reply is due.
/// * The service receives only what was requested, once, and each visitor from its own port, which
///   stays the same while the visitor continues and the client's program runs.
class udp_visitors {
 public:
  /// The time in which a reply is due: longer than any round trip.
  static constexpr std::chrono::seconds max_delay{12};

  explicit udp_visitors(crowd& owner);

  /// Starts the services, which run until the world is destroyed.
  void open();
  /// Starts a visitor that sends that many requests, waits for the last reply and leaves.
  void admit(const offer& to, std::size_t questions);
  /// Returns how many visitors there are.
  [[nodiscard]] std::size_t present() const { return present_; }

 private:
  struct question {
    std::size_t size = 0;
    std::optional<std::uint64_t> healthy;
    bool received = false;
    bool answered = false;
  };
  struct visitor_state {
    const offer* to = nullptr;
    std::deque<question> asked;
    bool left = false;
    /// The address from which the service last received its datagrams, when, and how often the
    /// client had been started then.
    std::uint16_t seen_as = 0;
    time_point last_received;
    std::size_t starts = 0;
  };
  struct service {
    const offer* is;
    sim::datagram_socket socket;
    /// The visitor whose datagram came last from each port.
    std::map<std::uint16_t, std::uint32_t> last_visitor_at;
  };

  io::awaitable<void> run_visitor(std::uint32_t number, std::size_t questions, std::uint64_t seed);
  void ask(std::uint32_t number, sim::datagram_socket& from, std::size_t size);
  void receive_reply(std::uint32_t number, byte_view payload);
  void check_result(std::uint32_t number, std::size_t index);

  io::awaitable<void> start(const offer& of);
  void serve(service& me);
  bool recognize(service& me, const io::datagram& received);
  [[nodiscard]] std::string name(std::uint32_t number) const;

  crowd& crowd_;
  sim::runtime visitors_;
  sim::runtime lan_;
  std::deque<visitor_state> visitor_states_;
  std::deque<service> services_;
  std::size_t present_ = 0;
};

}  // namespace rathole::test
