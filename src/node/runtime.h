// ContainerRuntime: the seam to whatever runs containers, shaped like the CRI v1 (sandbox,
// container, image, log path, exit code), because containerd comes behind it next. Today: runc and
// conmon.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace leat::node {

// What an image brings: how its process is made when the pod does not say.
struct Image {
  std::string reference;  // as the pod wrote it
  std::string id;         // what it resolved to: "host-root:leat-ml"
  std::vector<std::string> entrypoint;
  std::vector<std::string> command;
  std::vector<std::pair<std::string, std::string>> env;
  std::string working_dir = "/";
};

struct SandboxConfig {
  std::string pod_uid;
  std::string ns;
  std::string pod_name;
  std::string hostname;
  std::string address;     // the pod's own 127.x address, until pods have networks
  std::string hosts_file;  // host path, bound to /etc/hosts
  // Host paths, one for each container: from RunSandbox to StopSandbox a file system of 1 MiB is
  // there.
  std::vector<std::string> message_dirs;
  bool share_pid = false;  // shareProcessNamespace
  bool host_pid = false, host_ipc = false;
};

struct Mount {
  std::string host_path;
  std::string container_path;
  bool read_only = false;
};

struct ContainerConfig {
  std::string name;
  int attempt = 0;  // restart count: ids of two runs differ
  Image image;
  std::vector<std::string> argv;  // entrypoint or command, and args
  std::vector<std::pair<std::string, std::string>> env;
  std::string working_dir;
  std::vector<Mount> mounts;
  std::string log_path;  // host path; CRI log format; log_rotation.h tells its files and their size

  int64_t user = 0, group = 0;
  std::vector<int64_t> groups;
  bool privileged = false;
  bool read_only_root = false;
  bool no_new_privileges = true;
  bool unconfined_seccomp = false;
  std::vector<std::string> add_capabilities, drop_capabilities;  // without "CAP_"

  // Cgroup limits; 0 = none.
  int64_t cpu_milli = 0;         // quota
  int64_t cpu_shares_milli = 0;  // weight, from requests
  int64_t memory_bytes = 0;
  int64_t pids = 0;
};

enum class ContainerState { kCreated, kRunning, kExited };

struct ContainerStatus {
  std::string id;
  std::string sandbox_id;
  std::string name;
  int attempt = 0;
  ContainerState state = ContainerState::kCreated;
  std::string image_id;
  WallTime created_at, started_at, finished_at;
  int exit_code = 0;  // 128 + signal for a killed one
  bool oom_killed = false;
  bool lost = false;  // nobody saw its end: exit_code is made up
  std::string error;  // why it could not be started (then exit_code is 128), else ""
};

// Thread-safe; calls for different pods run in parallel. Containers and sandboxes outlive the
// process: a new ContainerRuntime over the same directory lists those of the one before.
class ContainerRuntime {
 public:
  virtual ~ContainerRuntime() = default;
  // kOk when containers can be run; else why not, and what to do.
  virtual Status Ready() = 0;
  virtual std::string Name() const = 0;  // "runc://1.1.5", for the Node's containerRuntimeVersion
  // What its administrator should know and do, although it runs containers; "" when there is
  // nothing.
  virtual std::string Advice() const = 0;

  // kNotFound: nobody maps this image; the message says how to map it.
  virtual Result<Image> ResolveImage(const std::string& reference) = 0;

  // Idempotent: the id of the sandbox that is there, or of a new one.
  virtual Result<std::string> RunSandbox(const SandboxConfig& config) = 0;
  // Kills what is left in it. Idempotent.
  virtual Status StopSandbox(const std::string& sandbox_id) = 0;
  virtual Status RemoveSandbox(const std::string& sandbox_id) = 0;
  virtual Result<std::vector<std::string>> ListSandboxes() = 0;  // ids; an id tells its pod's uid

  // Makes and starts it; the id. kInvalid, in runc's own words, when the command cannot be run:
  // then the container is listed as exited with code 128 and that error.
  virtual Result<std::string> StartContainer(const std::string& sandbox_id,
                                             const ContainerConfig& config) = 0;
  // Once, before all else that concerns containers: what a process before us died over while it
  // started it either runs, or is removed as if it had never been asked for.
  virtual Status SettleStarts() = 0;
  // Asks its first process to end (SIGTERM), once however often it is called. Does not wait.
  virtual Status Terminate(const std::string& id) = 0;
  // Kills all of it (SIGKILL) and waits for its end. Idempotent.
  virtual Status Kill(const std::string& id) = 0;
  virtual Status RemoveContainer(const std::string& id) = 0;  // an ended one
  virtual Result<std::vector<ContainerStatus>> ListContainers(const std::string& sandbox_id) = 0;
  // Blocks until some container's state may have changed (an exit file appeared), the timeout, or
  // stop. For one thread at a time: what it is told of, others are not.
  virtual void AwaitChange(std::chrono::nanoseconds timeout, const std::stop_token& stop) = 0;
  // Has the holder begin the next file of its log.
  virtual Status ReopenLog(const std::string& id) = 0;
};

}  // namespace leat::node
