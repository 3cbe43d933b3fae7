// Watches one metric and says when it has stopped getting better, by the rules of Python's
// xgboost.train(early_stopping_rounds=...): the last metric of the last data set counts; only a
// strictly better value is an improvement.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace leat::algorithms {

struct MetricValue {
  std::string name;  // "validation-merror"
  double value = 0;
};

// Reads XGBoost's "[3]\ttrain-merror:0.15\tvalidation-merror:0.17" into its values, in order;
// kInternal when the line has another form.
Result<std::vector<MetricValue>> ParseEvaluation(std::string_view line);

class EarlyStopping {
 public:
  // Never stops when `rounds` is 0.
  explicit EarlyStopping(int rounds) : rounds_(rounds) {}

  // Takes the values of the next round; true when training should end after it. `values` is not
  // empty.
  bool ShouldStop(int round, const std::vector<MetricValue>& values);

  bool active() const { return rounds_ > 0; }
  int best_round() const { return best_round_; }  // -1 before the first round
  double best_score() const { return best_score_; }
  const std::string& metric() const { return metric_; }

 private:
  const int rounds_;
  std::string metric_;
  int best_round_ = -1;
  double best_score_ = 0;
  int rounds_without_gain_ = 0;
};

}  // namespace leat::algorithms
