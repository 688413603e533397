#pragma once

#include <rathole/config/include.hpp>
#include <rathole/config/limits.hpp>
#include <rathole/config/own_output.hpp>
#include <rathole/core/read_file.hpp>

#include <fnmatch.h>

#include <algorithm>
#include <cstddef>
#include <expected>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::config {

/// The paths on which a configuration depends.
struct configuration_paths {
  /// The files: the one that the user named, then those that it includes, or that have its secrets.
  std::vector<std::string> files = {};
  /// The folders whose entries decide which files are included.
  std::vector<std::string> folders = {};

  /// Compares all members.
  [[nodiscard]] bool operator==(const configuration_paths&) const = default;
};

/// Finds and reads the files that a configuration file includes. A name may be relative to the folder
/// of that file, and its last part may have the wildcards `*`, `?` and `[...]`, as in glob(7): the
/// files are then taken in the order of their names, without those that begin with a dot, and without what is
/// neither a regular file nor a link.
class include_files {
 public:
  /// Contents that replace those of files on the disk, by path; nothing stands for no file.
  using overrides = std::map<std::string, std::optional<std::string>>;

  /// Makes an object for the configuration file at `path`, of which nothing is known yet. An empty path
  /// stands for a configuration that comes from no file.
  explicit include_files(std::string path) : path_(std::move(path)) {}

  /// Reads files with the contents in `contents` instead of those on the disk, whose paths are as
  /// `path_of` returns them. A path that matches a pattern is included although there is no such file.
  void replace(overrides contents) { overrides_ = std::move(contents); }

  /// Returns the path of `name`, which may be relative to the folder of the configuration file.
  [[nodiscard]] std::string path_of(const std::string& name) const {
    return (std::filesystem::path(path_).parent_path() / name).lexically_normal().string();
  }

  /// Records that the configuration depends on the file at `path`, which it does not include.
  void depends_on(std::string path) { others_.insert(std::move(path)); }

  /// Forgets which files the configuration depends on, before the configuration is read again.
  void restart() {
    patterns_.clear();
    read_.clear();
    others_.clear();
    size_ = 0;
  }

  /// Reads the files that `pattern` names; see `include_reader`. The total size is limited to
  /// `limits::file_size`, and their number to `limits::included_files`.
  std::expected<included_files, include_problem> read(const std::string& pattern) {
    patterns_.push_back(pattern);
    auto found = find(pattern);
    if (!found) return std::unexpected(std::move(found.error()));
    included_files out{.skipped = std::move(found->skipped)};
    for (const std::string& path : found->paths) {
      if (read_.contains(path) || is_main(path)) continue;
      if (read_.size() == limits::included_files) {
        return std::unexpected(include_problem{
            "more than " + std::to_string(limits::included_files) + " files are included",
            "put several services into one file"});
      }
      auto text = content_of(path);
      // It may have been removed since the folder was read.
      if (!text && is_pattern(pattern) && is_gone(path)) continue;
      if (!text) {
        // What a pattern has found is no text of the configuration, which may be a secret.
        const std::string file = is_pattern(pattern) ? path : "the file";
        return std::unexpected(
            include_problem{"cannot read " + file + ": " + text.error(), "correct or remove it"});
      }
      size_ += text->size();
      if (size_ > limits::file_size) {
        return std::unexpected(include_problem{
            "the included files have more than " + std::to_string(limits::file_size >> 20) + " MiB",
            "include fewer files"});
      }
      read_.insert(path);
      out.files.push_back({path, std::move(*text)});
    }
    return out;
  }

  /// Returns whether a file at `path`, which need not exist, is or would be a part of the configuration.
  [[nodiscard]] bool would_read(const std::string& path) const {
    const std::filesystem::path file = std::filesystem::path(path).lexically_normal();
    const std::string folder = folder_of(file);
    return is_main(file.string()) || std::ranges::any_of(patterns_, [&](const std::string& each) {
             const std::filesystem::path whole = path_of(each);
             std::error_code ignored;
             return matches(whole.filename().string(), file) &&
                    (folder == folder_of(whole) ||
                     std::filesystem::equivalent(folder, folder_of(whole), ignored));
           });
  }

  /// Returns on which paths the configuration depends now: patterns that were read are searched
  /// again, so files that have appeared since are among them.
  [[nodiscard]] configuration_paths paths() const {
    configuration_paths out;
    if (!path_.empty()) out.files.push_back(path_);
    std::set<std::string> files = others_;
    std::set<std::string> folders;
    for (const std::string& pattern : patterns_) {
      const std::filesystem::path whole = path_of(pattern);
      if (has_wildcard(whole.filename().string())) folders.insert(folder_of(whole));
      for (std::string& each : find(pattern).value_or(matching()).paths) {
        if (!is_main(each)) files.insert(std::move(each));
      }
    }
    out.files.insert(out.files.end(), files.begin(), files.end());
    out.folders.assign(folders.begin(), folders.end());
    return out;
  }

