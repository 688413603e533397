#include <rathole/embed/instance_lifecycle.hpp>

#include <doctest/doctest.h>

#include <system_error>
#include <vector>

namespace rathole::test {
namespace {

using embed::instance_action;
using embed::instance_lifecycle;
using embed::instance_role;
using kind = embed::instance_action::kind;
using actions = std::vector<instance_action>;

const std::error_code in_use = std::make_error_code(std::errc::address_in_use);
const std::error_code stopped = make_error_code(errc::stopped);

actions drain(instance_lifecycle& of) {
  actions out;
  while (const auto action = of.poll()) out.push_back(*action);
  return out;
}

/// An end whose first instance serves.
instance_lifecycle started() {
  instance_lifecycle out;
  CHECK(drain(out).empty());
  out.instance_started(instance_role::running);
  CHECK(drain(out) == actions{{kind::report_start}});
  return out;
}

/// An end that starts a replacement.
instance_lifecycle replacing() {
  instance_lifecycle out = started();
  out.update_requested();
  CHECK(drain(out) == actions{{kind::examine_update}});
  out.replacement_needed();
  CHECK(drain(out) == actions{{kind::start_replacement}});
  return out;
}

TEST_CASE("instance_lifecycle: an end that cannot start ends with the error") {
  instance_lifecycle end;
  end.update_requested();
  CHECK(drain(end).empty());
  end.instance_ended(instance_role::running, in_use);
  CHECK(drain(end) == actions{{kind::finish_update, stopped}, {kind::report_end, in_use}});
  end.update_requested();
  CHECK(drain(end) == actions{{kind::finish_update, stopped}});
}

TEST_CASE("instance_lifecycle: an end that is stopped before it has started has no error") {
  instance_lifecycle end;
  end.stop_requested();
  end.instance_ended(instance_role::running, in_use);
  CHECK(drain(end) == actions{{kind::report_end}});
}

TEST_CASE("instance_lifecycle: updates during the start follow it, one after the other") {
  instance_lifecycle end;
  end.update_requested();
  end.update_requested();
  end.instance_started(instance_role::running);
  CHECK(drain(end) == actions{{kind::report_start}, {kind::examine_update}});
  end.update_found();
  CHECK(drain(end) == actions{{kind::update_instance}});
  end.update_done(in_use);
  CHECK(drain(end) == actions{{kind::finish_update, in_use}, {kind::examine_update}});
  end.update_refused(errc::invalid_settings);
  const std::error_code invalid = make_error_code(errc::invalid_settings);
  CHECK(drain(end) == actions{{kind::finish_update, invalid}});
}

TEST_CASE("instance_lifecycle: a replacement that starts becomes the running instance") {
  instance_lifecycle end = replacing();
  end.instance_started(instance_role::replacement);
  CHECK(drain(end) == actions{{kind::promote_replacement}, {kind::finish_update}});
  end.instance_ended(instance_role::draining, {});
  CHECK(drain(end).empty());
}

TEST_CASE("instance_lifecycle: a replacement that cannot start is dropped") {
  instance_lifecycle end = replacing();
  end.instance_ended(instance_role::replacement, in_use);
  CHECK(drain(end) == actions{{kind::finish_update, in_use}});
  end.update_requested();
  CHECK(drain(end) == actions{{kind::examine_update}});
}

TEST_CASE("instance_lifecycle: a replacement that ends as soon as it serves is not promoted") {
  instance_lifecycle end = replacing();
  end.instance_started(instance_role::replacement);
  end.instance_ended(instance_role::replacement, in_use);
  CHECK(drain(end) == actions{{kind::finish_update, in_use}});
}

TEST_CASE("instance_lifecycle: the end comes when no instance is left, whichever ends last") {
  for (const bool draining_first : {true, false}) {
    instance_lifecycle end = replacing();
    end.instance_started(instance_role::replacement);
    drain(end);
    end.stop_requested();
    end.instance_ended(draining_first ? instance_role::draining : instance_role::running, {});
    CHECK(drain(end).empty());
    end.instance_ended(draining_first ? instance_role::running : instance_role::draining, {});
    CHECK(drain(end) == actions{{kind::report_end}});
    CHECK(drain(end).empty());
  }
}

TEST_CASE("instance_lifecycle: a stop during a replacement completes the update, then the end") {
  for (const bool replacement_first : {true, false}) {
    instance_lifecycle end = replacing();
    end.update_requested();
    end.stop_requested();
    // It may begin to serve although it is being stopped.
    end.instance_started(instance_role::replacement);
    CHECK(drain(end).empty());
    const actions updates{{kind::finish_update, stopped}, {kind::finish_update, stopped}};
    if (replacement_first) {
      end.instance_ended(instance_role::replacement, {});
      CHECK(drain(end) == updates);
      end.instance_ended(instance_role::running, {});
      CHECK(drain(end) == actions{{kind::report_end}});
    } else {
      end.instance_ended(instance_role::running, {});
      CHECK(drain(end).empty());
      end.instance_ended(instance_role::replacement, {});
      CHECK(drain(end) == actions{updates[0], updates[1], {kind::report_end}});
    }
  }
}

TEST_CASE("instance_lifecycle: an instance that ends during its update completes that") {
  instance_lifecycle end = started();
  end.update_requested();
  drain(end);
  end.update_found();
  drain(end);
  end.stop_requested();
  end.instance_ended(instance_role::running, {});
  CHECK(drain(end) == actions{{kind::finish_update, stopped}, {kind::report_end}});
  end.update_done({});
  CHECK(drain(end).empty());
}

TEST_CASE("instance_lifecycle: a replacement outlives a running instance that fails") {
  instance_lifecycle end = replacing();
  end.instance_ended(instance_role::running, in_use);
  CHECK(drain(end).empty());
  end.instance_started(instance_role::replacement);
  CHECK(drain(end) == actions{{kind::promote_replacement}, {kind::finish_update}});
  end.instance_ended(instance_role::running, {});
  CHECK(drain(end) == actions{{kind::report_end, in_use}});
}

TEST_CASE("instance_lifecycle: no update begins once the end was stopped") {
  for (const bool replaces : {true, false}) {
    instance_lifecycle end = started();
    end.update_requested();
    CHECK(end.poll() == instance_action{kind::examine_update});
    replaces ? end.replacement_needed() : end.update_found();
    end.stop_requested();
    end.update_requested();
    CHECK(drain(end) == actions{{kind::finish_update, stopped}, {kind::finish_update, stopped}});
    end.instance_ended(instance_role::running, {});
    CHECK(drain(end) == actions{{kind::report_end}});
  }
}

}  // namespace
}  // namespace rathole::test
