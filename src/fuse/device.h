// One descriptor of /dev/fuse: whole requests in, whole replies out.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>

#include "fuse/abi.h"
#include "fuse/abi_messages.h"
#include "io/fd.h"

namespace leat::fuse {

// Thread-safe. A reply must go out through the descriptor that its request came in by, so each
// Reply shares the ownership of its device.
class Device {
 public:
  explicit Device(io::UniqueFd fd) : fd_(std::move(fd)) {}

  // Blocks for the next request and puts it into `buffer`, of at least 8 KiB; its length. On
  // failure a negative errno: -EINTR after a signal, -ENODEV once the mount is gone, and others
  // that mean "ask again".
  ssize_t Read(std::span<char> buffer);
  // Answers a request; `error` is a positive errno or 0. At most 2 parts.
  void Answer(uint64_t unique, int error, std::span<const std::string_view> parts = {});
  // 0 or an errno.
  int Notify(abi::Notice notice, std::span<const std::string_view> parts = {});
  // Later answers go nowhere, for a successor to give them.
  void Mute() { muted_ = true; }
  int fd() const { return fd_.get(); }

 private:
  int Write(const abi::OutHeader& header, std::span<const std::string_view> parts);

  const io::UniqueFd fd_;
  std::atomic<bool> muted_ = false;
};

// The bytes of a protocol structure.
template <class T>
std::string_view BytesOf(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

}  // namespace leat::fuse
