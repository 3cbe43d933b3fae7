// From requests to calls of a Filesystem.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string_view>

#include "fuse/device.h"
#include "fuse/filesystem.h"
#include "fuse/request.h"

namespace leat::fuse {

// The most bytes of one READ: 256 pages.
inline constexpr uint32_t kMaxRead = 1 << 20;

// Thread-safe; nothing is allocated per request, except by the file system and for listings.
class Dispatcher {
 public:
  // `flags`: what was agreed at INIT.
  Dispatcher(Filesystem& filesystem, uint64_t flags, Listings listings = Listings::kKept)
      : filesystem_(filesystem), flags_(flags), listings_(listings) {}

  // One request that came by `device`, answered there sooner or later. Malformed ones are answered
  // EINVAL where they can be, what writes EROFS, and what is unknown ENOSYS.
  void Handle(const std::shared_ptr<Device>& device, std::string_view bytes);

 private:
  void Call(const Request& request, Reply reply);
  void CallForNode(const Request& request, Reply reply);
  void OpenFile(const Request& request, Reply reply);
  void ReadFile(const Request& request, Reply reply);
  void ListDirectory(const Request& request, Reply reply);
  void FindXattr(const Request& request, Reply reply);
  void Forget(const Request& request);
  void Interrupt(const Request& request);
  bool WasInterrupted(uint64_t unique) const;

  Filesystem& filesystem_;
  const uint64_t flags_;
  const Listings listings_;
  // The last requests that were interrupted: an INTERRUPT may overtake its request, which another
  // thread has read and not yet handed on. The file system is then told again.
  std::array<std::atomic<uint64_t>, 64> interrupted_{};
  std::atomic<uint64_t> interrupts_ = 0;
};

}  // namespace leat::fuse
