#include "fuse/device.h"

#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/log.h"
#include "base/result.h"

namespace leat::fuse {

ssize_t Device::Read(std::span<char> buffer) {
  const ssize_t got = ::read(fd_.get(), buffer.data(), buffer.size());
  return got < 0 ? -errno : got;
}

void Device::Answer(uint64_t unique, int error, std::span<const std::string_view> parts) {
  if (muted_.load(std::memory_order_relaxed)) return;
  // The kernel refuses what is no errno, and then nobody would be answered.
  if (error < 0 || error > 511) error = EIO;
  const int failed = Write({.length = 0, .error = -error, .unique = unique}, parts);
  // ENOENT: whoever asked is gone. ENODEV: the mount is.
  if (failed != 0 && failed != ENOENT && failed != ENODEV)
    LogWarning("the kernel refused a reply", {{"errno", failed}, {"unique", unique}});
}

int Device::Notify(abi::Notice notice, std::span<const std::string_view> parts) {
  return Write({.length = 0, .error = static_cast<int32_t>(notice), .unique = 0}, parts);
}

int Device::Write(const abi::OutHeader& header, std::span<const std::string_view> parts) {
  abi::OutHeader out = header;
  out.length = sizeof(out);
  std::array<iovec, 4> vectors;
  LEAT_CHECK(parts.size() < vectors.size(), "a reply has too many parts");
  vectors[0] = {&out, sizeof(out)};
  int count = 1;
  for (const std::string_view part : parts) {
    vectors[count++] = {const_cast<char*>(part.data()), part.size()};
    out.length += static_cast<uint32_t>(part.size());
  }
  return ::writev(fd_.get(), vectors.data(), count) < 0 ? errno : 0;
}

}  // namespace leat::fuse
