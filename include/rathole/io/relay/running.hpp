#pragma once

#include <rathole/io/relay/status.hpp>

namespace rathole::io {

/// Ends a relay. Any thread may use it while the relay runs.
class relay_stopper {
 public:
  /// Requests that the relay stops soon, on its own thread.
  virtual void request() = 0;

 protected:
  relay_stopper() = default;
  relay_stopper(const relay_stopper&) = default;
  relay_stopper& operator=(const relay_stopper&) = default;
  ~relay_stopper() = default;
};

/// A relay that runs, for those who watch it.
struct running_relay {
  /// What it has carried; its thread changes them.
  const relay_status& counts;
  /// What ends it.
  relay_stopper& stop;
};

}  // namespace rathole::io
