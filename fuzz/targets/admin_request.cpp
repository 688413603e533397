#include "support/check.hpp"
#include "support/fuzz_input.hpp"

#include <rathole/admin/access.hpp>
#include <rathole/admin/message.hpp>
#include <rathole/admin/preconditions.hpp>
#include <rathole/admin/request_body.hpp>
#include <rathole/admin/request_reader.hpp>
#include <rathole/admin/settings_json.hpp>
#include <rathole/admin/target.hpp>
#include <rathole/config/admin.hpp>
#include <rathole/config/toml_service.hpp>
#include <rathole/core/secret.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

using namespace rathole;

namespace {

const std::string token = "a secret that is not in the corpus";

/// What a request says is decided without the token, and never grants anything.
void check_access(const admin::request& asked) {
  config::admin_options options;
  options.bind_addr = "127.0.0.1:9090";
  options.token = secret(std::string(token));
  const admin::access rules(options);
  fuzz::check(!rules.permitted(asked));
  if (!asked.head.has("Host")) fuzz::check(rules.is_addressed(asked) == (asked.minor == 0));
  if (!asked.head.has("Origin")) fuzz::check(rules.is_own_origin(asked));
}

/// A resource that there is not has no entity tag.
void check_conditions(const admin::request& asked) {
  const auto conditions = admin::preconditions::read(asked.head);
  if (!conditions) return;
  fuzz::check(conditions->matches(std::nullopt) == !asked.head.has("If-Match"));
  fuzz::check(conditions->differs(std::nullopt));
  if (!asked.head.has("If-None-Match")) fuzz::check(conditions->differs("\"tag\""));
}

/// Settings that JSON has are the same after they were written as TOML.
void check_body(const admin::request& asked) {
  const auto body = admin::body_of(asked, "application/merge-patch+json");
  if (!body.first) {
    fuzz::check(body.second.status == 400 || body.second.status == 415);
    return;
  }
  std::vector<config::problem> problems;
  const auto settings = admin::to_settings(*body.first, "server.services.web", problems);
  for (const config::problem& each : problems) fuzz::check(!each.what.empty());
  const std::string text = config::service_text(config::side::server, "web", settings);
  const auto again = config::service_settings(text, config::side::server, "web");
  if (!again) return;
  fuzz::check(*again == settings);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::fuzz_input in(data, size);
  const std::size_t piece = 1u + in.byte();
  byte_view rest = in.rest();
  admin::request_reader whole;
  admin::request_reader pieces;
  while (!rest.empty() && whole.refusal() == 0) {
    std::size_t taken = 0;
    while (taken < rest.size() && !whole.done() && whole.refusal() == 0) {
      const std::size_t more = whole.feed(rest.subspan(taken));
      if (more == 0) break;
      taken += more;
    }
    byte_view again = rest.first(taken);
    while (!again.empty() && !pieces.done() && pieces.refusal() == 0) {
      const std::size_t more = pieces.feed(again.first(std::min(piece, again.size())));
      if (more == 0) break;
      again = again.subspan(more);
    }
    fuzz::check(whole.done() == pieces.done());
    if (!whole.done()) break;
    const admin::request asked = whole.take();
    fuzz::check(asked.body == pieces.take().body);
    fuzz::check(asked.body.size() <= admin::request_reader::max_body);
    if (const auto where = admin::parse_target(asked.target)) fuzz::check(!where->path.empty());
    check_access(asked);
    check_conditions(asked);
    check_body(asked);
    rest = rest.subspan(taken);
  }
  if (whole.refusal() != 0) fuzz::check(whole.refusal() >= 400 && whole.refusal() < 600);
  return 0;
}
