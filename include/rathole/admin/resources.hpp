#pragma once

#include <rathole/admin/backend.hpp>
#include <rathole/admin/control_plane.hpp>
#include <rathole/admin/event_log.hpp>
#include <rathole/admin/json.hpp>
#include <rathole/admin/message.hpp>
#include <rathole/admin/openapi.hpp>
#include <rathole/admin/preconditions.hpp>
#include <rathole/admin/request_body.hpp>
#include <rathole/admin/service_editor.hpp>
#include <rathole/admin/target.hpp>
#include <rathole/config/problem.hpp>
#include <rathole/io/task.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::admin {

/// The resources of the admin API below /api/v1, which `openapi_text` describes. Whether a request may be
/// answered is decided before.
class resources {
 public:
  /// The most connections that one answer lists.
  static constexpr std::size_t max_listed = 10'000;
  /// How many connections an answer lists if the request does not say.
  static constexpr std::size_t default_listed = 1'000;

  /// Makes the resources of the program behind `program`. `editor` changes the files of services. All of
  /// them, and `events`, must outlive the object.
  resources(control_plane& program, service_editor& editor, event_log& events)
      : program_(program), editor_(editor), events_(events) {}

  /// Answers a request for `where`, whose path begins with `api` and `v1`. One that changes something is
  /// refused unless `is_intended`. `asked` and `where` must outlive the call.
  io::awaitable<response> answer(const request& asked, const target& where, bool is_intended) {
    const auto path = std::span<const std::string>(where.path).subspan(2);
    const std::string_view method = asked.method == "HEAD" ? "GET" : std::string_view(asked.method);
    std::string allowed;
    for (const route& each : routes()) {
      if (!matches(each.path, path)) continue;
      if (each.method == method) {
        if (method != "GET" && !is_intended) {
          co_return problem_response(
              403,
              "Without a token, a request that changes something needs the field "
              "`X-Rathole-Request: 1`.");
        }
        co_return co_await (this->*each.answer)(asked, where);
      }
      allowed += (allowed.empty() ? "" : ", ") + std::string(each.method);
      if (each.method == "GET") allowed += ", HEAD";
    }
    if (allowed.empty()) co_return problem_response(404, "There is no such resource.");
    co_return method_not_allowed(std::move(allowed));
  }

 private:
  using handler = io::awaitable<response> (resources::*)(const request&, const target&);

  struct route {
    std::string_view method;
    /// The path below /api/v1; `*` stands for any part.
    std::string_view path;
    handler answer;
  };

  static std::span<const route> routes() {
    static constexpr std::array all{
        route{"GET", "status", &resources::get_status},
        route{"GET", "services", &resources::get_services},
        route{"GET", "services/*", &resources::get_service},
        route{"PUT", "services/*", &resources::put_service},
        route{"PATCH", "services/*", &resources::patch_service},
        route{"DELETE", "services/*", &resources::delete_service},
        route{"GET", "connections", &resources::get_connections},
        route{"DELETE", "connections/*", &resources::delete_connection},
        route{"GET", "traffic", &resources::get_traffic},
        route{"POST", "reload", &resources::post_reload},
        route{"POST", "drain", &resources::post_drain},
        route{"POST", "undrain", &resources::post_undrain},
        route{"GET", "config", &resources::get_config},
        route{"GET", "events", &resources::get_events},
        route{"GET", "log/level", &resources::get_log_level},
        route{"PUT", "log/level", &resources::put_log_level},
        route{"GET", "openapi.json", &resources::get_openapi},
    };
    return all;
  }

  /// Returns whether `path`, below /api/v1, is that of a route.
  static bool matches(std::string_view pattern, std::span<const std::string> path) {
    for (const std::string& part : path) {
      const auto end = std::min(pattern.find('/'), pattern.size());
      const std::string_view wanted = pattern.substr(0, end);
      if (pattern.empty() || (wanted != "*" && wanted != part) || part.empty()) return false;
      pattern.remove_prefix(std::min(end + 1, pattern.size()));
    }
    return pattern.empty();
  }

  io::awaitable<response> get_status(const request&, const target&) {
    const snapshot now = co_await read();
    co_return json_response(status_json(now, editor_.is_enabled(), clock_now()));
  }

