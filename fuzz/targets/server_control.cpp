#include "support/machine_laws.hpp"
#include "support/settings.hpp"

#include <rathole/protocol/authenticate.hpp>
#include <rathole/protocol/server_control.hpp>

#include <utility>

using namespace rathole;
using namespace std::chrono_literals;
using control_machine = protocol::server_control<>;

namespace {

/// Decides by the proof, at once or by its first call.
struct owner {
  static constexpr bool discards = true;
  bool hesitates = false;
  bool has_to_decide = false;

  void react(control_machine& control, control_machine::event event, time_point now) {
    if (event == control_machine::event::authenticated) return control.accept(now);
    if (hesitates) {
      has_to_decide = true;
    } else {
      decide(control);
    }
  }
  void call(control_machine& control, time_point now) {
    if (!std::exchange(has_to_decide, false)) return control.request_data_channel(now);
    decide(control);
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
  const duration heartbeat_interval = in.flag() ? 30s : 0s;
  const control_machine control(fuzz::nonce(), is_known, heartbeat_interval, fuzz::start + 5s);
  fuzz::check_machine(control, in, protocol::bincode::auth_size, owner{.hesitates = kind >= 4});
  return 0;
}
