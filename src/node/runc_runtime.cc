#include "node/runc_runtime.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "base/log.h"
#include "base/strings.h"
#include "hash/hash.h"
#include "io/file.h"
#include "io/process.h"
#include "node/conmon.h"
#include "node/host_root.h"
#include "node/log_rotation.h"
#include "node/oci_config.h"
#include "node/runc_advice.h"
#include "node/sandbox_namespaces.h"

namespace leat::node {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr char kSandboxName[] = "_sandbox";  // no pod container can have this name
constexpr char kLostExit[] = "137";
constexpr char kStartErrorExit[] = "128";

std::string IdOf(const std::string& sandbox, const std::string& name, int attempt) {
  return fmt::format("{}_{}_{}", sandbox, name, attempt);
}

// The parts of an id; kInvalid when it is none of ours.
struct ParsedId {
  std::string sandbox, name;
  int attempt = 0;
};
Result<ParsedId> ParseId(const std::string& id) {
  const size_t first = id.find('_'), last = id.rfind('_');
  const auto attempt = last == std::string::npos ? Result<int64_t>(Error{})
                                                 : ParseInt(std::string_view(id).substr(last + 1));
  if (first == last || !attempt) return Error{Code::kInvalid, id + " is not a container id"};
  return ParsedId{id.substr(0, first), id.substr(first + 1, last - first - 1),
                  static_cast<int>(*attempt)};
}

WallTime ModifiedAt(const std::string& path) {
  struct stat at {};
  if (stat(path.c_str(), &at) != 0) return {};
  return WallTime(std::chrono::duration_cast<WallTime::duration>(seconds(at.st_mtim.tv_sec) +
                                                                 nanoseconds(at.st_mtim.tv_nsec)));
}

bool IsAlive(const std::string& pid_file, std::string_view program) {
  const auto text = io::ReadFile(pid_file);
  if (!text) return false;
  const auto pid = ParseInt(Trim(*text));
  if (!pid) return false;
  // The number may have gone to another process since, or to nobody's dead child.
  const auto stat = io::ReadFile(fmt::format("/proc/{}/stat", *pid));
  return stat && stat->find(fmt::format("({}) ", program)) != std::string::npos &&
         stat->find(") Z ") == std::string::npos;
}

class RuncRuntime : public ContainerRuntime {
 public:
  RuncRuntime(RuncOptions options, ImageCatalogue& catalogue)
      : options_(std::move(options)), catalogue_(catalogue) {
    for (const char* part : {"", "/exits", "/sandboxes", "/runc"})
      if (auto made = io::MakeDirs(options_.dir + part, 0700); !made)
        LogError("cannot make the runtime's directory", {{"error", made.error()}});
    socket_dir_ = RunDir(options_.dir);
    inotify_.Reset(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    inotify_add_watch(inotify_.get(), ExitDir().c_str(), IN_CLOSE_WRITE | IN_MOVED_TO);
  }
  ~RuncRuntime() override { (void)rmdir(socket_dir_.c_str()); }  // stays while it holds anything

  Status Ready() override {
    if (geteuid() != 0)
      return Error{Code::kForbidden, "pods need root: run leat as root to run containers here"};
    for (const char* program : {"runc", "conmon"})
      if (!io::FindProgram(program))
        return Error{Code::kNotFound,
                     fmt::format("{0} is not installed: apt-get install {0}", program)};
    return io::MakeDirs(socket_dir_, 0700);
  }

  std::string Name() const override {
    const auto version = io::Run({.argv = {"runc", "--version"}}, seconds(5));
    const std::string_view first = version ? Split(version->out, '\n')[0] : std::string_view();
    const auto parts = Split(first, ' ');
    return "runc://" + std::string(parts.size() > 2 ? parts[2] : "unknown");
  }

  std::string Advice() const override {
    const auto version = io::Run({.argv = {"runc", "--version"}}, seconds(5));
    return version ? RuncAdvice(version->out) : "";
  }

  Result<Image> ResolveImage(const std::string& reference) override {
    return catalogue_.Resolve(reference);
  }

  Result<std::string> RunSandbox(const SandboxConfig& config) override {
    const std::string& id = config.pod_uid;
    if (auto made = io::MakeDirs(SandboxDir(id), 0700); !made) return made.error();
    const json::Value saved = json::Object({{"namespace", config.ns},
                                            {"name", config.pod_name},
                                            {"hostname", config.hostname},
                                            {"hostsFile", config.hosts_file},
                                            {"sharePid", config.share_pid},
                                            {"hostPid", config.host_pid},
                                            {"hostIpc", config.host_ipc}});
    if (auto kept = io::WriteFileAtomic(SandboxDir(id) + "/sandbox.json", json::Print(saved));
        !kept)
      return kept.error();
    if (auto made = MakeSandboxNamespaces(Namespaces(id), config.hostname, config.message_dirs);
        !made)
      return made.error();
    if (config.share_pid) {
      // The namespace lives as long as its first process: one of ours, that only waits.
      const auto holder = StatusOf(id, kSandboxName, 0);
      if (!holder || holder->state != ContainerState::kRunning) {
        (void)RemoveContainer(IdOf(id, kSandboxName, 0));
        auto image = catalogue_.Resolve("leat.dev/leat");
        if (!image) return image.error();
        auto started = StartContainer(id, {.name = kSandboxName,
                                           .image = *image,
                                           .argv = {image->entrypoint[0], "pause"},
                                           .log_path = SandboxDir(id) + "/sandbox.log",
                                           .pids = 16});
        if (!started) return started.error();
      }
    }
    return id;
  }

  Status StopSandbox(const std::string& id) override {
    auto containers = ListAll(id);
    if (!containers) return containers.error();
    for (const ContainerStatus& container : *containers)
      if (container.state == ContainerState::kRunning ||
          container.state == ContainerState::kCreated)
        if (auto killed = Kill(container.id); !killed) return killed;
    return RemoveSandboxNamespaces(Namespaces(id));
  }

  Status RemoveSandbox(const std::string& id) override {
    auto containers = ListAll(id);
    if (!containers) return containers.error();
    for (const ContainerStatus& container : *containers)
      if (auto removed = RemoveContainer(container.id); !removed) return removed;
    if (auto removed = RemoveSandboxNamespaces(Namespaces(id)); !removed) return removed;
    RemoveCgroups(id);
    return io::RemoveTree(SandboxDir(id));
  }

  Result<std::vector<std::string>> ListSandboxes() override {
    return io::ListDir(options_.dir + "/sandboxes");
  }

  Result<std::string> StartContainer(const std::string& sandbox_id,
                                     const ContainerConfig& config) override {
    auto sandbox = LoadSandbox(sandbox_id);
    if (!sandbox) return sandbox.error();
    const std::string id = IdOf(sandbox_id, config.name, config.attempt);
    const std::string bundle = Bundle(sandbox_id, config.name, config.attempt);
    if (auto gone = RemoveContainer(id); !gone)
      return gone.error();  // of a start that was cut short
    // Kept as a run that failed to start, so that restart policies see it like any other.
    const auto failed = [&](const Error& error) {
      if (error.code != Code::kInvalid) return (void)RemoveContainer(id), error;
      (void)Runc({"delete", "--force", id});
      AwaitConmonsEnd(bundle);
      (void)io::WriteFile(bundle + "/error", error.message);
      (void)io::WriteFile(ExitFile(id), kStartErrorExit);
      return error;
    };
    if (auto made = MakeBundle(*sandbox, config, bundle); !made) {
      (void)RemoveContainer(id);
      return made.error();
    }
    auto pid = LaunchConmon({.id = id,
                             .bundle = bundle,
                             .log_path = config.log_path,
                             .log_file_size = kLogFileSize,
                             .exit_dir = ExitDir(),
                             .socket_dir = socket_dir_,
                             .runc_root = RuncRoot()});
    if (!pid) return failed(pid.error());
    if (config.pids > 0 && config.name != kSandboxName) BoundPids(sandbox_id, config.pids);
    auto started = Runc({"start", id});
    if (!started) return failed(started.error());
    if (auto kept = io::WriteFile(bundle + "/started", ""); !kept) return failed(kept.error());
    return id;
  }

  Status SettleStarts() override {
    auto sandboxes = ListSandboxes();
    if (!sandboxes) return sandboxes.error();
    for (const std::string& sandbox : *sandboxes) {
      auto containers = ListAll(sandbox);
      if (!containers) return containers.error();
      for (const ContainerStatus& container : *containers)
        if (container.state == ContainerState::kCreated)
          if (auto settled = SettleStart(container); !settled) return settled;
    }
    return {};
  }

  Status Terminate(const std::string& id) override {
    auto parsed = ParseId(id);
    if (!parsed) return parsed.error();
    const std::string marker =
        Bundle(parsed->sandbox, parsed->name, parsed->attempt) + "/terminated";
    if (NeverStarted(*parsed)) return RemoveContainer(id);
    if (io::Exists(marker) || !IsRunning(*parsed)) return {};
    if (auto killed = Runc({"kill", id, "TERM"}); !killed && IsRunning(*parsed))
      return killed.error();
    return io::WriteFile(marker, "");
  }

  Status Kill(const std::string& id) override {
    auto parsed = ParseId(id);
    if (!parsed) return parsed.error();
    if (!IsRunning(*parsed)) return {};
    const auto gone_by = std::chrono::steady_clock::now() + seconds(30);
    (void)Runc({"kill", "--all", id, "KILL"});
    while (IsRunning(*parsed)) {
      if (NeverStarted(*parsed)) return RemoveContainer(id);
      if (std::chrono::steady_clock::now() > gone_by)
        return Error{Code::kTimeout, "container " + id + " does not end after SIGKILL"};
      RealClock().SleepFor(milliseconds(10), {});  // conmon is about to write the exit file
    }
    return {};
  }

  Status RemoveContainer(const std::string& id) override {
    auto parsed = ParseId(id);
    if (!parsed) return parsed.error();
    if (io::Exists(RuncRoot() + "/" + id))
      if (auto deleted = Runc({"delete", "--force", id}); !deleted) return deleted.error();
    const std::string bundle = Bundle(parsed->sandbox, parsed->name, parsed->attempt);
    AwaitConmonsEnd(bundle);
    if (auto removed = io::Remove(ExitFile(id)); !removed) return removed;
    (void)io::Remove(socket_dir_ + "/" + id);  // conmon's link to the bundle
    return io::RemoveTree(bundle);
  }

  Result<std::vector<ContainerStatus>> ListContainers(const std::string& sandbox_id) override {
    auto all = ListAll(sandbox_id);
    if (all) std::erase_if(*all, [](const ContainerStatus& c) { return c.name == kSandboxName; });
    return all;
  }

  void AwaitChange(nanoseconds timeout, const std::stop_token& stop) override {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    while (!stop.stop_requested()) {
      const auto left = deadline - std::chrono::steady_clock::now();
      if (left <= nanoseconds::zero()) return;
      pollfd wait{.fd = inotify_.get(), .events = POLLIN, .revents = 0};
      const auto slice = std::min<nanoseconds>(left, milliseconds(100));
      if (poll(&wait, 1, static_cast<int>(slice / milliseconds(1)) + 1) > 0) {
        char events[4096];
        while (read(inotify_.get(), events, sizeof events) > 0) {
        }
        return;
      }
    }
  }

  Status ReopenLog(const std::string& id) override {
    auto parsed = ParseId(id);
    if (!parsed) return parsed.error();
    return ReopenConmonLog(Bundle(parsed->sandbox, parsed->name, parsed->attempt));
  }

 private:
  std::string SandboxDir(const std::string& id) const { return options_.dir + "/sandboxes/" + id; }
  // Not below DIR, which can be removed while no Leat runs, and forgotten with its mounts by a
  // restart of the machine. Container ids, the other names there, have a "_".
  SandboxNamespaces Namespaces(const std::string& id) const {
    return SandboxNamespaces(socket_dir_ + "/" + id);
  }
  std::string Bundle(const std::string& sandbox, const std::string& name, int attempt) const {
    return fmt::format("{}/{}_{}", SandboxDir(sandbox), name, attempt);
  }
  std::string ExitDir() const { return options_.dir + "/exits"; }
  std::string ExitFile(const std::string& id) const { return ExitDir() + "/" + id; }
  std::string RuncRoot() const { return options_.dir + "/runc"; }

  bool IsRunning(const ParsedId& id) {
    const auto status = StatusOf(id.sandbox, id.name, id.attempt);
    return status && status->state != ContainerState::kExited;
  }

  // A start that was cut short left it: made, but nobody holds it, so that no exit will be noted.
  bool NeverStarted(const ParsedId& id) {
    const auto status = StatusOf(id.sandbox, id.name, id.attempt);
    return status && status->state == ContainerState::kCreated &&
           !IsAlive(ConmonPidFile(Bundle(id.sandbox, id.name, id.attempt)), "conmon");
  }

  // Whoever asked for this start is dead. Either it runs, and its conmon holds it, or it never was.
  Status SettleStart(const ContainerStatus& container) {
    const std::string bundle = Bundle(container.sandbox_id, container.name, container.attempt);
    const auto held = [&] { return IsAlive(ConmonPidFile(bundle), "conmon"); };
    const auto give_up = std::chrono::steady_clock::now() + seconds(10);
    std::string state = StateInRunc(container.id);
    // Its conmon may be about to make it, or to note its end.
    while ((state.empty() || state == "stopped") && held() &&
           std::chrono::steady_clock::now() < give_up) {
      RealClock().SleepFor(milliseconds(20), {});
      state = StateInRunc(container.id);
    }
    if (io::Exists(ExitFile(container.id))) return {};
    if (state == "running" && held()) return io::WriteFile(bundle + "/started", "");
    LogInfo("a container's start was cut short", {{"id", container.id}});
    return RemoveContainer(container.id);
  }

  // Else it could note the end of a container that is gone already. Bounded: a conmon that hangs
  // holds up nobody.
  static void AwaitConmonsEnd(const std::string& bundle) {
    const auto give_up = std::chrono::steady_clock::now() + seconds(5);
    while (IsAlive(ConmonPidFile(bundle), "conmon") && std::chrono::steady_clock::now() < give_up)
      RealClock().SleepFor(milliseconds(5), {});
  }

  // Its standard output.
  Result<std::string> Runc(std::vector<std::string> arguments) const {
    std::vector<std::string> argv = {"runc", "--root", RuncRoot()};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    auto done = io::Run({.argv = std::move(argv)}, seconds(60));
    if (!done) return done.error();
    if (!done->exit.ok()) return Error{Code::kInvalid, RuncReason(done->err)};
    return std::move(done->out);
  }

  // "created", "running", "stopped"; "" when runc has no such container.
  std::string StateInRunc(const std::string& id) const {
    const auto text = Runc({"state", id});
    const auto state = text ? json::Parse(*text) : Result<json::Value>(text.error());
    return state ? (*state)["status"].Str() : "";
  }

  Result<SandboxConfig> LoadSandbox(const std::string& id) const {
    auto text = io::ReadFile(SandboxDir(id) + "/sandbox.json");
    if (!text) return text.error();
    auto saved = json::Parse(*text);
    if (!saved) return saved.error();
    return SandboxConfig{.pod_uid = id,
                         .ns = (*saved)["namespace"].Str(),
                         .pod_name = (*saved)["name"].Str(),
                         .hostname = (*saved)["hostname"].Str(),
                         .hosts_file = (*saved)["hostsFile"].Str(),
                         .share_pid = (*saved)["sharePid"].AsBool(),
                         .host_pid = (*saved)["hostPid"].AsBool(),
                         .host_ipc = (*saved)["hostIpc"].AsBool()};
  }

  Status MakeBundle(const SandboxConfig& sandbox, const ContainerConfig& config,
                    const std::string& bundle) const {
    if (auto made = io::MakeDirs(bundle, 0700); !made) return made;
    const std::string root = bundle + "/rootfs";
    if (auto made = MakeHostRoot(root, sandbox.hostname); !made) return made;
    std::string pid_namespace;
    if (sandbox.share_pid && config.name != kSandboxName) {
      auto pid = io::ReadFile(PidFile(Bundle(sandbox.pod_uid, kSandboxName, 0)));
      if (!pid) return pid.error();
      pid_namespace = fmt::format("/proc/{}/ns/pid", Trim(*pid));
    }
    const json::Value meta = json::Object({{"imageId", config.image.id}});
    if (auto kept = io::WriteFile(bundle + "/meta.json", json::Print(meta)); !kept) return kept;
    const SandboxNamespaces shared = Namespaces(sandbox.pod_uid);
    SandboxConfig shown = sandbox;
    // The process that holds the pid namespace only waits; it starts before the file is there.
    if (config.name == kSandboxName) shown.hosts_file.clear();
    const json::Value oci =
        OciConfig({.sandbox = shown,
                   .container = config,
                   .root = root,
                   .image_mounts = HostRootMounts(options_.programs_dir),
                   .cgroups_path = fmt::format("/leat/{}/{}", sandbox.pod_uid, config.name),
                   .pid_namespace = pid_namespace,
                   .ipc_namespace = shared.ipc,
                   .uts_namespace = shared.uts,
                   .shm = shared.shm});
    return io::WriteFile(bundle + "/config.json", json::Print(oci));
  }

  Result<std::vector<ContainerStatus>> ListAll(const std::string& sandbox_id) {
    auto names = io::ListDir(SandboxDir(sandbox_id));
    if (!names && names.error().code == Code::kNotFound) return std::vector<ContainerStatus>();
    if (!names) return names.error();
    std::vector<ContainerStatus> all;
    for (const std::string& entry : *names) {
      auto parsed = ParseId(sandbox_id + "_" + entry);
      if (!parsed) continue;  // sandbox.json and the like
      auto status = StatusOf(sandbox_id, parsed->name, parsed->attempt);
      if (status) all.push_back(std::move(*status));
    }
    return all;
  }

  // kNotFound when there is no such container.
  Result<ContainerStatus> StatusOf(const std::string& sandbox, const std::string& name,
                                   int attempt) {
    const std::string bundle = Bundle(sandbox, name, attempt), id = IdOf(sandbox, name, attempt);
    auto text = io::ReadFile(bundle + "/meta.json");
    if (!text) return text.error();
    const auto meta = json::Parse(*text);
    ContainerStatus status{.id = id, .sandbox_id = sandbox, .name = name, .attempt = attempt};
    if (meta) status.image_id = (*meta)["imageId"].Str();
    status.created_at = ModifiedAt(bundle + "/meta.json");
    const bool started = io::Exists(bundle + "/started");
    if (started) status.started_at = ModifiedAt(bundle + "/started");
    auto exit_text = io::ReadFile(ExitFile(id));
    if (!exit_text && started && !IsAlive(ConmonPidFile(bundle), "conmon")) {
      // conmon was killed, or the machine restarted: nobody will ever know how it ended. (It may
      // have written the file just now.)
      exit_text = io::ReadFile(ExitFile(id));
      if (!exit_text) {
        (void)Runc({"kill", "--all", id, "KILL"});
        if (auto marked = io::WriteFile(bundle + "/lost", ""); !marked) return marked.error();
        if (auto noted = io::WriteFile(ExitFile(id), kLostExit); !noted) return noted.error();
        LogWarning("a container's end was lost", {{"id", id}});
        exit_text = std::string(kLostExit);
      }
    }
    if (exit_text) {
      status.state = ContainerState::kExited;
      status.exit_code = static_cast<int>(ParseInt(Trim(*exit_text)).value_or(255));
      status.finished_at = ModifiedAt(ExitFile(id));
      // We note the start when runc has told us of it: what is short may have ended by then.
      status.started_at = std::min(status.started_at, status.finished_at);
      status.oom_killed = io::Exists(OomFile(bundle));
      status.lost = io::Exists(bundle + "/lost");
      if (auto error = io::ReadFile(bundle + "/error"); error) status.error = std::move(*error);
    } else {
      status.state = started ? ContainerState::kRunning : ContainerState::kCreated;
    }
    return status;
  }

  // All containers of a pod together may have as many processes as one of them.
  static void BoundPids(const std::string& sandbox, int64_t pids) {
    for (const char* hierarchy : {"/sys/fs/cgroup/pids", "/sys/fs/cgroup"}) {
      const std::string file = fmt::format("{}/leat/{}/pids.max", hierarchy, sandbox);
      if (!io::Exists(file)) continue;
      auto fd = io::Open(file, O_WRONLY);
      const Status written = fd ? io::WriteAll(fd->get(), std::to_string(pids)) : fd.error();
      if (!written) LogWarning("a pod's processes are not limited", {{"error", written.error()}});
    }
  }

  // runc removes a container's own cgroups; their parent is ours.
  void RemoveCgroups(const std::string& sandbox) const {
    const auto hierarchies = io::ListDir("/sys/fs/cgroup");
    if (!hierarchies) return;
    (void)rmdir(("/sys/fs/cgroup/leat/" + sandbox).c_str());  // pure v2
    for (const std::string& hierarchy : *hierarchies)
      (void)rmdir(fmt::format("/sys/fs/cgroup/{}/leat/{}", hierarchy, sandbox).c_str());
  }

  const RuncOptions options_;
  ImageCatalogue& catalogue_;
  std::string socket_dir_;
  io::UniqueFd inotify_;
};

}  // namespace

std::string RunDir(const std::string& dir) {
  return "/run/leat/" + HexEncode(hash::Digest(hash::Algorithm::kSha256, dir)).substr(0, 12);
}

std::unique_ptr<ContainerRuntime> MakeRuncRuntime(RuncOptions options, ImageCatalogue& catalogue) {
  return std::make_unique<RuncRuntime>(std::move(options), catalogue);
}

}  // namespace leat::node
