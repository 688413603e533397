#pragma once

#include <rathole/app/admin_part.hpp>
#include <rathole/transport/missing_part.hpp>
#include <rathole/version.hpp>

#include <string>

namespace rathole::app::detail {

/// Returns the name and version of the compiler.
inline std::string compiler() {
#if defined(__clang__)
  return "clang " + std::to_string(__clang_major__) + '.' + std::to_string(__clang_minor__) + '.' +
         std::to_string(__clang_patchlevel__);
#elif defined(__GNUC__)
  return "gcc " + std::to_string(__GNUC__) + '.' + std::to_string(__GNUC_MINOR__) + '.' +
         std::to_string(__GNUC_PATCHLEVEL__);
#else
  return "unknown";
#endif
}

/// Returns the name of the build profile.
inline std::string profile() {
#if defined(__OPTIMIZE_SIZE__)
  return "minimal";
#elif defined(__OPTIMIZE__)
  return "release";
#else
  return "debug";
#endif
}

}  // namespace rathole::app::detail

namespace rathole::app::inline RATHOLE_ABI {

/// Returns the line that `-V` prints.
inline std::string version_line() { return "rathole " + std::string(version); }

/// Returns the lines that `--version` prints. They do not depend on when or where the program was
/// built, so that builds are reproducible.
inline std::string version_text() {
  return version_line() + "\n\nBuild Version:     " + std::string(version) +
         "\nWire Version:      1\nCompiler:          " + detail::compiler() +
         "\nProfile:           " + detail::profile() + "\nFeatures:          client,server,tcp" +
         (transport::built_in::noise ? ",noise" : "") + (transport::built_in::tls ? ",tls" : "") +
         (transport::built_in::openssl ? ",openssl" : "") +
         (transport::built_in::websocket ? ",websocket" : "") + (has_admin ? ",admin" : "") + '\n';
}

}  // namespace rathole::app::inline RATHOLE_ABI
