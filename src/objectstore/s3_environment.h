// S3 as the AWS environment and shared files describe it.
#pragma once

#include "objectstore/s3_client.h"

namespace leat::objectstore {

// Endpoint, region, key and trust anchors from the environment, else the shared files. The key is
// empty when none is found; aws::FindCredentials says where it looked.
S3Options S3OptionsFromEnvironment();

}  // namespace leat::objectstore
