// The built-in XGBoost container's hyperparameters: their names, types and ranges.
//
// Where today's XGBoost and the container of 2018 differ, Leat does this:
// - tree_method absent or "auto" means hist. GPU methods are refused.
// - eval_metric absent means what the container printed: merror for multi:*, error for
//   binary:logistic; for every other objective XGBoost's own default (rmse for regression).
// - silent=1 is verbosity 0, unless verbosity is given; reg:linear is reg:squarederror.
// - sketch_eps, lambda_bias, dsplit and a few more have no meaning in XGBoost 1.7: they are
// checked,
//   then left out, and `notes` says so.
// - _tuning_objective_metric ("validation:auc", set by tuning jobs) adds its metric.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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
  std::vector<std::string> eval_metrics;  // empty: XGBoost's default for the objective
  int early_stopping_rounds = 0;          // 0: never stop early
  bool csv_weights = false;
  bool save_model_on_termination = false;
  // For XGBoosterSetParam, in this order; all of the above that XGBoost knows included.
  std::vector<std::pair<std::string, std::string>> booster_parameters;
  std::vector<std::string> notes;  // for the log, one line each

  // Whether the trees are grown from binned data only, so that the raw values may be dropped.
  bool GrowsFromBins() const;
};

// Checks and reads all hyperparameters; kInvalid names the first (by name) that is unknown, of the
// wrong type, out of its range, missing, or not supported. `cores` is the default of nthread.
Result<Hyperparameters> ParseHyperparameters(const std::map<std::string, std::string>& given,
                                             int cores);

// Which labels the objective can learn from.
LabelRule LabelsFor(const Hyperparameters& parameters);

}  // namespace leat::algorithms
