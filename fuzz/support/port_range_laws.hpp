#pragma once

#include "check.hpp"

#include <rathole/config/limits.hpp>
#include <rathole/config/port_range.hpp>
#include <rathole/core/address.hpp>

#include <set>
#include <string>
#include <string_view>

namespace rathole::fuzz {

/// Checks that a range that is wrong has a description of one line.
inline void check_range_problem(const config::port_range_problem& wrong) {
  check(!wrong.what.empty() && !wrong.what.contains('\n') && !wrong.remedy.contains('\n'));
}

/// Checks that a range that parses has its ends in order, a bounded length and no port 0, and prints as text
/// that parses to the same.
inline void check_port_range(std::string_view text) {
  const auto found = config::parse_port_range(text);
  if (!found) return check_range_problem(found.error());
  check(found->first >= 1 && found->first <= found->last);
  check(found->size() >= 1 && found->size() <= config::limits::port_range);
  check((*found)[0] == found->first && (*found)[found->size() - 1] == found->last);
  check(config::parse_port_range(to_string(*found)) == found);
}

/// Checks that text is never both an address and one with a range; that an address with a range prints as text
/// that parses to the same; and that each of its ports is an address of the same host.
inline void check_ranged_address(std::string_view text) {
  const auto found = config::parse_ranged_address(text);
  if (config::has_port_range(text)) check(!parse_address(text));
  if (!found) return check_range_problem(found.error());
  check(config::has_port_range(text));
  check(config::parse_ranged_address(to_string(*found)) == found);
  check_port_range(to_string(found->ports));
  for (const std::uint16_t port : {found->ports.first, found->ports.last}) {
    const address one{found->host, port};
    check(parse_address(to_string(one)) == one);
  }
}

/// Checks that the names of services of a range are different, and lead back to its name.
inline void check_ranged_names(std::string_view name, const config::port_range& ports) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const std::string one = config::ranged_name(name, ports[i]);
    check(config::range_of(one) == name && names.insert(one).second);
  }
}

}  // namespace rathole::fuzz
