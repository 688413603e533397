#pragma once

#include <rathole/app/cli.hpp>
#include <rathole/app/demo.hpp>
#include <rathole/app/diagnose.hpp>
#include <rathole/app/log/journal.hpp>
#include <rathole/app/run.hpp>
#include <rathole/version.hpp>

#if RATHOLE_WITH_ADMIN
#include <rathole/app/control/run.hpp>
#include <rathole/app/control/terminal_width.hpp>
#endif
#if RATHOLE_WITH_NOISE
#include <rathole/app/genkey.hpp>
#endif
#if RATHOLE_WITH_NOISE || RATHOLE_WITH_TLS
#include <rathole/crypto/botan/mlock_pool.hpp>
#endif

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

namespace rathole::app::inline RATHOLE_ABI {

/// Runs the program: parses the command line, does what it asks for, and returns the exit status.
/// It is meant for a `main` function, and takes over the process's signals, descriptor limit and
/// standard streams.
inline int main(int argc, char** argv) {
  // A write to a closed connection must fail instead of raising a signal; the splicing relay relies
  // on it.
  std::signal(SIGPIPE, SIG_IGN);
#if RATHOLE_WITH_NOISE || RATHOLE_WITH_TLS
  crypto::disable_mlock_pool();
#endif
  std::optional<error_priority> priority;
  if (is_journal(STDERR_FILENO, std::getenv("JOURNAL_STREAM"))) priority.emplace(std::cerr);
  try {
    std::vector<std::string> words;
    for (int i = 1; i < argc; ++i) words.emplace_back(argv[i]);
    const auto asked = parse_command_line(std::move(words), std::cout, std::cerr);
    if (!asked) return asked.error().value;
#if RATHOLE_WITH_NOISE
    if (asked->genkey) return generate_key(std::cout);
#endif
    if (asked->demo) return demo(asked->once, std::cout, std::cerr).run();
    if (asked->diagnose) return diagnose(*asked, std::cout, std::cerr);
#if RATHOLE_WITH_ADMIN
    if (!asked->control.command.empty()) {
      return run_control(asked->control, asked->as_server, asked->as_client, std::cout, std::cerr,
                         terminal_width(STDOUT_FILENO));
    }
#endif
    if (asked->check) return check(*asked, std::cout, std::cerr);
    return run(*asked, std::cerr);
  } catch (const std::exception& error) {
    std::cerr << "Error: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
}

}  // namespace rathole::app::inline RATHOLE_ABI
