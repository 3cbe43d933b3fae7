// Which release of SageMaker's XGBoost container an image stands for, as far as it matters: the
// releases from 1.3 on have other defaults than those before.
#pragma once

#include <string_view>

namespace leat::algorithms {

enum class ContainerRelease {
  kBefore13,  // default metrics error and merror; early stopping on whatever metric comes last
  kSince13,   // logloss and mlogloss; early stopping only on validation and a metric by its name
};

// By the image's tag ("1.2-2", "0.90-1-cpu-py3"); without a version in it, the repository "xgboost"
// in ECR is that of 2018, and every other name, "" too, the newest.
ContainerRelease ReleaseOf(std::string_view image);

}  // namespace leat::algorithms
