// `leat data-supervisor` and `leat data-worker`: the two processes of a data node, started by
// `leat mount` and by the supervisor.
#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <thread>

#include "base/log.h"
#include "cli/commands.h"
#include "cli/data_node_access.h"
#include "datanode/supervisor.h"
#include "datanode/worker.h"

namespace leat::cli {
namespace {

// The flags come from StartedDataNode: whole paths, as CacheDirectories gave them.
Result<datanode::DataNodeOptions> NodeOptions(const CacheFlags& flags) {
  datanode::DataNodeOptions options;
  for (const std::string& text : flags.directories) {
    auto directory = blocks::CacheDirectory::Parse(text);
    if (!directory) return directory.error();
    options.directories.push_back(std::move(*directory));
  }
  if (options.directories.empty()) return Error{Code::kInvalid, "--cache-dir is missing"};
  if (flags.memory != 0) options.memory = flags.memory;
  return options;
}

// Tells who started us, and lets go of them.
void Say(const std::string& word) {
  std::fprintf(stdout, "%s\n", word.c_str());
  std::fflush(stdout);
  const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (null >= 0) (void)dup2(null, STDOUT_FILENO);
  if (null >= 0) close(null);
}

int Supervise(const CacheFlags& flags) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any thread starts; taken by sigwait
  const auto options = NodeOptions(flags);
  if (!options) {
    Say(options.error().message);
    return 1;
  }
  const std::string directory = options->directories[0].path;
  // By its path, so that a worker that ends after an upgrade is followed by one of the new program.
  std::vector<std::string> worker = {OwnProgram(), "data-worker"};
  for (const std::string& each : flags.directories) {
    worker.push_back("--cache-dir");
    worker.push_back(each);
  }
  worker.push_back("--memory-limit");
  worker.push_back(std::to_string(options->memory));
  auto supervisor = datanode::Supervisor::Take(
      {.directory = directory, .worker = std::move(worker), .log = directory + "/log"});
  if (!supervisor) {
    const bool taken = supervisor.error().code == Code::kAlreadyExists;
    Say((taken ? "taken: " : "") + supervisor.error().message);
    return 1;
  }
  Say("ready");

  std::stop_source stop;
  std::thread([signals, stop]() mutable {
    int signal = 0;
    sigwait(&signals, &signal);
    stop.request_stop();
  }).detach();  // it holds nothing, and may wait until the process ends
  supervisor->Run(stop.get_token());
  LogInfo("supervisor ended", {{"cache", directory}});
  return 0;
}

int Work(const CacheFlags& flags) {
  auto options = NodeOptions(flags);
  if (!options) return Fail(options.error());
  RealClock clock;
  return datanode::RunWorker({.node = std::move(*options),
                              .keeper = io::UniqueFd(datanode::kKeeperDescriptor),
                              .control = io::UniqueFd(datanode::kControlDescriptor)},
                             clock);
}

}  // namespace

void AddDataProcesses(CLI::App& app, Run& run) {
  const auto flags = std::make_shared<CacheFlags>();
  CLI::App* supervisor = app.add_subcommand("data-supervisor", "")->group("");
  AddCacheFlags(*supervisor, flags);
  supervisor->callback([flags, &run] { run = [flags] { return Supervise(*flags); }; });
  CLI::App* worker = app.add_subcommand("data-worker", "")->group("");
  AddCacheFlags(*worker, flags);
  worker->callback([flags, &run] { run = [flags] { return Work(*flags); }; });
}

}  // namespace leat::cli
