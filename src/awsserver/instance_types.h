// SageMaker's instance types for training: what CreateTrainingJob takes, and what each one has.
#pragma once

#include <span>
#include <string_view>

namespace leat::awsserver {

struct InstanceType {
  const char* name;  // "ml.m4.xlarge"
  int vcpus = 0;
  double gib = 0;
  int gpus = 0;     // of NVIDIA
  int neurons = 0;  // Trainium devices
};

// All of them, in AWS's order.
std::span<const InstanceType> InstanceTypes();
// nullptr when there is none of that name.
const InstanceType* FindInstanceType(std::string_view name);

}  // namespace leat::awsserver
