#pragma once

#include <rathole/version.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace rathole::embed::inline RATHOLE_ABI {

/// The owner of services that are known by their names alone.
inline constexpr std::uint64_t no_owner = 0;

/// What one end of a tunnel runs: its settings, `Block`, and the services that were added at run
/// time, each with a number that identifies its owner, or `no_owner`.
template <class Block>
struct end_state {
  /// The type of the settings of a service.
  using service_type = typename decltype(Block::services)::value_type;

  /// A service that was added.
  struct added_service {
    /// Its settings.
    service_type settings;
    /// Its owner.
    std::uint64_t owner;
  };

  /// The settings.
  Block settings;
  /// The services that were added, by name.
  std::map<std::string, added_service> added = {};

  /// Returns whether a service has the name `name`.
  [[nodiscard]] bool names(const std::string& name) const {
    return added.contains(name) ||
           std::ranges::find(settings.services, name, &service_type::name) !=
               settings.services.end();
  }

  /// Adds a service; none may have its name.
  void add(service_type service, std::uint64_t owner) {
    std::string name = service.name;
    added.emplace(std::move(name), added_service{std::move(service), owner});
  }

  /// Returns the service `name` that `owner` added, or the end of `added`.
  [[nodiscard]] auto find(const std::string& name, std::uint64_t owner) {
    const auto at = added.find(name);
    return at != added.end() && at->second.owner == owner ? at : added.end();
  }

  /// Returns the settings with the services that were added.
  [[nodiscard]] Block effective() const {
    Block out = settings;
    for (const auto& [name, each] : added) out.services.push_back(each.settings);
    return out;
  }
};

}  // namespace rathole::embed::inline RATHOLE_ABI
