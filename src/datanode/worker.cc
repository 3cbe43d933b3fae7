#include "datanode/worker.h"

#include <poll.h>
#include <unistd.h>

#include <optional>

#include "base/log.h"
#include "datanode/control_client.h"
#include "datanode/control_server.h"
#include "datanode/operations.h"
#include "io/file.h"
#include "io/wait.h"

namespace leat::datanode {
namespace {

constexpr std::chrono::milliseconds kTick{500};

// Waits for one tick; true when the supervisor is dead.
bool SupervisorDied(const Keeper& keeper) {
  pollfd poll{.fd = keeper.socket(), .events = 0, .revents = 0};  // POLLHUP needs no asking
  const auto ready = io::Poll({&poll, 1}, std::chrono::steady_clock::now() + kTick);
  return ready && *ready > 0;
}

Result<std::unique_ptr<DataNode>> StartNode(const WorkerOptions& options, Keeper& keeper,
                                            Clock& clock) {
  const MonoTime until = clock.Monotonic() + options.patience;
  while (true) {
    auto node = DataNode::Start(options.node, keeper, clock);
    const bool held = !node && node.error().code == Code::kAlreadyExists;
    if (!held || clock.Monotonic() >= until || SupervisorDied(keeper)) return node;
  }
}

// For a while, so that who waits for an answer gets one.
void TellWhyNot(const WorkerOptions& options, const Error& why, const Keeper& keeper,
                Clock& clock) {
  const ControlServer server(options.control.get(),
                             [&](const json::Value&, const Tell&, const std::stop_token&) {
                               return Result<json::Value>(why);
                             });
  const MonoTime until = clock.Monotonic() + options.patience;
  while (clock.Monotonic() < until && !SupervisorDied(keeper)) {
  }
}

}  // namespace

int RunWorker(WorkerOptions options, Clock& clock) {
  Result<Keeper> keeper = Keeper::Connect(std::move(options.keeper));
  if (!keeper) {
    LogError("the worker cannot reach its supervisor", {{"error", keeper.error()}});
    return 1;
  }
  auto node = StartNode(options, *keeper, clock);
  if (!node) {
    LogError("the data node cannot start", {{"error", node.error()}});
    Error why = node.error().Within("the data node cannot start");
    if (why.code == Code::kAlreadyExists) {
      why.message +=
          "; it may be a worker whose supervisor died, and which serves files that are still open: "
          "close them, or end that process";
    }
    TellWhyNot(options, why, *keeper, clock);
    // With mounts to keep, the supervisor tries again.
    return 0;
  }
  LogInfo("data node started", {{"cache", options.node.directories[0].path}});

  Operations operations(**node, options.node);
  std::optional<ControlServer> server(
      std::in_place, options.control.get(),
      [&](const json::Value& request, const Tell& tell, const std::stop_token& stop) {
        return operations.Do(request, tell, stop);
      });
  while (!SupervisorDied(*keeper)) {
    if (operations.leaving()) {
      LogInfo("the data node ends, since one with other options is wanted");
      return kLeftToOther;
    }
    const auto idle_since = server->IdleSince();
    if ((*node)->empty() && idle_since && clock.Monotonic() - *idle_since >= options.linger)
      return 0;
  }
  LogWarning("the supervisor is dead: the mounts are detached, open files are served to the end");
  server.reset();
  // Removed while it is listened on: nobody else can have made it anew.
  (void)io::Remove(ControlSocketOf(options.node.directories[0].path));
  options.control.Reset();
  (*node)->Drain({});
  LogInfo("the last file is closed");
  return 0;
}

}  // namespace leat::datanode
