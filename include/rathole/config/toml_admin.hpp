#pragma once

#include <rathole/config/admin.hpp>
#include <rathole/config/limits.hpp>
#include <rathole/config/published_secrets.hpp>
#include <rathole/config/toml_reader.hpp>
#include <rathole/config/toml_secret.hpp>
#include <rathole/config/toml_unix.hpp>
#include <rathole/config/toml_values.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/ip_literal.hpp>
#include <rathole/core/read_file.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace rathole::config {

/// Returns whether a listener at `bind_addr` of `admin_options` can be reached from this host only.
inline bool is_local_only(std::string_view bind_addr) {
  if (bind_addr.starts_with(unix_prefix)) return true;
  const auto at = parse_address(std::string(bind_addr));
  return at && (at->host == "localhost" || at->host == "::1" || at->host.starts_with("127."));
}

namespace detail {

/// Reads the token at `key`, or the first line of the file that the key of `file_key_of` names.
inline secret read_admin_token(toml_reader& table, const std::string& key) {
  const std::string file_key = file_key_of(key);
  auto token = table.secret_string(key);
  const auto file = read_path_beside(table, file_key);
  if (token && file) {
    table.reject(file_key, "both `" + key + "` and `" + file_key + '`', "keep one of them");
  } else if (file) {
    table.log().depends_on(*file);
    if (reject_own_output(table, file_key, *file)) return {};
    auto text = read_file(*file, {.size = limits::token_file_size});
    if (!text) {
      table.reject(file_key, "cannot be read: " + text.error(), "name a file with the token");
      return {};
    }
    text->resize(std::min(text->find_first_of("\r\n"), text->size()));
    token = secret(std::move(*text));
  }
  if (!token) return {};
  const std::string& where = file ? file_key : key;
  if (token->empty()) {
    table.reject(where, "an empty token", "write a secret of your own, or leave the key out");
  } else if (std::string_view(" \t").contains(token->view().front()) ||
             std::string_view(" \t").contains(token->view().back())) {
    table.reject(where, "white space around the token, which a request cannot have",
                 "write a token such as `openssl rand -hex 16` prints");
  } else if (is_published(secret_kind::token, token->view())) {
    table.warn(where, "this token is in public examples, so everybody knows it",
               "write a secret of your own, such as `openssl rand -hex 16` prints");
  }
  return std::move(*token);
}

/// Reports what is wrong with the address, and with the protection that it needs.
inline void check_admin_address(const toml_reader& table, const admin_options& value) {
  if (value.bind_addr.starts_with(unix_prefix)) {
    if (value.bind_addr.starts_with(std::string(unix_prefix) + '@')) {
      table.reject("bind_addr", "everybody can connect to an abstract name",
                   "write the path of a file, such as `unix:/run/rathole/admin.sock`");
    }
    if (value.cert || value.key) {
      table.reject("tls", "a Unix-domain socket is not served by TLS", "remove the table");
    }
    return;
  }
  const auto at = parse_address(value.bind_addr);
  const bool is_literal =
      at && (at->host == "localhost" || parse_ipv4(at->host) || parse_ipv6(at->host));
  if (!is_literal) {
    table.reject("bind_addr", "not an address of the form IP:port or unix:PATH",
                 "write it like `bind_addr = \"127.0.0.1:9090\"`");
    return;
  }
  if (at->port == 0) {
    table.reject("bind_addr", "port 0, so nobody would know where the API is", "choose a port");
  }
  if (is_local_only(value.bind_addr)) {
    if (!table.contains("token") && !table.contains("token_file")) {
      table.warn("bind_addr", "without a token every user of this host can change the services",
                 "set `token` or `token_file`, or use a Unix-domain socket");
    }
    return;
  }
  if (!table.contains("token") && !table.contains("token_file")) {
    table.reject("bind_addr", "others than this host can reach it, and there is no token",
                 "set `token` or `token_file`, or listen at 127.0.0.1");
  }
  if (!value.cert && !value.allow_plaintext) {
    table.reject("bind_addr", "others than this host can reach it, and it is not served by TLS",
                 "set `tls.cert` and `tls.key`, or `allow_plaintext = true` behind something that "
                 "adds TLS");
  }
}

}  // namespace detail

/// Reads the table `admin` of one side.
inline admin_options read_admin(toml_reader table) {
  admin_options out;
  if (!table.contains("bind_addr")) {
    table.missing("bind_addr", "add `bind_addr = \"127.0.0.1:9090\"` or a Unix-domain socket");
  }
  const auto where = table.string("bind_addr");
  out.bind_addr = where.value_or("");
  if (where && is_unix_text(*where)) {
    const auto path = std::string_view(*where).substr(unix_prefix.size());
    const address at = detail::to_unix_address(table, "bind_addr", path);
    if (at.is_unix()) out.bind_addr = to_string(at);
  }
  if (const auto mode = detail::read_mode(table)) out.mode = *mode;
  if (where && table.contains("mode") && !is_unix_text(*where)) {
    table.warn("mode", "only a Unix-domain socket has permissions", "remove it");
  }
  out.token = detail::read_admin_token(table, "token");
  out.metrics_token = detail::read_admin_token(table, "metrics_token");
  if (!table.contains("token") && !table.contains("token_file") && !out.metrics_token.empty()) {
    table.reject(
        "a `metrics_token` without a `token`, so everybody may do more than read the metrics",
        "set `token` or `token_file` too");
  }
  if (!out.metrics_token.empty() && out.metrics_token == out.token) {
    table.reject(table.contains("metrics_token") ? "metrics_token" : "metrics_token_file",
                 "the same as the token, so whoever reads the metrics may change everything",
                 "choose another secret");
  }
  if (const auto hosts = table.string_or_strings("hosts", limits::admin_hosts)) out.hosts = *hosts;
  if (std::ranges::any_of(out.hosts, [](const std::string& each) {
        return each.find_first_of(":/ ") != std::string::npos || each.empty();
      })) {
    table.reject("hosts", "not a name of a host", "write it without scheme and port");
  }
  out.services_dir = table.string("services_dir");
  if (out.services_dir && out.services_dir->empty()) {
    table.reject("services_dir", "an empty path", "name a folder, or leave the key out");
  }
  out.dashboard = table.boolean("dashboard").value_or(out.dashboard);
  out.allow_plaintext = table.boolean("allow_plaintext").value_or(out.allow_plaintext);
  if (auto encryption = table.table("tls")) {
    out.cert = detail::read_path_beside(*encryption, "cert");
    out.key = detail::read_path_beside(*encryption, "key");
    if (!out.cert) encryption->missing("cert", "name the PEM file of the certificates");
    if (!out.key) encryption->missing("key", "name the PEM file of the private key");
    encryption->finish();
  }
  if (where) detail::check_admin_address(table, out);
  table.finish();
  return out;
}

}  // namespace rathole::config
