// The metrics of a round: what XGBoost computes, and beside it what SageMaker's container does.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "algorithms/booster.h"
#include "algorithms/hyperparameters.h"
#include "base/result.h"

namespace leat::algorithms {

struct MetricValue {
  std::string name;  // "validation-merror"
  double value = 0;
};

// Reads XGBoost's "[3]\ttrain-merror:0.15\tvalidation-merror:0.17" into its values, in order;
// kInternal when the line has another form.
Result<std::vector<MetricValue>> ParseEvaluation(std::string_view line);

using NamedMatrices = std::vector<std::pair<std::string, const Matrix*>>;

// Which of a round's values early stopping watches.
struct Watched {
  size_t index = 0;  // in what EvaluateRound returns
  bool more_is_better = false;
};

// The value of every metric on every set: set by set, XGBoost's metrics before the computed ones.
// `sets` is not empty.
Result<std::vector<MetricValue>> EvaluateRound(Booster& booster, int round,
                                               const NamedMatrices& sets,
                                               const Hyperparameters& parameters);

// Which of `values`, those of a round on these sets, is watched; none when there is nothing to
// watch, because early stopping is off or may not watch what there is.
std::optional<Watched> WatchedOf(const std::vector<MetricValue>& values, const NamedMatrices& sets,
                                 const Hyperparameters& parameters);

}  // namespace leat::algorithms