  io::awaitable<response> get_services(const request&, const target&) {
    const snapshot now = co_await read();
    json list = json::array();
    for (const service_statistics& each : now.services) {
      list.push_back(service_json(each, now.is_server, editor_.may_edit(each.name, each.file)));
    }
    co_return json_response({{"services", std::move(list)}});
  }

  io::awaitable<response> get_service(const request& asked, const target& where) {
    const auto conditions = preconditions::read(asked.head);
    if (!conditions) co_return malformed_conditions();
    co_return co_await service_response(where.path[3], 200, *conditions);
  }

  static response malformed_conditions() {
    return problem_response(400,
                            "`If-Match` or `If-None-Match` is no list of entity tags, nor `*`.");
  }

  /// Returns a service, or a range of ports, with its settings, and with the `warnings` of them, if there are
  /// any; unless `conditions` do not hold.
  io::awaitable<response> service_response(const std::string& name, int status,
                                           const preconditions& conditions,
                                           const std::vector<config::problem>& warnings = {}) {
    const snapshot now = co_await read();
    const auto found = std::ranges::find(now.services, name, &service_statistics::name);
    const bool is_service = found != now.services.end();
    json body = is_service
                    ? service_json(*found, now.is_server, editor_.may_edit(name, found->file))
                    : range_json(now.services, name);
    if (body.is_null()) co_return problem_response(404, "There is no service of this name.");
    const auto file = body["file"].get<std::string>();
    if (!is_service) body["editable"] = editor_.may_edit(name, file);
    const std::string table = is_service && !found->range.empty() ? found->range : name;
    auto shown = editor_.settings_of(table, file);
    if (!conditions.matches(shown.tag)) {
      co_return problem_response(412, "The service is not as `If-Match` says.");
    }
    http::field tag{"ETag", shown.tag};
    response out{.status = 304};
    if (conditions.differs(shown.tag)) {
      body["settings"] = std::move(shown.settings);
      if (!warnings.empty()) body["warnings"] = problems_json(warnings);
      out = json_response(body, status);
    }
    out.fields.push_back(std::move(tag));
    co_return out;
  }

  io::awaitable<response> put_service(const request& asked, const target& where) {
    auto body = body_of(asked, json_type);
    if (!body.first) co_return std::move(body.second);
    co_return co_await edit(asked, where, edit_kind::replace, std::move(*body.first));
  }

  io::awaitable<response> patch_service(const request& asked, const target& where) {
    auto body = body_of(asked, "application/merge-patch+json");
    if (!body.first) co_return std::move(body.second);
    co_return co_await edit(asked, where, edit_kind::merge, std::move(*body.first));
  }

  io::awaitable<response> delete_service(const request& asked, const target& where) {
    co_return co_await edit(asked, where, edit_kind::remove, json());
  }

  io::awaitable<response> edit(const request& asked, const target& where, edit_kind kind,
                               json settings) {
    const std::string& name = where.path[3];
    auto conditions = preconditions::read(asked.head);
    if (!conditions) co_return malformed_conditions();
    auto change = editor_.edit(name, kind, std::move(settings), std::move(*conditions));
    edit_outcome done = co_await std::move(change);
    if (done.status >= 400) {
      response out = problem_response(done.status, std::move(done.detail), done.problems);
      if (done.status == 503) out.fields.push_back({"Retry-After", "1"});
      co_return out;
    }
    if (done.status == 204) co_return response{.status = 204};
    const preconditions none;
    co_return co_await service_response(name, done.status, none, done.problems);
  }

  io::awaitable<response> get_connections(const request&, const target& where) {
    std::size_t limit = default_listed;
    std::optional<std::string> service;
    for (const auto& [name, value] : where.query) {
      if (name == "service") {
        service = value;
        continue;
      }
      if (name != "limit") continue;
      const auto number = parse_number(value);
      if (!number || *number == 0 || *number > max_listed) {
        co_return problem_response(
            400, "`limit` is a number from 1 to " + std::to_string(max_listed) + '.');
      }
      limit = static_cast<std::size_t>(*number);
    }
    auto list =
        program_.call([service, limit](backend& of) { return of.connections(service, limit); });
    const connection_list found = co_await std::move(list);
    co_return json_response(connections_json(found, clock_now()));
  }

  io::awaitable<response> delete_connection(const request&, const target& where) {
    const auto id = parse_number(where.path[3]);
    auto cut = program_.call([id](backend& of) { return id && of.cut(*id); });
    const bool was_there = co_await std::move(cut);
    if (was_there) co_return response{.status = 204};
    co_return problem_response(404, "There is no such connection; it may have ended.");
  }

