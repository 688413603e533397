#pragma once

#include <rathole/config/key.hpp>
#include <rathole/config/key_places.hpp>
#include <rathole/config/source.hpp>
#include <rathole/config/toml.hpp>
#include <rathole/config/toml_problem_log.hpp>
#include <rathole/core/secret.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::config {

/// Reads one TOML table with a fixed set of keys. Each reading member names a key that the table
/// may have. It returns the value, or nothing if the key is absent or its value is wrong; a wrong
/// value is reported to the log. A key that was never read is an unknown field; see `finish`.
/// Problems never contain values, because any value could be a misplaced secret.
class toml_reader {
 public:
  /// Makes a reader of `table`, which must outlive the reader, as must `log`. `path` is the path of
  /// the table, empty for the root.
  toml_reader(const toml::table& table, std::string path, problem_log& log)
      : table_(&table), path_(std::move(path)), log_(&log) {}

  /// Returns the path of the table.
  [[nodiscard]] const std::string& path() const { return path_; }
  /// Returns the path of `key` in the table.
  [[nodiscard]] std::string path_of(std::string_view key) const { return key_path(path_, key); }
  /// Returns the log.
  [[nodiscard]] problem_log& log() const { return *log_; }

  /// Returns the position of the value of `key`, or that of the table if there is no such key.
  [[nodiscard]] position where(std::string_view key) const {
    const toml::node* node = table_->get(key);
    return log_->place(node ? node->source() : table_->source());
  }

  /// Reports an error in the value of `key`, at the position of the value.
  void reject(std::string_view key, std::string what, std::string remedy) const {
    log_->add(where(key), path_of(key), std::move(what), std::move(remedy));
  }

  /// Reports an error in the table as a whole, at its header.
  void reject(std::string what, std::string remedy) const {
    log_->add(log_->place(table_->source()), path_, std::move(what), std::move(remedy));
  }

  /// Reports a warning about the value of `key`, at the position of the value.
  void warn(std::string_view key, std::string what, std::string remedy) const {
    log_->warn(where(key), path_of(key), std::move(what), std::move(remedy));
  }

  /// Reports that the required `key` is missing.
  void missing(std::string_view key, std::string remedy) const {
    reject("missing field `" + std::string(key) + '`', std::move(remedy));
  }

  /// Records that the table may have `key`, which is read elsewhere.
  void allow(std::string_view key) { known_.emplace_back(key); }

  /// Returns whether the table has `key`.
  [[nodiscard]] bool contains(std::string_view key) const { return table_->contains(key); }

  /// Returns whether the value of `key` is a string.
  [[nodiscard]] bool is_string(std::string_view key) const {
    const toml::node* node = table_->get(key);
    return node && node->is_string();
  }

  /// Reports that the value of `key`, which the table must have, is of another type than `wanted`. The key must be
  /// allowed.
  void reject_type(std::string_view key, std::string_view wanted, std::string remedy) const {
    log_->origin().note(path_of(key), where(key));
    const std::string given(type_name(table_->get(key)->type()));
    reject(key, "invalid type: " + given + ", expected " + std::string(wanted), std::move(remedy));
  }

  /// Reads a string. `remedy` says what to write instead of a value of another type; if it is empty, the remedy
  /// depends on the type.
  std::optional<std::string> string(std::string_view key, std::string remedy = {}) {
    const auto* value = find<std::string>(key, "a string", std::move(remedy));
    if (!value) return std::nullopt;
    if (reject_nul(key, *value)) return std::nullopt;
    return value->get();
  }

  /// Reads a string, or an array of 1 to `most` strings. For `remedy` see `string`.
  std::optional<std::vector<std::string>> string_or_strings(std::string_view key, std::size_t most,
                                                            const std::string& remedy = {}) {
    const toml::node* node = table_->get(key);
    if (!node || !node->is_array()) {
      auto one = string(key, remedy);
      if (!one) return std::nullopt;
      return std::vector<std::string>{std::move(*one)};
    }
    known_.emplace_back(key);
    log_->origin().note(path_of(key), where(key));
    std::vector<std::string> out;
    for (const toml::node& each : *node->as_array()) {
      const auto* text = each.as_string();
      if (!text) {
        log_->add(log_->place(each.source()), path_of(key),
                  "invalid type: " + std::string(type_name(each.type())) + ", expected a string",
                  remedy.empty() ? text_remedy(each) : remedy);
        return std::nullopt;
      }
      if (reject_nul(key, *text)) return std::nullopt;
      out.push_back(text->get());
    }
    if (out.empty() || out.size() > most) {
      reject(key, out.empty() ? "an empty list" : "too many in the list",
             "name 1 to " + std::to_string(most));
      return std::nullopt;
    }
    return out;
  }

  /// Returns whether `key` has a string, alone or in an array, for which `test` returns true.
  bool any_string(std::string_view key, bool (*test)(std::string_view)) const {
    const toml::node* node = table_->get(key);
    const auto passes = [test](const toml::node& each) {
      const auto* text = each.as_string();
      return text && test(text->get());
    };
    if (!node || !node->is_array()) return node && passes(*node);
    return std::ranges::any_of(*node->as_array(), passes);
  }

  /// Reads a string as a secret.
  std::optional<secret> secret_string(std::string_view key) {
    const auto* value = find<std::string>(key, "a string", {});
    return value ? std::optional(secret(value->get())) : std::nullopt;
  }

