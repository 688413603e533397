#include "support/machine_laws.hpp"
#include "support/settings.hpp"

#include <rathole/protocol/client_control.hpp>

using namespace rathole;
using namespace std::chrono_literals;
using control_machine = protocol::client_control<>;

namespace {

struct owner : fuzz::no_owner {
  void call(control_machine& control, time_point) const {
    fuzz::check(control.session_key() != protocol::digest{});
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::fuzz_input in(data, size);
  const duration heartbeat_timeout = in.flag() ? 40s : 0s;
  const auto service = protocol::service_digest(fuzz::service_name);
  const control_machine control(service, fuzz::token(), 10s, heartbeat_timeout, fuzz::start);
  fuzz::check_machine(control, in, control_machine::max_buffered, owner{});
  return 0;
}
