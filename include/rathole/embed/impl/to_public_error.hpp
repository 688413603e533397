#pragma once

#include <rathole/core/error.hpp>
#include <rathole/version.hpp>

#include <asio/error.hpp>

#include <system_error>

namespace rathole::embed::inline RATHOLE_ABI::detail {

/// Returns the error that an outside caller sees for `ec`: Asio's, where Asio has one.
inline std::error_code to_public_error(std::error_code ec) {
  if (ec == errc::stopped) return asio::error::operation_aborted;
  if (ec == errc::end_of_stream) return asio::error::eof;
  return ec;
}

}  // namespace rathole::embed::inline RATHOLE_ABI::detail
