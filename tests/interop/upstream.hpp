#pragma once

#include <string>

namespace rathole::test {

/// The path of upstream's program: RATHOLE_UPSTREAM if that is set, else `rathole-upstream` or
/// `rathole` on PATH if that is upstream's v0.5.0; empty when there is none.
const std::string& upstream_program();

}  // namespace rathole::test
