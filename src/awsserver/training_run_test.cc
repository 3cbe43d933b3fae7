#include "awsserver/training_run.h"

#include <gtest/gtest.h>

namespace leat::awsserver {
namespace {

TEST(RunName, IsTheJobsNameWhereObjectsMayBeCalledThat) {
  EXPECT_EQ(RunName("us-east-1", "xgboost-mnist-1"), "xgboost-mnist-1");
  EXPECT_EQ(RunName("us-east-1", std::string(63, 'a')), std::string(63, 'a'));
}

TEST(RunName, TellsCasesApart) {
  const std::string upper = RunName("us-east-1", "XGBoost");
  EXPECT_EQ(upper.substr(0, 8), "xgboost-");
  EXPECT_EQ(upper.size(), 16u);
  EXPECT_NE(upper, RunName("us-east-1", "xgBoost"));
  EXPECT_EQ(RunName("us-east-1", std::string(63, 'A')).size(), 63u);
}

TEST(RunStatus, StartsInProgress) {
  const json::Value run = json::Object({{"spec", json::Object()}});
  EXPECT_EQ(RunStatus(run), "InProgress");
  EXPECT_EQ(RunSecondaryStatus(run), "Starting");
  EXPECT_FALSE(IsFinished("Stopping"));
  EXPECT_TRUE(IsFinished("Stopped"));
}

}  // namespace
}  // namespace leat::awsserver
