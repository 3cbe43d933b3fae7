// Watches one metric and says when it has stopped getting better, by the rules of Python's
// xgboost.train(early_stopping_rounds=...): only a strictly better value is an improvement.
#pragma once

namespace leat::algorithms {

class EarlyStopping {
 public:
  struct Options {
    int rounds = 0;  // at least 1: how many without a better value end the training
    bool more_is_better = false;
  };
  explicit EarlyStopping(const Options& options) : options_(options) {}

  // Takes the metric's value after the next round; true when training should end after it.
  bool ShouldStop(int round, double value);

  int best_round() const { return best_round_; }  // -1 before the first round
  double best_score() const { return best_score_; }

 private:
  const Options options_;
  int best_round_ = -1;
  double best_score_ = 0;
  int rounds_without_gain_ = 0;
};

}  // namespace leat::algorithms