  io::awaitable<response> get_traffic(const request&, const target&) {
    auto take = program_.call([](backend& of) { return of.recent_traffic(); });
    const traffic found = co_await std::move(take);
    json services = json::object();
    for (const auto& [name, bytes] : found.services) services[name] = bytes;
    json out{{"interval_seconds", found.interval},
             {"received", found.received},
             {"sent", found.sent},
             {"active", found.active}};
    out["services"] = {{"interval_seconds", found.service_interval},
                       {"bytes", std::move(services)}};
    co_return json_response(out);
  }

  io::awaitable<response> post_reload(const request&, const target&) {
    auto reload = program_.reload();
    reload_outcome done = co_await std::move(reload);
    switch (done.what) {
      case reload_outcome::kind::applied: co_return json_response({{"result", "applied"}});
      case reload_outcome::kind::unchanged: co_return json_response({{"result", "unchanged"}});
      case reload_outcome::kind::impossible:
        co_return problem_response(409, std::move(done.reason));
      default: break;
    }
    if (done.reason.empty()) done.reason = "The configuration on the disk has problems.";
    if (!done.reason.ends_with('.')) done.reason += '.';
    co_return problem_response(422, done.reason + " The old one is in use.", done.problems);
  }

  io::awaitable<response> post_drain(const request& asked, const target& where) {
    co_return co_await drain(true, asked, where);
  }
  io::awaitable<response> post_undrain(const request& asked, const target& where) {
    co_return co_await drain(false, asked, where);
  }
  io::awaitable<response> drain(bool on, const request& asked, const target& where) {
    auto change = program_.call([on](backend& of) {
      of.drain(on);
      return true;
    });
    co_await std::move(change);
    co_return co_await get_status(asked, where);
  }

  io::awaitable<response> get_config(const request&, const target&) {
    auto take = program_.call([](backend& of) { return of.settings_text(); });
    std::string text = co_await std::move(take);
    co_return response{.status = 200, .type = std::string(json_type), .body = std::move(text)};
  }

  io::awaitable<response> get_events(const request& asked, const target& where) {
    const std::string* last = asked.head.only("Last-Event-ID");
    const auto parameter = where.query.find("last_event_id");
    if (!last && parameter != where.query.end()) last = &parameter->second;
    std::uint64_t after = events_.last();
    if (last) {
      const auto number = parse_number(*last);
      if (!number) co_return problem_response(400, "The id of the last event is a number.");
      // The numbers begin again with the program, so a larger one is of an earlier run.
      after = *number > after ? 0 : *number;
    }
    response out{.status = 200, .type = "text/event-stream"};
    out.events_after = after;
    const auto follow = where.query.find("follow");
    out.follows_events = follow == where.query.end() || follow->second != "false";
    co_return out;
  }

  io::awaitable<response> get_log_level(const request&, const target&) {
    auto take = program_.call([](backend& of) { return of.log_level(); });
    const std::string level = co_await std::move(take);
    co_return json_response({{"level", level}});
  }

  io::awaitable<response> put_log_level(const request& asked, const target& where) {
    auto body = body_of(asked, json_type);
    if (!body.first) co_return std::move(body.second);
    const json& value = *body.first;
    const bool has_level =
        value.size() == 1 && value.contains("level") && value["level"].is_string();
    const std::string level = has_level ? value["level"].get<std::string>() : std::string();
    auto use =
        program_.call([level](backend& of) { return !level.empty() && of.set_log_level(level); });
    const bool is_used = co_await std::move(use);
    if (is_used) co_return co_await get_log_level(asked, where);
    co_return problem_response(
        422, "The log level was not changed.",
        {{.key = "level",
          .what = "no level or directives",
          .remedy = "write trace, debug, info, warn, error, off or directives such as "
                    "rathole::client=debug"}});
  }

  io::awaitable<response> get_openapi(const request&, const target&) {
    co_return response{
        .status = 200, .type = std::string(json_type), .body = std::string(openapi_text)};
  }

  static std::chrono::system_clock::time_point clock_now() {
    return std::chrono::system_clock::now();
  }

  io::awaitable<snapshot> read() {
    return program_.call([](backend& of) { return of.read(); });
  }

  control_plane& program_;
  service_editor& editor_;
  event_log& events_;
};

}  // namespace rathole::admin
