// How many descriptors this process may have.
#pragma once

#include <sys/resource.h>

#include <algorithm>
#include <cstddef>

namespace leat::io {

// RLIMIT_NOFILE; "unlimited" is what Linux allows.
inline size_t DescriptorLimit() {
  constexpr rlim_t kMost = 1 << 20;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  return static_cast<size_t>(std::min(limit.rlim_cur, kMost));
}

}  // namespace leat::io
