#include "support/machine_laws.hpp"
#include "support/settings.hpp"

#include <rathole/protocol/server_control.hpp>

using namespace rathole;
using namespace std::chrono_literals;
using control_machine = protocol::server_control<>;

namespace {

struct owner {
  static constexpr bool discards = true;
  void react(control_machine& control, control_machine::event, time_point now) const {
    control.accept(now);
  }
  void call(control_machine& control, time_point now) const { control.request_data_channel(now); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::fuzz_input in(data, size);
  std::optional expected(protocol::session_key(fuzz::token(), fuzz::nonce()));
  if (in.below(8) == 7) expected.reset();
  const duration heartbeat_interval = in.flag() ? 30s : 0s;
  const control_machine control(fuzz::nonce(), expected, heartbeat_interval, fuzz::start + 5s);
  fuzz::check_machine(control, in, protocol::bincode::auth_size, owner{});
  return 0;
}
