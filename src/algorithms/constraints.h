// monotone_constraints and interaction_constraints: XGBoost takes wrong ones in silence and trains
// another model, so Leat reads them itself.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace leat::algorithms {

// Which features a model is held to, as far as the data must agree with it.
struct Constraints {
  std::string monotone;             // in XGBoost's form, "(1,0,-1)"; "" without such constraints
  size_t monotone_features = 0;     // how many features `monotone` speaks of
  std::string interaction;          // "[[0,1],[2]]"; "" without
  size_t interaction_features = 0;  // one more than the greatest feature it names
};

// Adds what a value says: numbers -1, 0 or 1 in parentheses or brackets; lists of feature numbers.
// kInvalid names the hyperparameter, the value and what it may be.
Status ReadMonotone(std::string_view value, Constraints& constraints);
Status ReadInteraction(std::string_view value, Constraints& constraints);

// kInvalid when they do not fit data with that many feature columns.
Status CheckColumns(const Constraints& constraints, size_t columns);

}  // namespace leat::algorithms
