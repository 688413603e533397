#pragma once

#include <rathole/version.hpp>

namespace rathole::inline RATHOLE_ABI {
class client;
}  // namespace rathole::inline RATHOLE_ABI

void first(rathole::client& passed);
void second(rathole::client& passed);
