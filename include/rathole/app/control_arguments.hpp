#pragma once

#include <cstddef>
#include <string>

namespace rathole::app {

/// The words of a command that asks a running program.
struct control_arguments {
  /// The command, such as `status`; empty if there is none.
  std::string command = {};
  /// The configuration file by which the program is found, unless there is `admin`.
  std::string config = {};
  /// What the command is about, such as the id of a connection; may be empty.
  std::string operand = {};
  /// Where the admin API is (`--admin`), if the command line says it.
  std::string admin = {};
  /// The file of the token (`--token-file`), if the command line says it.
  std::string token_file = {};
  /// The PEM file of the certificates to trust (`--ca-file`), if the command line says it.
  std::string ca_file = {};
  /// The service whose connections are wanted (`--service`); empty for all.
  std::string service = {};
  /// The most connections that are listed (`--limit`).
  std::size_t limit = 1000;
  /// Whether the answer is printed as JSON (`--json`).
  bool json = false;
  /// Whether the events to come are printed, too (`--follow`).
  bool follow = false;
};

/// A command that asks a running program.
struct control_command {
  /// Its name.
  const char* name;
  /// What it does, for the help.
  const char* description;
  /// The name of its operand; null if it has none.
  const char* operand;
  /// What the operand is, for the help; null if there is none.
  const char* operand_description;
  /// Whether the operand may be left out.
  bool is_optional;
  /// Whether the operand is a number.
  bool is_number;
};

/// The commands that ask a running program.
inline constexpr control_command control_commands[] = {
    {"status", "Show what the running program does; the exit status is 3 if it is not ready",
     nullptr, nullptr, false, false},
    {"services", "List the services of the running program", nullptr, nullptr, false, false},
    {"connections", "List the connections that are forwarded", nullptr, nullptr, false, false},
    {"kick", "Reset a connection on both sides", "ID",
     "The number of the connection, as `rathole connections` lists it", false, true},
    {"reload", "Have the running program load its configuration now", nullptr, nullptr, false,
     false},
    {"drain", "Have the running program refuse new visitors; open connections go on", nullptr,
     nullptr, false, false},
    {"undrain", "Have the running program accept new visitors again", nullptr, nullptr, false,
     false},
    {"events", "Print the last events of the running program", nullptr, nullptr, false, false},
    {"log-level", "Show what is logged, or change it until the next start", "LEVEL",
     "What to log from now on; without it the present level is printed: error, warn, info, debug, "
     "trace, off, or directives such as "
     "warn,rathole::client=debug",
     true, false},
};

}  // namespace rathole::app
