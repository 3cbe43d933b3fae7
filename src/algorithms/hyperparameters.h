// The built-in XGBoost container's hyperparameters: their names, types and ranges.
//
// Where today's XGBoost and the container of 2018 differ, Leat does this:
// - tree_method absent or "auto" means hist. GPU methods are refused.
// - eval_metric absent means XGBoost's default, but for the releases of the container before 1.3
//   merror for multi:* and error for binary:logistic.
// - silent=1 is verbosity 0, unless verbosity is given; reg:linear is reg:squarederror.
// - sketch_eps, lambda_bias, dsplit and a few more have no meaning in XGBoost 1.7, others only
//   beside a certain value of another one: `notes` says so.
// - _tuning_objective_metric ("validation:auc", set by tuning jobs) adds its metric.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "algorithms/constraints.h"
#include "algorithms/container_release.h"
#include "algorithms/row_block.h"
#include "base/result.h"

namespace leat::algorithms {

struct Hyperparameters {
  int num_round = 0;
  std::string objective = "reg:squarederror";
  int num_class = 0;  // 0 unless the objective is multi:*
  std::string booster = "gbtree";
  std::string tree_method = "hist";  // never "auto"
  int max_bin = 256;
  int trees_per_round = 1;  // for each class; num_parallel_tree, and 0 for gblinear
  int threads = 1;
  ContainerRelease release = ContainerRelease::kSince13;
  std::vector<std::string> eval_metrics;      // XGBoost's; empty: its default for the objective
  std::vector<std::string> computed_metrics;  // computed_metrics.h
  // Of either: what tuning asked for, else the last of eval_metric; "" when neither was given.
  std::string watched_metric;
  int early_stopping_rounds = 0;  // 0: never stop early
  bool csv_weights = false;
  bool save_model_on_termination = false;
  Constraints constraints;
  // For XGBoosterSetParam, in this order; all of the above that XGBoost knows included.
  std::vector<std::pair<std::string, std::string>> booster_parameters;
  std::vector<std::string> notes;  // for the log, one line each

  // Whether rounds that come later change what the earlier ones say.
  bool RoundsChangeLater() const { return booster != "gbtree"; }
  // Whether the trees are grown from binned data only, so that the raw values may be dropped.
  bool GrowsFromBins() const;
};

// Checks and reads all hyperparameters; kInvalid names the first (by name) that is unknown, of the
// wrong type, out of its range, missing, or not supported. `cores` is the default of nthread.
Result<Hyperparameters> ParseHyperparameters(const std::map<std::string, std::string>& given,
                                             int cores,
                                             ContainerRelease release = ContainerRelease::kSince13);

// Which labels the objective can learn from.
LabelRule LabelsFor(const Hyperparameters& parameters);

}  // namespace leat::algorithms
