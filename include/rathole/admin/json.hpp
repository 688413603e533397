#pragma once

#include <rathole/admin/message.hpp>
#include <rathole/admin/service_statistics.hpp>
#include <rathole/admin/snapshot.hpp>
#include <rathole/config/problem.hpp>
#include <rathole/http/status.hpp>
#include <rathole/text/utc.hpp>
#include <rathole/version.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::admin {

/// The media type of answers.
inline constexpr std::string_view json_type = "application/json";
/// The media type of errors (RFC 9457).
inline constexpr std::string_view problem_type = "application/problem+json";
/// What stands for a secret.
inline constexpr std::string_view masked = "********";

/// JSON whose members keep their order.
using json = nlohmann::ordered_json;

/// Returns the value that `text` is; nothing if it is no JSON, or is nested deeper than `max_depth`, which would
/// cost stack.
inline std::optional<json> parse_json(const std::string& text, int max_depth) {
  bool is_too_deep = false;
  const json::parser_callback_t limit = [&](int depth, json::parse_event_t, json&) {
    is_too_deep = is_too_deep || depth > max_depth;
    return !is_too_deep;
  };
  json value = json::parse(text, limit, false);
  if (is_too_deep || value.is_discarded()) return std::nullopt;
  return value;
}

/// Returns JSON as text. Bytes that are no UTF-8, which names of services may have, become U+FFFD.
inline std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// Returns an answer with a body of JSON.
inline response json_response(const json& body, int status = 200) {
  return {.status = status, .type = std::string(json_type), .body = dump(body)};
}

/// Returns problems of settings.
inline json problems_json(const std::vector<config::problem>& problems) {
  json out = json::array();
  for (const config::problem& each : problems) {
    json one{{"key", each.key}, {"what", each.what}, {"remedy", each.remedy}};
    one["severity"] = each.level == config::severity::error ? "error" : "warning";
    if (!each.file.empty()) one["file"] = each.file;
    if (each.line > 0) {
      one["line"] = each.line;
      one["column"] = each.column;
    }
    out.push_back(std::move(one));
  }
  return out;
}

/// Returns an error (RFC 9457). `problems` are those of settings that were refused.
inline response problem_response(int status, std::string detail,
                                 const std::vector<config::problem>& problems = {}) {
  json body{{"type", "about:blank"},
            {"title", http::reason_phrase(status)},
            {"status", status},
            {"detail", std::move(detail)}};
  if (!problems.empty()) body["problems"] = problems_json(problems);
  return {.status = status, .type = std::string(problem_type), .body = dump(body)};
}

/// Returns the answer to a request with a method that its resource does not know. `allowed` lists those that
/// it knows.
inline response method_not_allowed(std::string allowed) {
  response out = problem_response(405, "This resource does not know the method.");
  out.fields.push_back({"Allow", std::move(allowed)});
  return out;
}

/// Returns `text`, or null if it is empty.
inline json text_or_null(const std::string& text) { return text.empty() ? json() : json(text); }

namespace detail {

inline std::uint64_t received_datagrams(const service_statistics& of, bool is_server) {
  return is_server ? of.datagrams.sent : of.datagrams.received;
}
inline std::uint64_t sent_datagrams(const service_statistics& of, bool is_server) {
  return is_server ? of.datagrams.received : of.datagrams.sent;
}

inline json servers_json(const service_statistics& of) {
  constexpr std::array<const char*, 3> states{"unused", "up", "down"};
  json out = json::array();
  for (const server_statistics& each : of.servers) {
    out.push_back({{"server", each.server},
                   {"state", states[static_cast<std::size_t>(each.state)]},
                   {"reason", text_or_null(each.reason)},
                   {"peer", text_or_null(each.peer)}});
  }
  return out;
}

}  // namespace detail

