#pragma once

#include <rathole/config/interpolation.hpp>
#include <rathole/config/key.hpp>
#include <rathole/config/problem.hpp>
#include <rathole/config/value.hpp>

#include <algorithm>
#include <string>
#include <variant>
#include <vector>

namespace rathole::admin {

/// Adds a problem for each text of `settings` in which variables of the program's environment would be
/// replaced, unless `present`, which may be null, has it at the same key, where a list may have another order: whoever uses the API must not
/// read that environment, or guess at it. `path` is the path of the settings in the problems.
inline void refuse_new_variables(const config::value_table& settings,
                                 const config::value_table* present, const std::string& path,
                                 std::vector<config::problem>& problems) {
  for (const auto& [key, value] : settings) {
    const config::value* before = nullptr;
    if (present) {
      const auto found = present->find(key);
      if (found != present->end()) before = &found->second;
    }
    if (before && *before == value) continue;
    const std::string own_path = config::key_path(path, key);
    if (const auto* const table = std::get_if<config::value_table>(&value)) {
      const auto* const old_table = before ? std::get_if<config::value_table>(before) : nullptr;
      refuse_new_variables(*table, old_table, own_path, problems);
      continue;
    }
    const auto* const text = std::get_if<std::string>(&value);
    const auto* const texts = std::get_if<std::vector<std::string>>(&value);
    const auto is_new = [before](const std::string& each) {
      if (!config::has_variables(each)) return false;
      const auto* const old_text = before ? std::get_if<std::string>(before) : nullptr;
      const auto* const old_texts =
          before ? std::get_if<std::vector<std::string>>(before) : nullptr;
      return !(old_text && *old_text == each) &&
             !(old_texts && std::ranges::find(*old_texts, each) != old_texts->end());
    };
    const bool has_some = (text && is_new(*text)) || (texts && std::ranges::any_of(*texts, is_new));
    if (!has_some) continue;
    problems.push_back({.key = own_path,
                        .what = "`${` would begin a variable of the program's environment",
                        .remedy = "write `$${` for the characters `${`, or write the variable into "
                                  "the file by hand"});
  }
}

}  // namespace rathole::admin
