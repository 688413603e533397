// One of the two units of own_parts_main.cpp. UNIT is the name of its function.
#include <rathole/transport/missing_part.hpp>

// Whether the unit has the transport tls.
bool UNIT() {
  rathole::config::transport settings;
  settings.kind = rathole::config::transport_kind::tls;
  settings.tls.emplace();
  return !rathole::transport::missing_part(settings, rathole::config::side::client);
}
