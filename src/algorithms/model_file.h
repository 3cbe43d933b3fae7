// Files around a trained model: the model itself, and IDX files with labels to test it with.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "algorithms/booster.h"
#include "base/result.h"

namespace leat::algorithms {

// Reads the model from a model file, from a directory that holds `xgboost-model`, or straight from
// SageMaker's model.tar.gz (any tar, compressed or not). kNotFound or kCorrupt with the path.
Result<Booster> LoadModelFile(const std::string& path);

// The labels of an IDX1 file of unsigned bytes ("train-labels-idx1-ubyte"), gzipped or not.
Result<std::vector<uint8_t>> ReadIdxLabels(const std::string& path);

// How many of the predictions are the label: the class itself, the most probable class, or, for a
// probability, whether it is above one half. Both must be of the same rows.
size_t CountCorrect(const Prediction& prediction, const std::vector<uint8_t>& labels,
                    size_t first_label);

}  // namespace leat::algorithms
