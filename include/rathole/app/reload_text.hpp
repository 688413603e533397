#pragma once

#include <rathole/app/escape.hpp>
#include <rathole/config/diff.hpp>
#include <rathole/config/types.hpp>

#include <string>
#include <utility>
#include <vector>

namespace rathole::app {

/// Returns one line for each change that is about to be applied. Compat: upstream's words, with the
/// names of the services in addition.
template <class Block>
std::vector<std::string> changes_text(const Block& before, const Block& now, bool is_replaced) {
  std::vector<std::string> lines;
  if (is_replaced) {
    lines.emplace_back("General configuration change detected. Restarting...");
    return lines;
  }
  const config::service_changes changes = config::diff(before.services, now.services);
  const std::pair<const char*, const std::vector<std::string>*> kinds[] = {
      {"deleted", &changes.removed},
      {"added", &changes.added},
      {"made anew", &changes.renewed},
      {"changed", &changes.changed}};
  for (const auto& [what, names] : kinds) {
    for (const std::string& name : *names) {
      lines.push_back("Service change detected. " + escape(name) + ' ' + what);
    }
  }
  Block general = now;
  general.services = before.services;
  if (general != before) lines.emplace_back("General configuration change detected.");
  return lines;
}

}  // namespace rathole::app
