// How large one object may become.
#pragma once

#include <cstddef>

#include "apiserver/content.h"
#include "base/result.h"
#include "json/value.h"

namespace leat::apiserver {

// Of its JSON text: what a request's body may have, so that every object can also be replaced.
inline constexpr size_t kMaxObjectBytes = kMaxBodyBytes;
// Less than what a parser takes (json::Parse: 200), because lists and watch events wrap objects.
inline constexpr int kMaxObjectDepth = 190;

// kTooLarge or kInvalid for an object that a client wants stored beyond the limits: patches of
// allowed size may add up to it, and it could not be read again. `old_bytes` is the size of what it
// replaces, 0 for a new one: an object that is beyond the limit already may get smaller.
Status CheckLimits(const json::Value& object, size_t old_bytes);

}  // namespace leat::apiserver
