// S3 for commands that a person runs: what they wait for is told on stderr, and an endpoint that
// does not answer is named with how to choose another.
#pragma once

#include <functional>

#include "base/result.h"
#include "objectstore/s3_client.h"

namespace leat::cli {

// As the AWS environment and shared files say, with retries for 20 s, whose reasons are told on
// stderr. kNotFound when there is no key.
Result<objectstore::S3Options> FindS3Access();

// Runs `call`, the first one to an endpoint: when it takes longer than two seconds, stderr says
// whom it waits for, and an error of an endpoint that cannot be reached says how to choose another.
Status FirstCall(const objectstore::S3Options& access, const std::function<Status()>& call);

}  // namespace leat::cli
