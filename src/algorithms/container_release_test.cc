#include "algorithms/container_release.h"

#include <gtest/gtest.h>

namespace leat::algorithms {
namespace {

TEST(ContainerRelease, IsSaidByTheImagesTag) {
  for (const char* image :
       {"811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:1",
        "811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:latest",
        "433757028032.dkr.ecr.us-west-2.amazonaws.com/xgboost",
        "390948362332.dkr.ecr.cn-northwest-1.amazonaws.com.cn/xgboost:1",
        "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:0.90-1-cpu-py3",
        "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.0-1-cpu-py3",
        "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.2-2@sha256:00ff",
        "example.com/mirror/sagemaker-xgboost:1.2-1", "leat.dev/xgboost:0.90"})
    EXPECT_EQ(ReleaseOf(image), ContainerRelease::kBefore13) << image;
  for (const char* image :
       {"683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.3-1",
        "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1",
        "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.0-5",
        "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.10-1",
        "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:latest",
        "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost",
        "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost@sha256:00ff",
        "leat.dev/xgboost:1.7", "leat.dev/xgboost", "example.com/xgboost:1", "xgboost", ""})
    EXPECT_EQ(ReleaseOf(image), ContainerRelease::kSince13) << image;
}

}  // namespace
}  // namespace leat::algorithms
