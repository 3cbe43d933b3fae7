// Rows of training data in memory, as the parsers make them and XGBoost takes them.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace leat::algorithms {

// Some consecutive rows. A dense block (CSV) holds rows * columns values, row by row, with NaN for
// missing; a sparse block (libsvm) holds only the entries that were written.
struct RowBlock {
  size_t rows = 0;
  std::vector<float> labels;     // one a row, or empty when the data has none
  std::vector<float> weights;    // one a row, or empty
  std::vector<uint32_t> groups;  // one a row (libsvm's qid), or empty
  std::vector<float> values;
  std::vector<uint64_t> row_starts;  // sparse only: rows + 1 indices into values
  std::vector<uint32_t> columns;     // sparse only: one a value
  size_t column_count = 0;           // sparse: the largest column seen, plus one
  size_t entries = 0;                // values that are not missing
};

// Which labels an objective can learn from.
struct LabelRule {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool whole = false;      // whole numbers only
  bool above_min = false;  // min itself is not allowed
  std::string reason;      // "num_class is 10"; shown to the user

  bool Allows(double label) const {
    return std::isfinite(label) && label <= max && (above_min ? label > min : label >= min) &&
           (!whole || label == std::floor(label));
  }
  // "label 10 is not a whole number from 0 to 9 (num_class is 10)".
  std::string Explain(double label) const;
};

// A row that cannot be used. `line` counts from 0 within the parsed text.
struct RowError {
  uint64_t line = 0;
  std::string message;
};

}  // namespace leat::algorithms
