#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>

#include "base/log.h"
#include "cli/command_line.h"
#include "cli/commands.h"

namespace leat::cli {

int Fail(const Error& error) {
  std::fprintf(stderr, "leat: %s\n", error.message.c_str());
  return error.code == Code::kCancelled ? 130 : 1;
}

int Main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app{"Leat: machine learning the Kubernetes way, on one machine.", "leat"};
  app.set_version_flag("--version", "leat " LEAT_VERSION, "Print the version and exit");
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.require_subcommand(1);
  std::string log_level = "info";
  app.add_option("--log-level", log_level, "debug, info, warning or error")->capture_default_str();
  Run run;
  AddUp(app, run);
  AddCopy(app, run);
  AddMount(app, run);
  AddUnmount(app, run);
  AddData(app, run);
  AddDataProcesses(app, run);
  AddPodPrograms(app, run);
  app.footer("`leat help COMMAND` tells of one command.");  // now: commands inherit what is set
  if (const auto status = ParseCommandLine(app, Arguments(app, argc, argv))) return *status;
  const auto level = ParseLogLevel(log_level);
  if (!level) return Fail(level.error());
  SetLogLevel(*level);
  return run();
}

}  // namespace leat::cli
