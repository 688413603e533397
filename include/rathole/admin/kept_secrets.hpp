#pragma once

#include <rathole/admin/json.hpp>
#include <rathole/admin/settings_json.hpp>
#include <rathole/config/key.hpp>
#include <rathole/config/problem.hpp>
#include <rathole/config/value.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace rathole::admin {

/// Puts the present secrets where the new settings have the mask. The problems of those that there are not
/// are added to `problems`; `path` is the path of the settings in them.
inline void keep_secrets(config::value_table& settings,
                         const std::optional<config::value_table>& present, const std::string& path,
                         std::vector<config::problem>& problems) {
  for (const std::string_view key : secret_keys) {
    const auto found = settings.find(key);
    if (found == settings.end()) continue;
    const auto* const text = std::get_if<std::string>(&found->second);
    if (!text || *text != masked) continue;
    if (present && present->contains(key)) {
      found->second = present->find(key)->second;
      continue;
    }
    problems.push_back({.key = config::key_path(path, key),
                        .what = "there is no secret yet that `********` could keep",
                        .remedy = "write the secret itself, or leave the setting out"});
  }
}

}  // namespace rathole::admin
