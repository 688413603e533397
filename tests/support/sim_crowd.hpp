#pragma once

#include "support/sim_tunnel.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::test {

/// Says how a local service responds: as it receives, after the request's end, first a greeting and
/// then as it receives, or one datagram for each.
enum class response_mode { echoes, answers_late, greets_first, datagrams };

/// Describes a service of the crowd: visitors reach it at `port` of host "server", through the
/// client on host `client`, which reaches it at `port` of host "lan".
struct offer {
  std::string_view name;
  std::uint16_t port;
  std::string_view client;
  response_mode how;
};
inline constexpr std::array<offer, 5> offers{{{"echo", 5001, "alpha", response_mode::echoes},
                                              {"late", 5002, "beta", response_mode::answers_late},
                                              {"talk", 5003, "alpha", response_mode::greets_first},
                                              {"ask", 5004, "alpha", response_mode::datagrams},
                                              {"call", 5005, "beta", response_mode::datagrams}}};
constexpr bool is_udp(const offer& of) { return of.how == response_mode::datagrams; }
inline constexpr std::size_t udp_offers =
    static_cast<std::size_t>(std::ranges::count_if(offers, is_udp));

/// Returns what a service responds to `text`: different for each service. Applying it twice gives
/// the original.
std::string answered(const offer& of, std::string_view received);

/// A set of offers, one bit each.
using offer_set = unsigned;
inline constexpr offer_set all_offers = (1U << offers.size()) - 1;
/// Returns the offers whose traffic goes through `client`.
constexpr offer_set offers_of(std::string_view client) {
  offer_set out = 0;
  for (std::size_t i = 0; i < offers.size(); ++i) {
    if (offers[i].client == client) out |= 1U << i;
  }
  return out;
}

/// Says how a visitor behaves. The last two disconnect at random times.
enum class visitor_kind { prompt, trickling, half_closing, slow, disconnecting, silent };

/// A visitor and what is known about it.
struct visitor_state {
  const offer* to = nullptr;
  visitor_kind how = visitor_kind::prompt;
  /// Begins with the visitor's number.
  std::string question;
  std::string answer;
  std::size_t given = 0;
  std::size_t got = 0;
  std::uint16_t port = 0;
  bool ended_sending = false;
  bool left = false;
  bool served = false;
  /// The state of the path when the visitor connected, if the path was healthy.
  std::optional<std::uint64_t> healthy;
};

/// Counts the results of the visitors.
struct tally {
  std::size_t complete = 0;
  /// Reset while they were forwarded, and before.
  std::size_t broken = 0;
  std::size_t refused = 0;
  std::size_t left = 0;
  /// Of the complete ones, how many had to be complete.
  std::size_t required = 0;
  /// Datagram replies: received ones, missing ones, and required ones.
  std::size_t datagrams = 0;
  std::size_t datagrams_lost = 0;
  std::size_t datagrams_owed = 0;
};

/// Counts what is in use in a crowd's simulation: resources, and coroutines of the programs.
struct inventory {
  sim::resource_counts resources;
  std::size_t tasks = 0;
};

/// Thrown if an invariant does not hold; names it, with the step and the time.
struct violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class udp_visitors;

/// Runs several services, clients and visitors in one simulation, and checks these invariants at
/// every step:
///
/// * A visitor receives only bytes that were sent to it, in order. It receives an orderly end only
///   after all bytes.
/// * A visitor whose path is healthy for its whole visit gets its full response, unless it
///   disconnects itself, or too many visitors wait. A path is healthy if its control channel is
///   established, its port listens, and no fault affected it within `settling`.
/// * A control channel does not end on a healthy path.
/// * Pools and dials stay within their limits. What a visitor sent and did not get back fits into
///   the windows of the connections and one read of each relay.
/// * Each stream on the host of a client or server belongs to a coroutine, a waiting visitor or a
///   forwarded connection, and each coroutine of a server has its stream. This is checked whenever
///   nothing more will happen at the current time.
///
/// For UDP services see `udp_visitors`. A violated invariant ends the run with a `violation`.
class crowd {
 public:
  /// The time after a fault in which paths do not count as healthy; longer than any wait inside the
  /// programs that a fault may cause.
  static constexpr std::chrono::seconds settling{12};

  explicit crowd(std::uint64_t seed);
  ~crowd();

