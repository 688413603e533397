#pragma once

#include <rathole/config/problem.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace rathole::admin {

/// What an edit does with a service.
enum class edit_kind {
  /// It gets new settings, or is added.
  replace,
  /// Its settings are changed by a merge patch (RFC 7396).
  merge,
  /// It is removed.
  remove
};

/// How an edit ended.
struct edit_outcome {
  /// The status of the answer.
  int status = 200;
  /// Why it was refused.
  std::string detail = {};
  /// What is wrong with the settings; only warnings if they are used.
  std::vector<config::problem> problems = {};
};

/// Returns that the configuration on the disk has `problems`, which an edit does not correct.
inline edit_outcome invalid(std::vector<config::problem> problems) {
  return {409,
          "The configuration on the disk has problems; correct them first. Nothing was changed.",
          std::move(problems)};
}

/// Returns that a precondition of an edit does not hold.
inline edit_outcome not_wanted() {
  return {412, "The service is not as `If-Match` or `If-None-Match` says. Nothing was changed."};
}

/// Returns that an edit is refused because of `problems`.
inline edit_outcome refused(std::vector<config::problem> problems) {
  const auto errors =
      std::ranges::count(problems, config::severity::error, &config::problem::level);
  return {
      422,
      std::to_string(errors) + (errors == 1 ? " problem" : " problems") + "; nothing was changed.",
      std::move(problems)};
}

}  // namespace rathole::admin
