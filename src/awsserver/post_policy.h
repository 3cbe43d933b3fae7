// POST policies: what a signed form lets its sender upload.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "awsserver/object_index.h"
#include "awsserver/service.h"
#include "base/clock.h"

namespace leat::awsserver {

// How large the file may be.
struct SizeLimits {
  uint64_t min = 0;
  uint64_t max = UINT64_MAX;
};

// Holds the fields of a form (names in lower case, the file's left out, "bucket" put in) against
// the policy's JSON. AccessDenied "Invalid according to Policy: ..." names the condition that
// fails, a field that no condition mentions, or the expiry; InvalidPolicyDocument for a malformed
// one.
Answer<SizeLimits> CheckPostPolicy(std::string_view policy_json, const Fields& form, WallTime now);

}  // namespace leat::awsserver
