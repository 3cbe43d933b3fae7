// The two programs that run beside the algorithm in a training pod. Both return an exit status,
// log to stderr one line an event, and leave the reason of a failure, for people, in
// /dev/termination-log.
#pragma once

#include <stop_token>
#include <string>

namespace leat::engine {

struct PodProgramOptions {
  std::string run_file = "/leat/run/run.json";  // what the engine wrote for this run
  std::string host = "algo-1";                  // which host of the run this pod is
  std::string root = "/opt/ml";
  std::string pod_info = "/leat/podinfo";  // downward API files: annotations
  std::string termination_log = "/dev/termination-log";
};

// `leat stage`: makes the /opt/ml tree, writes the config files, downloads the channels in
// parallel with progress lines.
int Stage(const PodProgramOptions& options, const std::stop_token& stop);

// `leat upload`: waits for the algorithm's exit code, uploads model and output, and leaves a JSON
// summary in /dev/termination-log; on a stop request it ends the algorithm first.
int Upload(const PodProgramOptions& options, const std::stop_token& stop);

}  // namespace leat::engine
