// `leat stage`, `leat upload` and `leat pause`: what runs beside training containers. Not for
// people.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <memory>
#include <thread>

#include "cli/commands.h"
#include "engine/pod_programs.h"

namespace leat::cli {
namespace {

using Program = int (*)(const engine::PodProgramOptions&, const std::stop_token&);

void AddPodProgram(CLI::App& app, Run& run, const char* name, const char* help, Program program,
                   int stop_signal) {
  auto options = std::make_shared<engine::PodProgramOptions>();
  CLI::App* command = app.add_subcommand(name, help)->group("");
  command->add_option("--run-file", options->run_file)->capture_default_str();
  command->add_option("--host", options->host)->capture_default_str();
  command->add_option("--root", options->root)->capture_default_str();
  command->add_option("--pod-info", options->pod_info)->capture_default_str();
  command->callback([=, &run] {
    run = [=] {
      sigset_t signals;
      sigemptyset(&signals);
      sigaddset(&signals, stop_signal);
      pthread_sigmask(SIG_BLOCK, &signals, nullptr);
      std::stop_source stop;
      std::thread([signals, stop]() mutable {
        int signal = 0;
        sigwait(&signals, &signal);
        stop.request_stop();
      }).detach();  // ends with the process
      return program(*options, stop.get_token());
    };
  });
}

// The first process of a sandbox: holds the pod's namespaces and reaps what is left to it.
int Pause() {
  std::signal(SIGCHLD, SIG_IGN);  // the kernel reaps
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  int signal = 0;
  sigwait(&signals, &signal);
  return 0;
}

}  // namespace

void AddPodPrograms(CLI::App& app, Run& run) {
  AddPodProgram(app, run, "stage", "Prepare /opt/ml in a training pod", engine::Stage, SIGTERM);
  // The upload must outlive the pod's SIGTERM: a stop reaches it as an annotation.
  AddPodProgram(app, run, "upload", "Upload the results of a training pod", engine::Upload,
                SIGUSR1);
  CLI::App* pause = app.add_subcommand("pause", "Hold the namespaces of a pod")->group("");
  pause->callback([&run] { run = Pause; });
}

}  // namespace leat::cli
