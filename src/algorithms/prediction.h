#pragma once

#include <cstddef>
#include <vector>

namespace leat::algorithms {

// What a model says about some rows: `outputs` numbers for each (1, or a probability per class).
struct Prediction {
  size_t outputs = 0;
  std::vector<float> values;
};

}  // namespace leat::algorithms
