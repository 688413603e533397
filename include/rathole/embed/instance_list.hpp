#pragma once

#include <rathole/embed/instance.hpp>
#include <rathole/embed/instance_lifecycle.hpp>
#include <rathole/version.hpp>

#include <list>
#include <memory>
#include <utility>

namespace rathole::embed::inline RATHOLE_ABI {

/// The instances of one end of a tunnel, each in its role: at most one is running and one its
/// replacement, and those that were replaced drain. `Block` is `config::client` or `config::server`.
template <class Block>
class instance_list {
 public:
  /// The type of the instances.
  using instance_type = instance<Block>;
  /// An instance in its role. It stays where it is until it is destroyed.
  struct member {
    /// The instance.
    std::unique_ptr<instance_type> what;
    /// What it does.
    instance_role role;
  };

  /// Adds an instance that has not started.
  member& add(std::unique_ptr<instance_type> what, instance_role role) {
    return members_.emplace_back(std::move(what), role);
  }

  /// Returns the instance in the role `wanted`, which only one has; null if there is none.
  [[nodiscard]] instance_type* find(instance_role wanted) {
    for (member& each : members_) {
      if (each.role == wanted) return each.what.get();
    }
    return nullptr;
  }

  /// Makes the replacement the running instance, and drains the one that ran, if it still exists.
  void promote_replacement() {
    for (member& each : members_) {
      if (each.role == instance_role::running) {
        each.what->drain();
        each.role = instance_role::draining;
      } else if (each.role == instance_role::replacement) {
        each.role = instance_role::running;
      }
    }
  }

  /// Records that nothing is left of the instances in the role `which`.
  void end(instance_role which) {
    for (member& each : members_) {
      if (each.role == which) each.role = instance_role::ended;
    }
  }

  /// Calls `stop` with each instance; the replacement is stopped at once, because it does not serve.
  void stop_each(void (instance_type::*stop)()) {
    for (member& each : members_) {
      if (each.role == instance_role::ended) continue;
      each.role == instance_role::replacement ? each.what->stop_now() : (*each.what.*stop)();
    }
  }

  /// Aborts the connections of the instances that were replaced.
  void abort_replaced() {
    for (member& each : members_) {
      if (each.role == instance_role::draining) each.what->stop_now();
    }
  }

  /// Destroys the instances that have ended.
  void destroy_ended() {
    std::erase_if(members_, [](const member& each) { return each.role == instance_role::ended; });
  }

 private:
  std::list<member> members_;
};

}  // namespace rathole::embed::inline RATHOLE_ABI
