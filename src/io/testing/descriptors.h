// A process that is short of descriptors.
#pragma once

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "io/fd.h"

namespace leat::io {

// While it lives, the process may have so many descriptors.
class DescriptorsAtMost {
 public:
  explicit DescriptorsAtMost(rlim_t most) {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    rlimit few = before_;
    few.rlim_cur = most;
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  }
  ~DescriptorsAtMost() { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0); }
  DescriptorsAtMost(const DescriptorsAtMost&) = delete;
  DescriptorsAtMost& operator=(const DescriptorsAtMost&) = delete;

 private:
  rlimit before_;
};

// While it lives, every descriptor that the process may have is in use.
class NoDescriptorsLeft {
 public:
  NoDescriptorsLeft() {
    for (int fd = 0; (fd = ::dup(STDERR_FILENO)) >= 0;) taken_.emplace_back(fd);
    EXPECT_EQ(errno, EMFILE);
  }

 private:
  const DescriptorsAtMost limit_{256};
  std::vector<UniqueFd> taken_;
};

}  // namespace leat::io
