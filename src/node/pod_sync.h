// The node's reconciler: brings one pod's containers to what its object asks for.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "api/object_client.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "node/addresses.h"
#include "node/log_rotation.h"
#include "node/pod_dirs.h"
#include "node/pod_plan.h"
#include "node/runtime.h"
#include "node/volumes.h"
#include "reconcile/controller.h"
#include "reconcile/events.h"

namespace leat::node {

class PodSync : public reconcile::Reconciler {
 public:
  PodSync(std::string node_name, PodDirs dirs, api::ObjectClient& client, Clock& clock,
          ContainerRuntime& runtime, AddressBook& addresses, DataMounter& mounter,
          LogRotation& logs);

  Result<reconcile::Outcome> Reconcile(const api::ObjectName& key,
                                       const std::stop_token& stop) override;
  // Fails a pod that takes more than it may: its containers are killed, its status says why.
  // kConflict when it has changed since.
  Status Evict(const json::Value& pod, const std::string& message);
  // Ends and removes what is left of pods that were there since KeepOrphans, and are gone (or were
  // replaced).
  Status RemoveOrphans();
  // Before all else: of pods that nobody has seen go. They were deleted just before a crash,
  // or the database is an older or another one. Their containers are ended, their volumes and logs
  // are moved to lost+found. One that fails holds up no other; after an error all that is left is
  // tried by another call, at any time.
  Status KeepOrphans();
  // The termination message of a run that has ended. It is on the disk when this returns, for its
  // file goes with the sandbox. "" when there is none.
  std::string KeepMessage(const std::string& uid, const ContainerStatus& run) const;

 private:
  struct Pod;  // one reconcile's view
  Result<reconcile::Outcome> Run(Pod& pod, const std::stop_token& stop);
  Result<reconcile::Outcome> CleanUp(Pod& pod);  // it has ended
  Result<reconcile::Outcome> End(Pod& pod);      // it is being deleted
  // Once nothing of it runs any more; its files and logs stay.
  Status StopSandbox(const std::string& uid);
  // Ends what still runs: SIGTERM, and SIGKILL once `deadline` has passed. True when nothing runs.
  Result<bool> EndContainers(const Pod& pod, WallTime deadline);
  // Does what the plan says, as far as images and volumes are there; else the containers wait, and
  // say for what.
  Status StartContainers(Pod& pod, const PodPlan& plan, const std::stop_token& stop);
  void StartContainer(Pod& pod, const PodPlan::Start& start, const VolumePaths& volumes);
  // With their logs, but for the last one: its log is `kubectl logs --previous`.
  void RemoveEarlierRuns(const Pod& pod, const std::string& container);
  Status RemoveRun(const std::string& uid, const ContainerStatus& run);
  // Whether all of the pod's images are there.
  bool FindImages(Pod& pod);
  // nullopt: it is not there, or one of the container's starts has failed a moment ago.
  std::optional<Image> FindImage(Pod& pod, const json::Value& container);
  // The container waits, and is tried again.
  void Wait(Pod& pod, const std::string& container, const char* reason, const Error& error);
  Status WriteStatus(const Pod& pod, const std::optional<std::string>& finished);
  // Uids of what is here and not in the API; notes who is in the API.
  Result<std::vector<std::string>> FindOrphans();
  Status Forget(const std::string& uid);
  // Ends its containers and unmounts its volumes.
  Status Release(const std::string& uid);
  Status SetAside(const std::string& uid);
  void WriteHosts(const Pod& pod);
  std::string TerminationMessage(const Pod& pod, const ContainerStatus& run) const;

  // A container that could not be started for a reason that may pass: when to try again. Lost at a
  // restart, which is a fine time to try.
  struct Retry {
    Waiting why;
    int failures = 0;
    MonoTime not_before;
  };
  std::optional<Retry> RetryOf(const std::string& uid, const std::string& container);
  void Failed(const std::string& uid, const std::string& container, const Waiting& why);

  const std::string node_name_;
  const PodDirs dirs_;
  api::ObjectClient& client_;
  Clock& clock_;
  ContainerRuntime& runtime_;
  AddressBook& addresses_;
  DataMounter& mounter_;
  LogRotation& logs_;
  reconcile::EventRecorder events_;
  Mutex mu_;
  std::map<std::pair<std::string, std::string>, Retry> retries_ GUARDED_BY(mu_);
  std::set<std::string> seen_ GUARDED_BY(mu_);  // uids of pods that were in the API
};

}  // namespace leat::node
