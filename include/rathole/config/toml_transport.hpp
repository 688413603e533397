#pragma once

#include <rathole/config/published_secrets.hpp>
#include <rathole/config/toml_secret.hpp>
#include <rathole/config/toml_values.hpp>
#include <rathole/config/toml_warnings.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/core/base64.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace rathole::config {

namespace detail {

/// Warns if everybody knows the password in the value of `key`; `remedy` says what to do.
inline void warn_of_password(const toml_reader& table, std::string_view key, const secret& password,
                             const char* remedy) {
  if (!is_published(secret_kind::password, password.view())) return;
  table.warn(key, "this password is in public examples, so everybody knows it", remedy);
}

/// Reads a `transport.tcp` table.
inline tcp_options read_tcp(toml_reader table) {
  tcp_options out;
  out.nodelay = table.boolean("nodelay").value_or(out.nodelay);
  const auto keepalive = [&](std::string_view key, seconds fallback) {
    const auto value = table.integer<std::int64_t>(key, 0, limits::keepalive_seconds);
    return value ? seconds(*value) : fallback;
  };
  out.keepalive_secs = keepalive("keepalive_secs", out.keepalive_secs);
  out.keepalive_interval = keepalive("keepalive_interval", out.keepalive_interval);
  out.user_timeout =
      read_seconds(table, "user_timeout", out.user_timeout, 0, limits::user_timeout_seconds);
  if (const auto text = table.string("proxy")) {
    if (auto url = parse_proxy_url(*text)) {
      out.proxy = std::move(*url);
      if (const auto& user = out.proxy->credentials) {
        warn_of_password(table, "proxy", user->password, "write that of your proxy");
      }
    } else {
      table.reject("proxy", url.error(),
                   "write it like `socks5://user:password@host:1080` or `http://host:8080`, "
                   "special characters in user and password as %XX");
    }
  }
  table.finish();
  return out;
}

/// Reads the password of `pkcs12` into `out`. The identity and a password in a file change together, so
/// the configuration then depends on both files.
inline void read_pkcs12_password(toml_reader& table, tls_options& out) {
  constexpr std::string_view key = "pkcs12_password";
  auto password = read_secret(table, key);
  if (!password) {
    // A password that is wrong is a problem of its own.
    if (has_secret(table, key)) out.pkcs12_password.emplace();
    return;
  }
  warn_of_password(table, password->key, password->value,
                   "protect the file by a password of your own, and see that its key is not from "
                   "an example, too");
  if (out.pkcs12 && password->key != key) {
    table.log().depends_on(*out.pkcs12);
    reject_own_output(table, "pkcs12", *out.pkcs12);
  }
  out.pkcs12_password = std::move(password->value);
}

/// Reads a `transport.tls` table. If it is not used, the file of a password is not read.
inline tls_options read_tls(toml_reader table, bool is_used) {
  tls_options out;
  out.hostname = table.string("hostname");
  if (out.hostname && (out.hostname->empty() || *out.hostname == ".")) {
    table.reject("hostname", "not a host name",
                 "write the name or address that the server's certificate is for");
  }
  out.trusted_root = table.string("trusted_root");
  out.pkcs12 = table.string("pkcs12");
  if (is_used) {
    read_pkcs12_password(table, out);
  } else {
    out.pkcs12_password = table.secret_string("pkcs12_password");
    table.allow("pkcs12_password_file");
  }
  out.trusted_root_only = table.boolean("trusted_root_only").value_or(out.trusted_root_only);
  out.cert = table.string("cert");
  out.key = table.string("key");
  static constexpr std::array<spelling<tls_engine>, 3> engines = {{
      {"auto", tls_engine::automatic},
      {"botan", tls_engine::botan},
      {"openssl", tls_engine::openssl},
  }};
  out.engine = read_enum(table, "engine", engines).value_or(out.engine);
  if (const auto hold =
          table.integer<std::int64_t>("half_close_timeout", 0, limits::duration_seconds)) {
    out.half_close_timeout = seconds(*hold);
  }
  table.finish();
  return out;
}

/// Returns the key of 32 bytes that `given` has in base64; they must not all be zero, since everybody knows
/// that key. In a table that is not selected, a wrong key is no error, because upstream ignores such a
/// table. Warns of a key of the examples in the selected table.
inline std::optional<std::vector<std::uint8_t>> decode_noise_key(
    toml_reader& table, const std::optional<given_secret>& given, bool is_selected) {
  if (!given) return std::nullopt;
  const std::string& key = given->key;
  auto bytes = from_base64(given->value.view());
  const bool has_size = bytes && bytes->size() == std::tuple_size_v<noise_public_key>;
  const bool is_zero = has_size && std::ranges::count(*bytes, 0) == std::ssize(*bytes);
  if (has_size && !is_zero) {
    if (is_selected && is_published_key(*bytes)) {
      table.warn(key, "this key is in public examples, so everybody knows its private key",
                 "make a pair of your own with `rathole --genkey`, and write its keys on both "
                 "sides");
    }
    return std::move(*bytes);
  }
  if (is_selected) {
    table.reject(key,
                 is_zero ? "all bytes are zero, so the key protects nothing"
                         : "Failed to decode " + key + ": not 32 bytes in base64",
                 "use a key that `rathole --genkey` printed");
  }
  return std::nullopt;
}

/// Reads a `transport.noise` table. `is_selected` says whether the transport is Noise.
inline noise_options read_noise(toml_reader table, bool is_selected) {
  noise_options out;
  if (auto pattern = table.string("pattern")) out.pattern = std::move(*pattern);
  const auto read_text = [&](std::string_view key) -> std::optional<given_secret> {
    auto text = table.secret_string(key);
    if (!text) return std::nullopt;
    return given_secret{std::move(*text), std::string(key)};
  };
  // The file of a table that is not used is not read.
  if (!is_selected) table.allow("local_private_key_file");
  const auto own =
      is_selected ? read_secret(table, "local_private_key") : read_text("local_private_key");
  if (auto bytes = decode_noise_key(table, own, is_selected)) {
    out.local_private_key = secret(std::string(bytes->begin(), bytes->end()));
  }
  const auto remote = read_text("remote_public_key");
  if (const auto bytes = decode_noise_key(table, remote, is_selected)) {
    std::ranges::copy(*bytes, out.remote_public_key.emplace().begin());
  }
  static constexpr std::array<spelling<noise_engine>, 2> engines = {{
      {"botan", noise_engine::botan},
      {"openssl", noise_engine::openssl},
  }};
  out.engine = read_enum(table, "engine", engines).value_or(out.engine);
  table.finish();
  return out;
}

/// Reads a `transport.websocket` table.
inline websocket_options read_websocket(toml_reader table) {
  websocket_options out;
  if (!table.contains("tls")) table.missing("tls", "add `tls = false` or `tls = true`");
  out.tls = table.boolean("tls").value_or(out.tls);
  out.path = table.string("path");
  out.host = table.string("host");
  if (auto headers = table.table("headers")) {
    headers->for_each_secret([&out](std::string_view name, secret value) {
      out.headers.emplace_back(name, std::move(value));
    });
  }
  out.ping_interval = read_seconds(table, "ping_interval", out.ping_interval, 0);
  table.finish();
  return out;
}

/// Reads the keys of multiplexing in the `transport` table `table` into `out`. A server ignores
/// them.
inline void read_multiplexing(toml_reader& table, transport& out, side where) {
  const auto multiplex = table.boolean("multiplex");
  const auto connections = table.integer<std::size_t>("connections", 1, limits::connections);
  if (where == side::server) return warn_of_multiplexing(table);
  out.multiplex = multiplex.value_or(out.multiplex);
  const bool is_wrong = !multiplex && table.contains("multiplex");
  if (connections && !out.multiplex && !is_wrong) {
    table.warn("connections", "this key is not used, because `multiplex` is not `true`",
               "remove it, or add `multiplex = true`");
  }
  if (out.multiplex) out.connections = connections.value_or(out.connections);
}

/// Reports the table `tls` of the transport if TLS is selected and it is missing or incomplete.
inline void check_tls(toml_reader& table, const transport& value, side where) {
  if (value.kind != transport_kind::tls) return;
  if (!table.contains("tls")) {
    table.reject("Missing TLS configuration", "add `[" + table.path_of("tls") + "]`");
  } else if (where == side::server && value.tls) {
    if (const auto wrong = identity_problem(*value.tls)) {
      table.reject("tls", wrong->what, wrong->remedy);
    }
  }
}

/// Forgets the tables of transports that are not selected. Compat: a file may have them.
inline void drop_unused(transport& value) {
  if (!uses_tls(value)) value.tls.reset();
  if (value.kind != transport_kind::noise) value.noise.reset();
  if (value.kind != transport_kind::websocket) value.websocket.reset();
}

}  // namespace detail

