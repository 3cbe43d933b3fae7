// Starting one container: conmon runs `runc create` and stays with the container until its end.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace leat::node {

struct ConmonLaunch {
  std::string id;
  std::string bundle;  // directory with config.json; conmon's files go there too
  std::string log_path;
  uint64_t log_file_size = 0;  // bytes: before a line would exceed it, the next file is begun
  std::string exit_dir;
  std::string socket_dir;  // short: a unix socket's path has at most 107 bytes
  std::string runc_root;
};

// Returns the pid of the container's first process, created and not yet started. kInvalid with
// runc's own words when it cannot be made.
Result<int> LaunchConmon(const ConmonLaunch& launch);

// What runc says went wrong, for people: of its log line ('time="..." level=error msg="runc create
// failed: ... exec: \"x\": ..."') or plain text, the message without quoting and without the name
// of its step.
std::string RuncReason(std::string_view text);

// The files that conmon leaves in the bundle.
std::string PidFile(const std::string& bundle);
std::string ConmonPidFile(const std::string& bundle);
std::string OomFile(const std::string& bundle);
// Asks a running conmon to begin the next file of its log.
Status ReopenConmonLog(const std::string& bundle);

}  // namespace leat::node
