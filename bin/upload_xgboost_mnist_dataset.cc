// upload_xgboost_mnist_dataset: Fashion-MNIST as the CSV that SageMaker's XGBoost reads, into S3.
#include "cli/mnist_upload.h"

int main(int argc, char** argv) { return leat::cli::MnistUploadMain(argc, argv); }
