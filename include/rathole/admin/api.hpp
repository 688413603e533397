#pragma once

#include <rathole/admin/access.hpp>
#include <rathole/admin/backend.hpp>
#include <rathole/admin/control_plane.hpp>
#include <rathole/admin/dashboard_page.hpp>
#include <rathole/admin/dashboard_script.hpp>
#include <rathole/admin/dashboard_style.hpp>
#include <rathole/admin/event_log.hpp>
#include <rathole/admin/json.hpp>
#include <rathole/admin/message.hpp>
#include <rathole/admin/metrics.hpp>
#include <rathole/admin/process_statistics.hpp>
#include <rathole/admin/resources.hpp>
#include <rathole/admin/service_editor.hpp>
#include <rathole/admin/target.hpp>
#include <rathole/config/admin.hpp>
#include <rathole/io/task.hpp>

#include <string>
#include <string_view>

namespace rathole::admin {

/// Answers the requests of the admin API: decides who may ask, and passes what is below /api/v1 to
/// `resources`. It lives on the API's own thread, and asks the control plane by posting to it, so a slow
/// client delays no visitor.
class api {
 public:
  /// Makes an API for the program behind `program`. `editor` changes the files of services. All of them,
  /// and `events`, must outlive it.
  api(control_plane& program, service_editor& editor, event_log& events,
      const config::admin_options& options)
      : program_(program),
        resources_(program, editor, events),
        access_(options),
        has_dashboard_(options.dashboard) {}

  /// Decides by `options` from now on.
  void use(const config::admin_options& options) {
    access_ = access(options);
    has_dashboard_ = options.dashboard;
  }

  /// Answers a request. `asked` must outlive the call.
  io::awaitable<response> answer(const request& asked) {
    const auto where = parse_target(asked.target);
    if (!where) co_return problem_response(400, "The target of the request is malformed.");
    if (where->path.size() >= 2 && where->path[0] == "api" && where->path[1] == "v1") {
      co_return co_await answer_api(asked, *where);
    }
    if (where->path.size() == 1) co_return co_await answer_page(asked, *where);
    co_return problem_response(404, "There is no such page.");
  }

 private:
  static response unauthorized(const request& asked) {
    const bool has_one = asked.head.has("Authorization");
    response out = problem_response(
        401, has_one
                 ? "The token is not the right one, or not sent as `Authorization: Bearer TOKEN`."
                 : "A token is needed: `Authorization: Bearer TOKEN`.");
    out.fields.push_back({"WWW-Authenticate", "Bearer"});
    return out;
  }

  // Pages without a token.

  io::awaitable<response> answer_page(const request& asked, const target& where) {
    const std::string_view name = where.path[0];
    const bool is_page =
        has_dashboard_ && (name.empty() || name == "dashboard.css" || name == "dashboard.js");
    if (!is_page && name != "healthz" && name != "readyz" && name != "metrics") {
      co_return problem_response(404, "There is no such page.");
    }
    if (asked.method != "GET" && asked.method != "HEAD") {
      co_return method_not_allowed("GET, HEAD");
    }
    if (name == "healthz") co_return text_response(200, "ok\n");
    if (name == "readyz") co_return co_await readiness(where);
    if (name == "metrics") co_return co_await metrics(asked);
    if (!access_.is_addressed(asked)) co_return misdirected();
    co_return dashboard(name);
  }

  io::awaitable<response> readiness(const target& where) {
    const auto which = where.query.find("services");
    const bool needs_services = which != where.query.end();
    if (needs_services && which->second != "all") {
      co_return problem_response(400, "`services` can only be `all`.");
    }
    const auto ask = [needs_services](backend& of) { return of.unready(needs_services); };
    auto take = program_.call(ask);
    const std::string reason = co_await std::move(take);
    if (reason.empty()) co_return text_response(200, "ready\n");
    co_return text_response(503, reason + '\n');
  }

  io::awaitable<response> metrics(const request& asked) {
    // Without a token only the name keeps other sites from reading them.
    if (access_.metrics_are_public() && !access_.is_addressed(asked)) co_return misdirected();
    if (!access_.metrics_are_public() && !access_.permitted(asked)) co_return unauthorized(asked);
    const snapshot now = co_await read();
    co_return response{.status = 200,
                       .type = std::string(metrics_type),
                       .body = metrics_text(now, read_process_statistics())};
  }

  static response misdirected() {
    return problem_response(421,
                            "The name in `Host` is none of this API; add it to `admin.hosts` if it "
                            "should be.");
  }

  static response dashboard(std::string_view name) {
    response out;
    out.fields.push_back(
        {"Content-Security-Policy",
         "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src "
         "data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"});
    out.fields.push_back({"Referrer-Policy", "no-referrer"});
    if (name == "dashboard.css") {
      out.type = "text/css; charset=utf-8";
      out.body = dashboard_style;
    } else if (name == "dashboard.js") {
      out.type = "text/javascript; charset=utf-8";
      out.body = dashboard_script;
    } else {
      out.type = "text/html; charset=utf-8";
      out.body = dashboard_page;
    }
    return out;
  }

  io::awaitable<response> answer_api(const request& asked, const target& where) {
    if (!access_.is_addressed(asked)) co_return misdirected();
    if (access_.permitted(asked) != permission::all) co_return unauthorized(asked);
    if (!access_.is_own_origin(asked)) {
      co_return problem_response(403, "The request comes from another site.");
    }
    co_return co_await resources_.answer(asked, where, access_.is_intended(asked));
  }

  io::awaitable<snapshot> read() {
    return program_.call([](backend& of) { return of.read(); });
  }

  control_plane& program_;
  resources resources_;
  access access_;
  bool has_dashboard_;
};

}  // namespace rathole::admin