/// Returns the clients of a service of a server.
inline json clients_json(const service_statistics& of) {
  json out = json::array();
  for (const client_statistics& each : of.clients) {
    // Only a service that may have several counts the visitors of each.
    const bool is_all = of.kind == config::service_kind::udp && of.clients.size() == 1;
    out.push_back({{"address", each.address},
                   {"active", is_all ? of.udp_visitors : each.visitors},
                   {"skipped", each.is_skipped}});
  }
  return out;
}

/// Returns a service for `GET services`. `is_editable` says whether the API may change it.
inline json service_json(const service_statistics& of, bool is_server, bool is_editable) {
  const bool is_udp = of.kind == config::service_kind::udp;
  const bool is_listening = is_server && !of.listening.empty();
  json out{{"name", of.name},
           {"type", is_udp ? "udp" : "tcp"},
           {"state", of.is_up() ? "up" : "down"},
           {"since", text::utc(of.since)},
           {"reason", text_or_null(of.is_up() ? std::string() : of.reason)},
           {"addresses", is_listening ? of.listening : of.configured},
           {"down_addresses", of.down_addresses()},
           {"peer", text_or_null(of.peer())},
           {"connections", {{"active", of.active}, {"total", of.total}}},
           {"refused", of.all_refused()},
           {"bytes", {{"received", of.received}, {"sent", of.sent}}}};
  out["servers"] = is_server ? json() : detail::servers_json(of);
  out["pool"] = is_server && !is_udp ? json{{"idle", of.idle}, {"waiting", of.waiting}} : json();
  out["clients"] = is_server ? clients_json(of) : json();
  out["udp"] = json();
  if (is_udp) {
    out["udp"] = {{"visitors", of.udp_visitors},
                  {"datagrams",
                   {{"received", detail::received_datagrams(of, is_server)},
                    {"sent", detail::sent_datagrams(of, is_server)}}},
                  {"dropped", of.datagrams.lost()}};
  }
  out["editable"] = is_editable;
  out["file"] = of.file;
  if (!of.range.empty()) out["range"] = of.range;
  return out;
}

/// Returns the services of `all` that the range of ports `name` stands for, for `GET services/{name}`; null
/// if there are none.
inline json range_json(const std::vector<service_statistics>& all, const std::string& name) {
  json names = json::array();
  const service_statistics* first = nullptr;
  for (const service_statistics& each : all) {
    if (each.range.empty() || each.range != name) continue;
    if (!first) first = &each;
    names.push_back(each.name);
  }
  if (!first) return json();
  return {{"name", name}, {"services", std::move(names)}, {"file", first->file}};
}

/// Returns the status of the program. `is_editable` says whether services can be added.
inline json status_json(const snapshot& of, bool is_editable,
                        std::chrono::system_clock::time_point now) {
  const auto up = std::ranges::count_if(of.services, &service_statistics::is_up);
  const connection_totals& all = of.totals;
  return {{"version", version},
          {"mode", of.is_server ? "server" : "client"},
          {"state", program_state_names[static_cast<std::size_t>(of.state)]},
          {"ready", of.unready.empty()},
          {"reason", text_or_null(of.unready)},
          {"started_at", text::utc(of.started)},
          {"uptime_seconds", std::chrono::duration<double>(now - of.started).count()},
          {"transport", of.transport},
          {"services", {{"total", of.services.size()}, {"up", up}}},
          {"connections", {{"active", all.active}, {"total", all.total}}},
          {"bytes", {{"received", all.received}, {"sent", all.sent}}},
          {"visitors_refused", all.refused},
          {"editable", is_editable}};
}

/// Returns the connections.
inline json connections_json(const connection_list& of, std::chrono::system_clock::time_point now) {
  json list = json::array();
  for (const connection_record& each : of.connections) {
    list.push_back({{"id", each.id},
                    {"service", each.service},
                    {"visitor", text_or_null(each.visitor)},
                    {"since", text::utc(each.since)},
                    {"seconds", std::chrono::duration<double>(now - each.since).count()},
                    {"received", each.carried.received},
                    {"sent", each.carried.sent}});
  }
  return {{"connections", std::move(list)}, {"total", of.total}};
}

}  // namespace rathole::admin
