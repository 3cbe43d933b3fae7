// `leat-ml train`: one training job by the SageMaker container contract.
//
//   <root>/input/config/*.json, <root>/input/data/<channel>/  ->  <root>/model/xgboost-model
//   on failure: the reason in <root>/output/failure
#pragma once

#include <atomic>
#include <string>

#include "algorithms/training_input.h"
#include "algorithms/training_log.h"
#include "base/result.h"

namespace leat::algorithms {

// How SIGTERM reaches a training. The signal handler of bin/ sets `requested` when `keeps_model` is
// set, and otherwise ends the process at once; both are lock-free, so a handler may touch them.
struct Termination {
  std::atomic<bool> requested{false};
  std::atomic<bool> keeps_model{false};  // save_model_on_termination is "true"
};

// Trains and writes the model file. Ends early at the next round once termination is requested, and
// then keeps the rounds done. Errors are fit to be shown to the user as they are.
Status TrainXgboost(const TrainingInput& input, const Termination& termination, TrainingLog& log);

// The whole job: reads the input, trains, and on failure logs the reason and writes the failure
// file. `release` is what the job's image stands for. Returns the process's exit status: 0 or 1.
int RunTrainingJob(const std::string& root, ContainerRelease release, Termination& termination,
                   TrainingLog& log);

}  // namespace leat::algorithms
