#pragma once

#include <rathole/app/cli.hpp>
#include <rathole/app/diagnose_admin.hpp>
#include <rathole/app/log/outputs.hpp>
#include <rathole/app/log/text.hpp>
#include <rathole/app/mode.hpp>
#include <rathole/app/run.hpp>
#include <rathole/config/problem.hpp>
#include <rathole/config/types.hpp>
#include <rathole/diagnose.hpp>
#include <rathole/io/run/run_context.hpp>

#include <asio/io_context.hpp>

#include <cstdlib>
#include <optional>
#include <ostream>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

namespace rathole::app {

namespace detail {

/// What the program says after a diagnosis that tried no token.
inline constexpr std::string_view untried_tokens =
    "No token was tried: `--authenticate` does that, and displaces a client that serves now, "
    "unless "
    "`on_conflict` of the service is `reject` or `balance`.\n";

/// Diagnoses the settings `block`, and writes each step to `out` as soon as it has ended. Returns
/// the exit status.
template <class Block>
int diagnose_block(Block block, bool authenticate, std::ostream& out) {
  // The admin API is a part of the program, and the library refuses its settings.
  const auto admin = std::exchange(block.admin, std::nullopt);
  asio::io_context context(1);
  diagnose_options options;
  options.authenticate = authenticate;
  bool asked_for_service = false;
  options.on_step = [&](const diagnosis_step& step) {
    asked_for_service |= step.name == "service" && step.result == step_result::ok;
    out << to_string(step) << std::endl;
  };
  int status = EXIT_FAILURE;
  async_diagnose(context, std::move(block), std::move(options),
                 [&](std::error_code error, diagnosis found) {
                   if (!error && found.passed()) status = EXIT_SUCCESS;
                   if (error) out << "Error: " << error.message() << '\n';
                 });
  io::run_context(context);
  if (admin) {
    constexpr bool is_server = std::is_same_v<Block, config::server>;
    const diagnosis_step step =
        diagnose_admin(*admin, is_server ? config::side::server : config::side::client);
    if (step.result != step_result::ok) status = EXIT_FAILURE;
    out << to_string(step) << std::endl;
  }
  if (asked_for_service) out << untried_tokens;
  return status;
}

}  // namespace detail

/// Implements `diagnose`: writes to `out` what happens, step by step, when the program starts with
/// the file; see `async_diagnose`. Errors and warnings of the file go to `err`. Returns 0 if every
/// step worked, and otherwise 1.
inline int diagnose(const arguments& asked, std::ostream& out, std::ostream& err) {
  const auto file = detail::load_or_explain(asked.source(), err);
  if (!file) return EXIT_FAILURE;
  const auto mode = select_mode(asked.as_server, asked.as_client, file->settings);
  if (!mode) {
    err << "Error: " << mode.error() << " (" << printable(asked.config) << ")\n";
    return EXIT_FAILURE;
  }
  for (const config::problem& each : file->warnings) {
    err << printable(config::to_string(each)) << '\n';
  }
  const auto log_problems = log_outputs::problems_of(file->settings.log);
  for (const config::problem& each : log_problems) {
    err << printable(config::to_string(file->where.locate(each))) << '\n';
  }
  const int status = *mode == config::side::server
                         ? detail::diagnose_block(*file->settings.server, false, out)
                         : detail::diagnose_block(*file->settings.client, asked.authenticate, out);
  return log_problems.empty() ? status : EXIT_FAILURE;
}

}  // namespace rathole::app
