// Brings the pods of a TrainingRun, and its status, one step nearer to what it asks for.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "api/object_client.h"
#include "awsserver/log_store.h"
#include "base/mutex.h"
#include "engine/engine.h"
#include "engine/log_collector.h"
#include "engine/metric_reader.h"
#include "engine/run_status.h"
#include "reconcile/controller.h"
#include "reconcile/events.h"

namespace leat::engine {

class RunReconciler : public reconcile::Reconciler {
 public:
  RunReconciler(EngineOptions options, api::ObjectClient& client, awsserver::LogStore& logs,
                Clock& clock);
  Result<reconcile::Outcome> Reconcile(const api::ObjectName& key,
                                       const std::stop_token& stop) override;

 private:
  // A finished run: its key and pods go, and it too when its time is over.
  Result<reconcile::Outcome> CleanUp(const json::Value& run);
  Result<reconcile::Outcome> Advance(const json::Value& run, const Job& job);
  // Fills in hosts and vanished; makes what is missing of a run that is to run.
  Status Gather(RunFacts& facts);
  // Also says how the hosts differ from what was asked for.
  Status MakeMissing(RunFacts& facts, const std::vector<std::string>& missing);
  // Fills in unmet_since. It is remembered here alone: after a restart the wait begins again, as
  // device plugins do.
  void RememberUnmet(RunFacts& facts);
  void ForgetUnmet(const api::ObjectName& run);
  // Tells `upload` of each host what it cannot see: the exit code, a stop.
  Status Annotate(const RunFacts& facts);
  // Follows the logs; true once those of ended algorithms are complete.
  bool CollectLogs(const RunFacts& facts);
  // Fills in metrics from the logs.
  MetricReader::Reading ReadMetrics(RunFacts& facts, bool at_end);
  std::string LastLines(const Job& job, const HostState& host);
  Result<reconcile::Outcome> WriteStatus(const json::Value& run, json::Value status);

  // kConflict while an object of that name belongs to another owner.
  Status CreateOnce(const api::Gvr& type, const json::Value& object);
  // Deletes those pods of the run that `which` holds for; all when it is unset.
  Status DeletePods(const json::Value& run,
                    const std::function<bool(const json::Value& pod)>& which = {});

  const EngineOptions options_;
  api::ObjectClient& client_;
  awsserver::LogStore& logs_;
  Clock& clock_;
  reconcile::EventRecorder events_;
  LogCollector collector_;
  MetricReader metrics_;
  struct Unmet {
    std::string run_uid;
    WallTime since;
  };
  Mutex mu_;
  std::map<api::ObjectName, Unmet> unmet_ GUARDED_BY(mu_);  // by run
};

}  // namespace leat::engine
