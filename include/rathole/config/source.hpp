#pragma once

#include <rathole/config/problem.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::config {

/// A position in a file of a configuration.
struct position {
  /// The number of the file; see `source::files`.
  std::uint32_t file = 0;
  /// The line, counted from 1.
  std::uint32_t line = 1;
  /// The column in characters, counted from 1.
  std::uint32_t column = 1;

  /// Orders by the members in the order of their declaration.
  [[nodiscard]] auto operator<=>(const position&) const = default;
};

/// The names of the files of a configuration and the positions of the values of their keys.
class source {
 public:
  /// Makes a source for a file, as the user named it, without positions.
  source(std::string file) : files_{std::move(file)} {}
  /// Makes a source for a file, as the user named it, without positions.
  source(const char* file) : files_{file} {}

  /// Returns the name of the file that the user named.
  [[nodiscard]] const std::string& file() const { return files_.front(); }
  /// Returns the names of all files: the one that the user named, then those that it includes.
  [[nodiscard]] const std::vector<std::string>& files() const { return files_; }

  /// Adds a file that is included, whose name differs from those of the others.
  void add_file(std::string name) {
    numbers_.emplace(name, static_cast<std::uint32_t>(files_.size()));
    files_.push_back(std::move(name));
  }
  /// Returns the number of the file `name`; 0 if there is none of that name.
  [[nodiscard]] std::uint32_t number_of(std::string_view name) const {
    const auto found = numbers_.find(name);
    return found == numbers_.end() ? 0 : found->second;
  }

  /// Gives keys other names in problems, by their paths: those of the flags of a command line, for example.
  /// What is below such a key has its name too, and the texts of problems mention it by that name. The problems then
  /// have no positions.
  void name_keys(std::map<std::string, std::string, std::less<>> names) {
    names_ = std::move(names);
  }

  /// Returns `value` with the name of its key, if it has another one.
  [[nodiscard]] problem named(problem value) const {
    if (names_.empty()) return value;
    value.line = 0;
    value.column = 0;
    value.what = renamed(value.what, value.key);
    value.remedy = renamed(value.remedy, value.key);
    for (std::string_view key = value.key; !key.empty(); key = outer(key)) {
      const auto found = names_.find(key_in_file(key));
      if (found == names_.end()) continue;
      value.key = found->second;
      break;
    }
    return value;
  }

  /// Returns `key`, whose value is at `at`, as the problem of another key refers to it: with its place in a file, or
  /// by its other name.
  [[nodiscard]] std::string reference(const std::string& key, position at) const {
    if (!names_.empty()) return named({.key = key}).key;
    const std::string& file = files_[at.file];
    if (file.empty()) return key;
    return key + " in " + file + ':' + std::to_string(at.line) + ':' + std::to_string(at.column);
  }

  /// Records the position of the value of the key at the path `key`.
  void note(std::string key, position at) { places_.insert_or_assign(std::move(key), at); }

  /// Records that no file has the key at the path `key`, because it was derived from the one at `from`,
  /// whose position and name it has: that of a service of a range of ports, for example.
  void note_derived(std::string key, std::string from) {
    derived_.insert_or_assign(std::move(key), std::move(from));
  }

  /// Returns the path of the key in the file that `key` was derived from; `key` itself if it was not.
  [[nodiscard]] std::string_view key_in_file(std::string_view key) const {
    const auto found = derived_.find(key);
    return found == derived_.end() ? key : std::string_view(found->second);
  }

  /// Returns the position of the value of `key`, or null if the file does not have it.
  [[nodiscard]] const position* find(std::string_view key) const {
    const auto found = places_.find(key_in_file(key));
    return found == places_.end() ? nullptr : &found->second;
  }

  /// Returns `value` with the file and the position of its key, or of the innermost table around the
  /// key that the configuration has.
  [[nodiscard]] problem locate(problem value) const {
    value.file = file();
    if (!names_.empty()) return named(std::move(value));
    for (std::string_view key = value.key; !key.empty(); key = outer(key)) {
      if (const position* at = find(key)) {
        value.file = files_[at->file];
        value.line = at->line;
        value.column = at->column;
        break;
      }
    }
    return value;
  }

 private:
  /// Returns the path of the table of `key`.
  static std::string_view outer(std::string_view key) {
    const auto dot = key.rfind('.');
    return key.substr(0, dot == key.npos ? 0 : dot);
  }

  /// Returns the other name of the key that `word`, in the text of a problem of `key`, mentions: one beside it or in
  /// a table around it, or the file of one. Returns null if there is none, or if it is a table.
  [[nodiscard]] const std::string* mentioned(std::string_view word, std::string_view key) const {
    for (std::string_view table = key; !table.empty(); table = outer(table)) {
      for (const char* const ending : {"", "_file"}) {
        const std::string path = std::string(table) + '.' + std::string(word) + ending;
        const auto found = names_.find(path);
        const auto below = names_.lower_bound(path + '.');
        const bool is_table = below != names_.end() && below->first.starts_with(path + '.');
        if (found != names_.end() && !is_table) return &found->second;
      }
    }
    return nullptr;
  }

  /// Returns `text`, of a problem of `key`, with the other names of the keys that it mentions in backquotes.
  [[nodiscard]] std::string renamed(std::string_view text, std::string_view key) const {
    std::string out;
    while (true) {
      const auto open = text.find('`');
      const auto close = open == text.npos ? open : text.find('`', open + 1);
      if (close == text.npos) return out += text;
      const std::string_view word = text.substr(open + 1, close - open - 1);
      const std::string* const name = mentioned(word, key);
      out += text.substr(0, open + 1);
      out += name ? std::string_view(*name) : word;
      out += '`';
      text.remove_prefix(close + 1);
    }
  }

  std::vector<std::string> files_;
  /// The numbers of the files that are included.
  std::map<std::string, std::uint32_t, std::less<>> numbers_;
  std::map<std::string, position, std::less<>> places_;
  std::map<std::string, std::string, std::less<>> names_;
  /// The paths of derived keys, and of those in the file.
  std::map<std::string, std::string, std::less<>> derived_;
};

}  // namespace rathole::config
