#pragma once

#include <rathole/http/grammar.hpp>
#include <rathole/http/head.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::admin {

namespace detail {

/// The value of `If-Match` or `If-None-Match`.
struct entity_tag_list {
  /// Whether it is `*`.
  bool is_any = false;
  /// The strong entity tags, with their quotes.
  std::vector<std::string> strong = {};
  /// The weak ones, without `W/`.
  std::vector<std::string> weak = {};
};

}  // namespace detail

/// The conditions `If-Match` and `If-None-Match` of a request (RFC 9110, section 13.1). Without the fields, all
/// of them hold.
class preconditions {
 public:
  /// Returns the conditions of the request with the head `from`; nothing if a field is malformed.
  static std::optional<preconditions> read(const http::head& from) {
    preconditions out;
    for (const http::field& each : from.fields) {
      const bool is_match = http::same_ignoring_case(each.name, "If-Match");
      if (!is_match && !http::same_ignoring_case(each.name, "If-None-Match")) continue;
      std::optional<detail::entity_tag_list>& list = is_match ? out.match_ : out.none_match_;
      if (!list) list.emplace();
      if (!add(each.value, *list)) return std::nullopt;
    }
    return out;
  }

  /// Returns whether `If-Match` holds for a resource with the strong entity tag `tag`, with its quotes; nothing
  /// stands for a resource that there is not.
  [[nodiscard]] bool matches(const std::optional<std::string>& tag) const {
    if (!match_) return true;
    return tag &&
           (match_->is_any || std::ranges::find(match_->strong, *tag) != match_->strong.end());
  }

  /// Returns whether `If-None-Match` holds for such a resource.
  [[nodiscard]] bool differs(const std::optional<std::string>& tag) const {
    if (!none_match_ || !tag) return true;
    const auto has = [&tag](const std::vector<std::string>& list) {
      return std::ranges::find(list, *tag) != list.end();
    };
    return !none_match_->is_any && !has(none_match_->strong) && !has(none_match_->weak);
  }

 private:
  /// Adds the tags of a field to `out`; returns whether the field is well formed.
  static bool add(std::string_view text, detail::entity_tag_list& out) {
    text = http::trimmed(text);
    const bool is_first = !out.is_any && out.strong.empty() && out.weak.empty();
    if (text == "*") {
      out.is_any = true;
      return is_first;
    }
    if (out.is_any) return false;
    while (!text.empty()) {
      if (text.starts_with(',')) {
        text = http::trimmed(text.substr(1));
        continue;
      }
      const bool is_weak = text.starts_with("W/");
      if (is_weak) text.remove_prefix(2);
      if (!text.starts_with('"')) return false;
      const auto end = text.find('"', 1);
      if (end == text.npos) return false;
      const std::string_view tag = text.substr(0, end + 1);
      if (std::ranges::any_of(
              tag, [](char c) { return c == ' ' || !http::is_line_char(c) || c == '\t'; })) {
        return false;
      }
      (is_weak ? out.weak : out.strong).emplace_back(tag);
      text = http::trimmed(text.substr(end + 1));
      if (!text.empty() && !text.starts_with(',')) return false;
    }
    return true;
  }

  std::optional<detail::entity_tag_list> match_;
  std::optional<detail::entity_tag_list> none_match_;
};

}  // namespace rathole::admin
