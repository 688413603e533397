#pragma once

#define RATHOLE_SEPARATE_COMPILATION 1
#include <rathole/client.hpp>

void first(rathole::client& passed);
void second(rathole::client& passed);
