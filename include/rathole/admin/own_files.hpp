#pragma once

#include <rathole/config/limits.hpp>
#include <rathole/config/toml_service.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/core/read_file.hpp>

#include <sys/stat.h>

#include <map>
#include <string>
#include <string_view>
#include <tuple>

namespace rathole::admin {

/// Knows which files of services are the API's own: those whose text is the one that it writes, without
/// comments or other services that it would lose, and no link. What it has read of a file is kept until the file
/// changes.
class own_files {
 public:
  /// Makes an object for services of the side `of`.
  explicit own_files(config::side of) : side_(of) {}

  /// Returns whether the file at `path` has the service `name` and nothing that the API does not write.
  bool contain(const std::string& path, std::string_view name) {
    struct stat found{};
    if (::lstat(path.c_str(), &found) != 0 || !S_ISREG(found.st_mode)) return false;
    const version now{found.st_dev,          found.st_ino,  found.st_mtim.tv_sec,
                      found.st_mtim.tv_nsec, found.st_size, std::string(name)};
    const auto at = known_.find(path);
    if (at != known_.end() && at->second.first == now) return at->second.second;
    if (known_.size() >= config::limits::included_files) known_.clear();
    const bool is_own = read(path, name);
    known_.insert_or_assign(path, std::pair(now, is_own));
    return is_own;
  }

 private:
  using version = std::tuple<dev_t, ino_t, time_t, long, off_t, std::string>;

  [[nodiscard]] bool read(const std::string& path, std::string_view name) const {
    const auto text = read_file(path, {.size = config::limits::file_size});
    if (!text) return false;
    const auto settings = config::service_settings(*text, side_, name);
    return settings && config::service_text(side_, name, *settings) == *text;
  }

  const config::side side_;
  std::map<std::string, std::pair<version, bool>> known_;
};

}  // namespace rathole::admin