 private:
  /// What a pattern stands for.
  struct matching {
    /// The paths of files, in their order.
    std::vector<std::string> paths = {};
    /// The paths of what is no file, in their order.
    std::vector<std::string> skipped = {};
  };
  using matching_or_problem = std::expected<matching, include_problem>;

  static bool has_wildcard(const std::string& text) {
    return text.find_first_of("*?[") != std::string::npos;
  }

  static bool is_pattern(const std::string& pattern) {
    return has_wildcard(std::filesystem::path(pattern).filename().string());
  }

  /// Returns whether the name of `file` is one that `name`, the last part of a pattern, stands for.
  static bool matches(const std::string& name, const std::filesystem::path& file) {
    return has_wildcard(name) ? ::fnmatch(name.c_str(), file.filename().c_str(), FNM_PERIOD) == 0
                              : file.filename() == name;
  }

  /// Returns whether nothing can be included from what `status` is of, so that a pattern does not stand for it.
  /// A link that leads nowhere is a file that is missing.
  static bool is_no_file(const std::filesystem::file_status& status) {
    using enum std::filesystem::file_type;
    const auto type = status.type();
    return type != regular && type != not_found && type != none && type != unknown;
  }

  static bool is_gone(const std::string& path) {
    std::error_code ignored;
    return std::filesystem::symlink_status(path, ignored).type() ==
           std::filesystem::file_type::not_found;
  }

  static std::string folder_of(const std::filesystem::path& file) {
    return file.has_parent_path() ? file.parent_path().string() : ".";
  }

  [[nodiscard]] bool is_main(const std::string& path) const {
    std::error_code ignored;
    return path == path_ || std::filesystem::equivalent(path, path_, ignored);
  }

  /// Returns what `pattern` stands for.
  [[nodiscard]] matching_or_problem find(const std::string& pattern) const {
    const std::filesystem::path whole = path_of(pattern);
    const std::string name = whole.filename().string();
    if (name.empty()) {
      return std::unexpected(
          include_problem{"it names no file", "name a file, or files as in `services.d/*.toml`"});
    }
    if (has_wildcard(whole.parent_path().string())) {
      return std::unexpected(include_problem{"it has a wildcard in a folder",
                                             "use wildcards in the name of the file only"});
    }
    if (!has_wildcard(name)) return matching{.paths = {whole.string()}};
    return search(folder_of(whole), name);
  }

  [[nodiscard]] matching_or_problem search(const std::string& folder,
                                           const std::string& name) const {
    matching out;
    std::error_code ec;
    std::size_t count = 0;
    std::filesystem::directory_iterator entries(folder, ec);
    for (const std::filesystem::directory_iterator end; !ec && entries != end;
         entries.increment(ec)) {
      if (++count > limits::folder_entries) {
        return std::unexpected(
            include_problem{"the folder has too many entries", "include another folder"});
      }
      if (!matches(name, entries->path())) continue;
      std::string path = entries->path().lexically_normal().string();
      if (overrides_.contains(path)) continue;
      std::error_code ignored;
      auto& list = is_no_file(entries->status(ignored)) ? out.skipped : out.paths;
      list.push_back(std::move(path));
    }
    if (ec) {
      return std::unexpected(include_problem{"cannot read the folder: " + ec.message(),
                                             "create it, or correct the path"});
    }
    for (const auto& [path, content] : overrides_) {
      if (content && folder_of(path) == folder && matches(name, path)) out.paths.push_back(path);
    }
    std::ranges::sort(out.paths);
    std::ranges::sort(out.skipped);
    return out;
  }

  [[nodiscard]] std::expected<std::string, std::string> content_of(const std::string& path) const {
    if (const auto held = overrides_.find(path); held != overrides_.end() && held->second) {
      return *held->second;
    }
    if (is_own_output(path)) return std::unexpected(own_output_problem);
    // A pipe would make a program that runs wait for its writer.
    return read_file(path, {.size = limits::file_size});
  }

  const std::string path_;
  overrides overrides_;
  /// The values of `include` since `restart`.
  std::vector<std::string> patterns_;
  /// The paths that have been read since `restart`.
  std::set<std::string> read_;
  /// The paths of `depends_on` since `restart`.
  std::set<std::string> others_;
  /// The size of what has been read, in bytes.
  std::size_t size_ = 0;
};

}  // namespace rathole::config
