#pragma once

#include <rathole/tls/identity.hpp>

// Botan 2.19 needs the first before the others in C++23.
#include <botan/pkix_types.h>

#include <botan/x509cert.h>

#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>
#include <string>

namespace rathole::tls {

/// A certificate that expires within this time is reported.
inline constexpr std::chrono::days expiry_notice{14};

/// Returns why peers refuse a certificate of `shown` because of its dates at the time `now`, or
/// will within `expiry_notice`; nothing if all are valid for longer.
inline std::optional<std::string> date_problem(
    const identity& shown,
    std::chrono::system_clock::time_point now = std::chrono::system_clock::now()) {
  for (std::size_t i = 0; i < shown.certificates.size(); ++i) {
    const auto& der = shown.certificates[i];
    const std::string which = "certificate " + std::to_string(i + 1) + " ";
    try {
      const Botan::X509_Certificate read(der.data(), der.size());
      const auto& begin = read.not_before();
      const auto& end = read.not_after();
      if (now < begin.to_std_timepoint()) {
        return which + "is not valid before " + begin.readable_string() +
               "; see whether the clock of this machine is right";
      }
      if (now > end.to_std_timepoint()) {
        return which + "expired on " + end.readable_string() +
               ", and clients refuse it; replace the file by a renewed one";
      }
      if (now + expiry_notice > end.to_std_timepoint()) {
        return which + "expires on " + end.readable_string() +
               "; replace the file by a renewed one before that";
      }
    } catch (const std::exception&) {
      // Not of a form that Botan reads: the engine judges it.
    }
  }
  return std::nullopt;
}

}  // namespace rathole::tls
