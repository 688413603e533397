#pragma once

#include <rathole/core/require_cxx23.hpp>

#include <cstdint>
#include <optional>

namespace rathole {

/// Who may connect to a Unix-domain socket that is listened on: the permissions and the owner of its
/// file. They do not apply to abstract names, to which every process of the network namespace can connect
/// (unix(7)).
struct socket_permissions {
  /// The permissions of a file that was given none: for its owner and its group.
  static constexpr std::uint16_t default_mode = 0660;

  /// The permissions, as for chmod(2).
  std::uint16_t mode = default_mode;
  /// The ID of the user who owns the file; that of the process if unset.
  std::optional<std::uint32_t> owner = {};
  /// The ID of the group of the file; that of the process if unset.
  std::optional<std::uint32_t> group = {};

  /// Compares all members.
  [[nodiscard]] bool operator==(const socket_permissions&) const = default;
};

}  // namespace rathole
