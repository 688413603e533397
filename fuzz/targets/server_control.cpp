#include "support/machine_laws.hpp"
#include "support/settings.hpp"

#include <rathole/protocol/authenticate.hpp>
#include <rathole/protocol/server_control.hpp>

#include <iterator>
#include <optional>
#include <utility>

using namespace rathole;
using namespace std::chrono_literals;
using control_machine = protocol::server_control<>;

namespace {

/// Decides by the proof, and accepts the client, at once or by its next call. Once the channel is
/// established, its calls request data channels, or change the heartbeat interval in turn.
struct owner {
  static constexpr bool discards = true;
  bool hesitates = false;
  bool changes_interval = false;
  duration interval = {};
  bool has_to_decide = false;
  bool has_to_accept = false;
  unsigned calls = 0;

  void react(control_machine& control, control_machine::event event, time_point now) {
    const bool is_authenticated = event == control_machine::event::authenticated;
    if (hesitates) {
      (is_authenticated ? has_to_accept : has_to_decide) = true;
    } else if (is_authenticated) {
      control.accept(now);
    } else {
      decide(control);
    }
  }
  void call(control_machine& control, time_point now) {
    if (std::exchange(has_to_decide, false)) return decide(control);
    if (std::exchange(has_to_accept, false)) return control.accept(now);
    if (!changes_interval) return control.request_data_channel(now);
    constexpr duration intervals[] = {1s, 1s, 0s, 20s};
    const duration before = std::exchange(interval, intervals[calls++ % std::size(intervals)]);
    control.set_heartbeat_interval(interval, now);
    if (interval == before) return;
    const std::optional<time_point> due(now + interval);
    fuzz::check(control.deadline() == (interval > 0s ? due : std::nullopt));
  }

 private:
  static void decide(control_machine& control) {
    const protocol::client_proof proof(fuzz::nonce(), control.auth());
    if (proof.matches(fuzz::token())) {
      control.approve();
    } else {
      control.refuse();
    }
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::fuzz_input in(data, size);
  const auto kind = in.below(8);
  const bool is_known = kind != 7;
  const auto how = in.below(4);
  const duration heartbeat_interval = how % 2 != 0 ? 30s : 0s;
  const control_machine control(fuzz::nonce(), is_known, heartbeat_interval, fuzz::start + 5s);
  fuzz::check_machine(
      control, in, protocol::bincode::auth_size,
      owner{.hesitates = kind >= 4, .changes_interval = how >= 2, .interval = heartbeat_interval});
  return 0;
}
