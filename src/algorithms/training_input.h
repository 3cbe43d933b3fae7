// What SageMaker hands to a training container: the files under <root>/input/config, and the
// channels under <root>/input/data.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "algorithms/dataset.h"
#include "algorithms/hyperparameters.h"
#include "base/result.h"

namespace leat::algorithms {

struct Channel {
  std::string name;  // "train"
  std::string dir;   // "/opt/ml/input/data/train"
  TextFormat format = TextFormat::kLibsvm;
  std::string distribution = "FullyReplicated";
};

struct TrainingInput {
  std::string root;  // "/opt/ml"
  Hyperparameters hyperparameters;
  Channel train;
  std::optional<Channel> validation;

  std::string ModelPath() const { return root + "/model/xgboost-model"; }
};

// Reads hyperparameters.json, inputdataconfig.json and resourceconfig.json. kInvalid says what to
// change: a wrong hyperparameter, a missing or unknown channel, an unsupported content type or
// input mode, more than one host. `cores` is the default for nthread.
Result<TrainingInput> ReadTrainingInput(const std::string& root, int cores,
                                        ContainerRelease release = ContainerRelease::kSince13);

// text/csv or csv (parameters: label_size=1, charset), text/libsvm, text/x-libsvm or libsvm; absent
// is libsvm.
// kInvalid names any other type, and those that are supported.
Result<TextFormat> ParseContentType(std::string_view content_type);

}  // namespace leat::algorithms