  /// Reads a boolean.
  std::optional<bool> boolean(std::string_view key) {
    const auto* value = find<bool>(key, "a boolean", "write `true` or `false` without quotes");
    return value ? std::optional(value->get()) : std::nullopt;
  }

  /// Reads an integer from `least` to `most`.
  template <std::integral Integer>
  std::optional<Integer> integer(std::string_view key, std::int64_t least, std::int64_t most) {
    const std::string range = std::to_string(least) + " to " + std::to_string(most);
    const auto* value = find<std::int64_t>(key, "an integer", "write a number, " + range);
    if (!value) return std::nullopt;
    if (value->get() < least || value->get() > most) {
      reject(key, "invalid value: the number is out of range", "use " + range);
      return std::nullopt;
    }
    return static_cast<Integer>(value->get());
  }

  /// Returns whether the value of `key` is a table.
  [[nodiscard]] bool is_table(std::string_view key) const {
    const toml::node* node = table_->get(key);
    return node && node->is_table();
  }

  /// Returns a reader of the table at `key`.
  std::optional<toml_reader> table(std::string_view key) {
    const auto* value = find<toml::table>(key, "a table", "write `[" + path_of(key) + "]`");
    return value ? std::optional(toml_reader(*value, path_of(key), *log_)) : std::nullopt;
  }

  /// Reads every key of the table as a name that the user chose, with a table as its value. Calls
  /// `f(std::string_view name, toml_reader)` in the order of the names.
  template <class F>
  void for_each_table(F f) {
    for (const auto& [key, node] : *table_) {
      const std::string name(key.str());
      if (auto reader = table(name)) f(std::string_view(name), std::move(*reader));
    }
  }

  /// Reads every key of the table as a name that the user chose, with a string as its value that
  /// may be a secret. Calls `f(std::string_view name, secret)` in the order of the names.
  template <class F>
  void for_each_secret(F f) {
    for (const auto& [key, node] : *table_) {
      const std::string name(key.str());
      if (auto value = secret_string(name)) f(std::string_view(name), std::move(*value));
    }
  }

  /// Reports every key of the table that was not read as an unknown field.
  void finish() const {
    for (const auto& [key, node] : *table_) {
      if (std::ranges::find(known_, key.str()) != known_.end()) continue;
      log_->add(log_->place(key.source()), path_of(key.str()),
                "unknown field `" + quote_key(key.str()) + '`', advice(key.str()));
    }
  }

  /// Returns whether an unread key seems to be a misspelling of `key`.
  [[nodiscard]] bool misspells(std::string_view key) const {
    return std::ranges::any_of(*table_, [&](const auto& each) {
      const std::string_view name = each.first.str();
      return std::ranges::find(known_, name) == known_.end() && closest(name, {&key, 1}) == key;
    });
  }

 private:
  static std::string_view type_name(toml::node_type type) {
    switch (type) {
      case toml::node_type::table: return "table";
      case toml::node_type::array: return "array";
      case toml::node_type::string: return "string";
      case toml::node_type::integer: return "integer";
      case toml::node_type::floating_point: return "float";
      case toml::node_type::boolean: return "boolean";
      default: return "date or time";
    }
  }

  /// Returns what to write instead of `node` where a string is expected.
  static std::string text_remedy(const toml::node& node) {
    if (node.is_array()) return "write one text in quotes, without brackets";
    if (node.is_table()) return "write a text in quotes instead of a table";
    return node.is_boolean() ? "write a text in quotes" : "put the text in quotes";
  }

  /// An empty `remedy` is that of a string.
  template <class T>
  auto find(std::string_view key, std::string_view wanted, std::string remedy)
      -> decltype(std::declval<const toml::node&>().as<T>()) {
    known_.emplace_back(key);
    const toml::node* node = table_->get(key);
    if (!node) return nullptr;
    log_->origin().note(path_of(key), where(key));
    const auto* value = node->as<T>();
    if (!value) reject_type(key, wanted, remedy.empty() ? text_remedy(*node) : std::move(remedy));
    return value;
  }

  /// Names, paths and addresses end at a NUL for the system's functions: another one would be used
  /// than the one that was checked.
  bool reject_nul(std::string_view key, const toml::value<std::string>& text) const {
    if (!text.get().contains('\0')) return false;
    reject(key, "a NUL character", "remove it");
    return true;
  }

  [[nodiscard]] std::string advice(std::string_view key) const {
    static constexpr std::string_view top_level[] = {"include",  "interpolate", "log",
                                                     "log_file", "log_format",  "access_log"};
    if (!path_.empty() && std::ranges::find(top_level, key) != std::end(top_level)) {
      return "write it above the first table of the file";
    }
    if (const auto places = places_of(key, path_); !places.empty()) {
      return "it belongs to " + places;
    }
    const std::vector<std::string_view> known(known_.begin(), known_.end());
    if (const auto meant = closest(key, known); !meant.empty()) {
      return "did you mean `" + std::string(meant) + "`?";
    }
    std::string list;
    for (const auto& each : known_) list += (list.empty() ? "`" : ", `") + each + '`';
    return "expected one of " + list;
  }

  const toml::table* table_;
  std::string path_;
  problem_log* log_;
  std::vector<std::string> known_;
};

}  // namespace rathole::config
