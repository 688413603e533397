#pragma once

#include "support/sim_crowd.hpp"

#include <rathole/core/udp_endpoint.hpp>
#include <rathole/io/udp/datagram.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

namespace rathole::test {

/// The visitors of a crowd's UDP services, and those services. What must hold:
///
/// * Nobody gets a datagram that does not answer one of his own, and no answer comes twice.
/// * A question that was asked on a path that is healthy until the answer is due is answered.
/// * The service hears only what was asked, once, and each visitor by a port of his own, which stays
///   his while he asks on and the client's program runs.
class udp_visitors {
 public:
  /// When an answer is due: longer than any way there and back takes.
  static constexpr std::chrono::seconds max_delay{12};

  explicit udp_visitors(crowd& owner);

  /// Starts the services, which live as long as the world.
  void open();
  /// A visitor comes, asks so many questions, waits for the last answer and goes.
  void admit(const offer& to, std::size_t questions);
  /// How many are there.
  [[nodiscard]] std::size_t present() const { return present_; }

 private:
  struct question {
    std::size_t size = 0;
    std::optional<std::uint64_t> healthy;
    bool heard = false;
    bool answered = false;
  };
  struct guest {
    const offer* to = nullptr;
    std::deque<question> asked;
    bool left = false;
    /// Where the service heard him last, when, and how often the client had been started then.
    std::uint16_t seen_as = 0;
    time_point heard_at;
    std::size_t starts = 0;
  };
  struct service {
    const offer* is;
    sim::datagram_socket socket;
    /// Who was heard last from each port.
    std::map<std::uint16_t, std::uint32_t> heard_from;
  };

  io::awaitable<void> attend(std::uint32_t number, std::size_t questions, std::uint64_t seed);
  void ask(std::uint32_t number, sim::datagram_socket& from, std::size_t size);
  void hear_answer(std::uint32_t number, byte_view payload);
  void judge(std::uint32_t number, std::size_t index);

  io::awaitable<void> start(const offer& of);
  void serve(service& me);
  bool recognize(service& me, const io::datagram& heard);
  [[nodiscard]] std::string name(std::uint32_t number) const;

  crowd& crowd_;
  sim::runtime visitors_;
  sim::runtime lan_;
  std::deque<guest> guests_;
  std::deque<service> services_;
  std::size_t present_ = 0;
};

}  // namespace rathole::test
