#include "algorithms/early_stopping.h"

#include <cmath>

namespace leat::algorithms {

bool EarlyStopping::ShouldStop(int round, double value) {
  const bool more = options_.more_is_better ? value > best_score_ : value < best_score_;
  const bool any = std::isnan(best_score_) && !std::isnan(value);  // nothing compares with NaN
  if (best_round_ < 0 || more || any) {
    best_round_ = round;
    best_score_ = value;
    rounds_without_gain_ = 0;
    return false;
  }
  return ++rounds_without_gain_ >= options_.rounds;
}

}  // namespace leat::algorithms
