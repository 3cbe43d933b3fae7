// upload_xgboost_mnist_dataset: the data set of the SageMaker operators' XGBoost example, from
// Debian's dataset-fashion-mnist.
#pragma once

namespace leat::cli {

// Writes s3://BUCKET/PREFIX/{train,validation,test}/examples: 50,000, 10,000 and 10,000 rows of 784
// pixels divided by 256, the label first in train and validation, each number as "%.18e". Makes the
// bucket when it is absent. Exit status 0, 1 for an error, 2 for wrong arguments.
int MnistUploadMain(int argc, char** argv);

}  // namespace leat::cli
