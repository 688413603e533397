#pragma once

#include <string>

namespace rathole::test {

/// Returns the path of upstream's program: RATHOLE_UPSTREAM if that is set, otherwise
/// `rathole-upstream` or `rathole` on PATH if that is upstream's v0.5.0; empty if there is none.
const std::string& upstream_program();

}  // namespace rathole::test
