// A cache in a directory of its own, for its tests.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "blocks/cache.h"
#include "io/file.h"

namespace leat::blocks {

inline constexpr uint64_t kMiB = 1 << 20;

inline ObjectId Id(int n) { return ObjectId::Of("s3://b/", std::to_string(n), "e", 1); }

class CacheTest : public testing::Test {
 protected:
  std::unique_ptr<Cache> Open(uint64_t limit) {
    return Open({{.path = dir_.path(), .limit = limit}});
  }
  std::unique_ptr<Cache> Open(std::vector<CacheDirectory> directories) {
    auto cache = Cache::Open(std::move(directories), clock_);
    EXPECT_TRUE(cache) << cache.error().message;
    return cache ? std::move(*cache) : nullptr;
  }
  // Opens, fills and closes an object of one MiB; false when it did not get in.
  static bool Put(Cache& cache, int n) {
    cache.Access(Id(n), kMiB);
    auto handle = cache.FindOrCreate(Id(n), kMiB);
    if (!handle) return false;
    EXPECT_TRUE((*handle)->Fill(0, std::string(kMiB, 'x')));
    return true;
  }

  RealClock clock_;
  io::TempDir dir_;
};

// What lies below a path on disk.
inline uint64_t BytesBelow(const std::string& path) {
  uint64_t bytes = 0;
  const auto names = io::ListDir(path);
  for (const std::string& name : names ? *names : std::vector<std::string>()) {
    struct stat status;
    EXPECT_EQ(::lstat((path + "/" + name).c_str(), &status), 0);
    bytes += S_ISDIR(status.st_mode) ? BytesBelow(path + "/" + name)
                                     : static_cast<uint64_t>(status.st_blocks) * 512;
  }
  return bytes;
}

}  // namespace leat::blocks
