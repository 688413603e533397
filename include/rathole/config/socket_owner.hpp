#pragma once

#include <rathole/core/require_cxx23.hpp>

#include <grp.h>
#include <pwd.h>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace rathole::config {

/// The user and the group that own a file.
struct file_owner {
  /// The ID of the user; nothing if none is named.
  std::optional<std::uint32_t> user = {};
  /// The ID of the group; nothing if none is named.
  std::optional<std::uint32_t> group = {};

  /// Compares all members.
  [[nodiscard]] bool operator==(const file_owner&) const = default;
};

namespace detail {

/// Returns the ID that the digits of `text` name; nothing if it is a name. The largest number is the one that
/// chown(2) takes for "unchanged".
inline std::optional<std::uint32_t> to_account_id(std::string_view text) {
  std::uint32_t id = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), id);
  const bool is_number = ec == std::errc{} && end == text.data() + text.size();
  if (!is_number || id == static_cast<std::uint32_t>(-1)) return std::nullopt;
  return id;
}

/// Calls `look(record, buffer, size, found)`, which is getpwnam_r(3) or getgrnam_r(3) for one name, with enough
/// memory; returns the record, or nothing if the system knows none.
template <class Record, class Look>
std::optional<Record> look_up_account(Look look) {
  constexpr std::size_t most = std::size_t{1} << 20;
  for (std::size_t size = 1024; size <= most; size *= 2) {
    std::vector<char> memory(size);
    Record record{};
    Record* found = nullptr;
    const int error = look(&record, memory.data(), memory.size(), &found);
    if (error == ERANGE) continue;
    if (error != 0 || !found) return std::nullopt;
    return record;
  }
  return std::nullopt;
}

/// Returns the ID of the user `name`.
inline std::optional<std::uint32_t> user_id(const std::string& name) {
  if (const auto id = to_account_id(name)) return id;
  const auto found =
      look_up_account<passwd>([&](auto... rest) { return ::getpwnam_r(name.c_str(), rest...); });
  return found ? std::optional<std::uint32_t>(found->pw_uid) : std::nullopt;
}

/// Returns the ID of the group `name`.
inline std::optional<std::uint32_t> group_id(const std::string& name) {
  if (const auto id = to_account_id(name)) return id;
  const auto found =
      look_up_account<group>([&](auto... rest) { return ::getgrnam_r(name.c_str(), rest...); });
  return found ? std::optional<std::uint32_t>(found->gr_gid) : std::nullopt;
}

}  // namespace detail

/// Returns the owner that `text` names, as chown(1) does: `user`, `user:group` or `:group`, by names or by IDs.
/// Fails with a text that says what the system does not know. It may ask the system's database of accounts,
/// and wait for it.
inline std::expected<file_owner, std::string> parse_owner(std::string_view text) {
  const auto colon = text.find(':');
  const std::string user(text.substr(0, colon));
  const std::string group(colon == text.npos ? std::string_view() : text.substr(colon + 1));
  if (user.empty() && group.empty()) return std::unexpected("neither a user nor a group");
  file_owner out;
  if (!user.empty() && !(out.user = detail::user_id(user))) {
    return std::unexpected("this host has no user of that name");
  }
  if (!group.empty() && !(out.group = detail::group_id(group))) {
    return std::unexpected("this host has no group of that name");
  }
  return out;
}

}  // namespace rathole::config
