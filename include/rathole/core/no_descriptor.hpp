#pragma once

#include <cerrno>
#include <system_error>

namespace rathole {

/// Returns the error with which something is refused because there is no descriptor for it (EMFILE).
inline std::error_code no_descriptor() { return {EMFILE, std::system_category()}; }

}  // namespace rathole
