// `leat-ml predict` and `leat-ml evaluate`: a trained model against rows of CSV without a label.
#pragma once

#include <string>

#include "base/result.h"

namespace leat::algorithms {

// Writes one line a row of `data` (a CSV file, or a directory of them): the prediction, or one
// number a class with commas between. `out` is replaced in one step.
Status PredictToFile(const std::string& model, const std::string& data, const std::string& out);

struct Accuracy {
  size_t correct = 0;
  size_t total = 0;

  std::string ToString() const;  // "accuracy 0.8346 (8346 of 10000)"
};

// Predicts the rows and compares with the IDX labels; kInvalid when there are not as many.
Result<Accuracy> Evaluate(const std::string& model, const std::string& data,
                          const std::string& labels);

}  // namespace leat::algorithms
