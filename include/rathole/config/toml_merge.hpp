#pragma once

#include <rathole/config/key.hpp>
#include <rathole/config/toml.hpp>
#include <rathole/config/toml_reader.hpp>

#include <string>
#include <utility>

namespace rathole::config {

/// Merges the tables of included files into that of the file that includes them. Tables are merged
/// key by key. A key that both have is a problem which names both places, and so is a service, whose
/// table must be in one file.
class toml_merge {
 public:
  /// Makes a merge that reports problems to `log`, which must outlive it.
  explicit toml_merge(problem_log& log) : log_(log) {}

  /// Moves the content of `from` into `to`. Both are tables of whole files.
  void add(toml::table& to, toml::table&& from) { add(to, std::move(from), "", 0); }

 private:
  /// The depth of the table `server.services` or `client.services`, whose entries are services.
  static constexpr int services_depth = 2;

  void add(toml::table& to, toml::table&& from, const std::string& path, int depth) {
    const bool has_services =
        depth == services_depth && (path == "server.services" || path == "client.services");
    for (auto&& [key, node] : from) {
      toml::node* const present = to.get(key.str());
      if (!present) {
        std::move(node).visit([&](auto&& value) { to.insert(key, std::move(value)); });
      } else if (present->is_table() && node.is_table() && !has_services) {
        add(*present->as_table(), std::move(*node.as_table()), key_path(path, key.str()),
            depth + 1);
      } else {
        reject(*present, node, key_path(path, key.str()));
      }
    }
  }

  void reject(const toml::node& present, const toml::node& again, std::string key) {
    const position first = log_.place(present.source());
    log_.add(log_.place(again.source()), std::move(key),
             "this is also in " + log_.origin().files()[first.file] + ':' +
                 std::to_string(first.line) + ':' + std::to_string(first.column),
             "keep one of them");
  }

  problem_log& log_;
};

}  // namespace rathole::config
