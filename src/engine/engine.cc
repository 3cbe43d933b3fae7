#include "engine/engine.h"

#include "awsserver/awsserver.h"
#include "engine/objects.h"
#include "engine/run_reconciler.h"
#include "reconcile/controller.h"

namespace leat::engine {
namespace {

class PodEngine : public Engine {
 public:
  PodEngine(EngineOptions options, api::ObjectClient& client, awsserver::LogStore& logs,
            Clock& clock)
      : runs_(std::move(options), client, logs, clock),
        controller_(client, clock,
                    {.name = "trainingrun",
                     .sources = {{.type = api::gvr::kTrainingRuns,
                                  .selection = {.ns = awsserver::kEngineNamespace},
                                  .keys_of = {}},
                                 {.type = api::gvr::kPods,
                                  .selection = {.ns = awsserver::kEngineNamespace,
                                                .label_selector = kRunLabel},
                                  .keys_of = reconcile::OwnerOfKind("TrainingRun")}},
                     .workers = 4},
                    runs_) {}

 private:
  RunReconciler runs_;
  reconcile::Controller controller_;
};

}  // namespace

std::unique_ptr<Engine> Engine::Start(EngineOptions options, api::ObjectClient& client,
                                      awsserver::LogStore& logs, Clock& clock) {
  return std::make_unique<PodEngine>(std::move(options), client, logs, clock);
}

}  // namespace leat::engine