  sim_bench bench;
  sim::world& world = bench.world;
  sim::seeded_rng rng;
  tally found;

  /// Starts everything and runs until every service is reachable.
  void open();
  /// Starts a stream of visitors with pauses of at most `max_pause`, or ends it.
  void let_visitors_come(bool on, duration max_pause = std::chrono::milliseconds(800));
  /// Connects one visitor.
  void admit(const offer& to, visitor_kind how);
  /// Runs until every path is healthy and every visitor has left; then one more per service must be
  /// served, and after a while the pools must be as at the start.
  void recover();
  /// Returns what is in use now.
  [[nodiscard]] inventory in_use();
  /// Stops everything during some visits; nothing may remain in use.
  void close();

  /// Records that a fault that affects the paths of `which` begins or ends.
  void begin_fault(offer_set which);
  void end_fault(offer_set which);

  void start_server();
  /// Starts a client on a host: "alpha", "beta", "gamma" (which competes for "echo") or
  /// "mallory" (which knows neither token nor services).
  void start_client(std::string_view host);
  /// Stops the program that was started last on that host: gracefully, or at once.
  void stop(std::string_view host, bool at_once);
  /// Returns whether that program has not ended.
  [[nodiscard]] bool runs(std::string_view host);
  /// Returns how often a program was started on that host.
  [[nodiscard]] std::size_t starts(std::string_view host) const;

  /// Reports a violated invariant; only the first one is kept.
  void report_problem(const std::string& what);
  /// Returns the state of an offer's path if it is healthy; `epoch` returns the same number while
  /// no fault has affected the path.
  [[nodiscard]] std::optional<std::uint64_t> healthy(const offer& of);
  [[nodiscard]] std::uint64_t epoch(const offer& of) const;

  /// Returns all events of the programs, in order of time.
  [[nodiscard]] std::string event_log() const;

 private:
  struct path {
    std::size_t faults = 0;
    std::uint64_t epoch = 0;
    time_point calm_since;
  };
  /// A host on which clients run, with its open streams.
  struct client_host {
    std::string_view name;
    const std::size_t* at_server;
    const std::size_t* to_server;
    const std::size_t* to_lan;
    std::size_t tasks = 0;
    std::size_t services = 0;
    std::size_t udp_services = 0;
  };
  struct started {
    std::string host;
    std::size_t services;
    std::size_t udp_services;
    std::unique_ptr<program> is;
    bool stopped = false;
  };

  started& latest(std::string_view host);
  void destroy_ended(std::string_view host);
  void look(bool settled);
  void check_pools();
  void check_owners();
  void check_client(const client_host& at);
  void on_event(const sim::recorded& event);
  [[nodiscard]] std::size_t unaccepted(bool clients);

  void visitors_arrive();
  io::awaitable<void> run_visitor(visitor_state& me, std::uint64_t seed);
  io::awaitable<void> send_request(visitor_state& me, sim::stream& to, std::uint64_t seed);
  io::task<void> listen(visitor_state& me, sim::stream& from, std::uint64_t seed);
  io::awaitable<void> pause(duration length);
  void check_result(const visitor_state& me, const result<void>& ended);

  io::awaitable<void> local_service(const offer& of);
  io::awaitable<void> serve(sim::stream stream, const offer& of);
  void recognize(const offer& of, const std::string& received, visitor_state*& who);
  void check_end(const offer& of, const std::string& received, const visitor_state* who);

  config::server server_settings_;
  config::client client_settings_;
  std::size_t window_ = 0;
  std::size_t udp_channels_ = 0;
  sim::runtime visitors_;
  sim::runtime lan_;
  std::vector<started> programs_;
  std::map<std::string, std::size_t, std::less<>> starts_;
  std::vector<std::string> earlier_lines_;
  std::vector<client_host> client_hosts_;
  const std::size_t* from_visitors_ = nullptr;
  program::pool_visitor check_pool_;
  std::array<path, offers.size()> paths_;
  std::deque<visitor_state> visitor_states_;
  std::unique_ptr<udp_visitors> datagrams_;
  std::size_t present_ = 0;
  bool coming_ = false;
  duration max_pause_{};
  std::size_t sessions_ = 0;
  std::size_t forwards_ = 0;
  std::set<std::uint16_t> forwarded_;
  std::set<std::uint16_t> refused_at_limit_;
  std::string problem_;
};

}  // namespace rathole::test
