// How many threads serve a mount. Inside the module.
#pragma once

#include "fuse/session.h"

namespace leat::fuse {

// What the option says, else one for each processor that this process may use, 4 to 16.
int ThreadsFor(const SessionOptions& options);

}  // namespace leat::fuse