/// Reads the `transport` table of `parent`, which is `[server]` or `[client]`. Without one the
/// transport is TCP with its defaults. Compat: if the table is there, it must have `type`.
inline transport read_transport(toml_reader& parent, side where) {
  transport out;
  auto table = parent.table("transport");
  if (!table) return out;

  static constexpr std::array<spelling<transport_kind>, 4> kinds = {{
      {"tcp", transport_kind::tcp},
      {"tls", transport_kind::tls},
      {"noise", transport_kind::noise},
      {"websocket", transport_kind::websocket},
  }};
  if (!table->contains("type")) table->missing("type", "add `type = \"tcp\"` to the table");
  const auto kind = read_enum(*table, "type", kinds);
  out.kind = kind.value_or(out.kind);
  if (auto own = table->table("tcp")) out.tcp = detail::read_tcp(std::move(*own));
  auto tls_table = table->table("tls");
  if (auto own = table->table("noise")) {
    out.noise = detail::read_noise(std::move(*own), out.kind == transport_kind::noise);
  }
  if (auto own = table->table("websocket")) {
    out.websocket = detail::read_websocket(std::move(*own));
  }
  if (tls_table)
    out.tls = detail::read_tls(std::move(*tls_table), where == side::server && uses_tls(out));
  detail::read_multiplexing(*table, out, where);
  table->finish();
  detail::check_tls(*table, out, where);
  if (kind) detail::warn_of_unused(*table, out, where);
  detail::drop_unused(out);
  return out;
}

}  // namespace rathole::config
