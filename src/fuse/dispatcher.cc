#include "fuse/dispatcher.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "base/log.h"

namespace leat::fuse {

using abi::Opcode;

void Dispatcher::Handle(const std::shared_ptr<Device>& device, std::string_view bytes) {
  const std::optional<Request> request = ParseRequest(bytes);
  if (!request) {
    LogDebug("a request from the kernel has no good header", {{"bytes", bytes.size()}});
    return;
  }
  switch (request->opcode) {
    case Opcode::kForget:
    case Opcode::kBatchForget:
      return Forget(*request);
    case Opcode::kInterrupt:
      return Interrupt(*request);
    default:
      Call(*request, Reply(device, request->unique));
      // Told again, since now the file system knows the request.
      if (interrupts_.load() != 0 && WasInterrupted(request->unique))
        filesystem_.Interrupt(request->unique);
  }
}

void Dispatcher::Call(const Request& request, Reply reply) {
  switch (request.opcode) {
    case Opcode::kOpen:
      return OpenFile(request, std::move(reply));
    case Opcode::kRead:
      return ReadFile(request, std::move(reply));
    case Opcode::kReadDir:
    case Opcode::kReadDirPlus:
      return ListDirectory(request, std::move(reply));
    case Opcode::kOpenDir:
      // ENOSYS also stands for "keep listings cached", and ends the asking, for the whole mount.
      if (listings_ == Listings::kKept && (flags_ & abi::kNoOpenDirSupport) != 0)
        return reply.Error(ENOSYS);
      return reply.OpenDirectory(listings_);
    case Opcode::kReleaseDir:
    case Opcode::kDestroy:
      return reply.Ok();
    case Opcode::kSetAttr:
    case Opcode::kSymlink:
    case Opcode::kMknod:
    case Opcode::kMkdir:
    case Opcode::kUnlink:
    case Opcode::kRmdir:
    case Opcode::kRename:
    case Opcode::kRename2:
    case Opcode::kLink:
    case Opcode::kWrite:
    case Opcode::kCreate:
    case Opcode::kTmpFile:
    case Opcode::kSetXattr:
    case Opcode::kRemoveXattr:
    case Opcode::kFallocate:
    case Opcode::kCopyFileRange:
    case Opcode::kCopyFileRange64:
      return reply.Error(EROFS);
    case Opcode::kIoctl:
      return reply.Error(ENOTTY);
    default:
      return CallForNode(request, std::move(reply));
  }
}

void Dispatcher::CallForNode(const Request& request, Reply reply) {
  std::string_view body = request.body;
  switch (request.opcode) {
    case Opcode::kLookup: {
      const std::optional<std::string_view> name = TakeName(body);
      if (!name) return reply.Error(EINVAL);
      return filesystem_.Lookup(request.caller, request.node, *name, std::move(reply));
    }
    case Opcode::kGetAttr:
      return filesystem_.GetAttributes(request.node, std::move(reply));
    case Opcode::kReadLink:
      return filesystem_.ReadLink(request.node, std::move(reply));
    case Opcode::kStatFs:
      return filesystem_.StatFs(std::move(reply));
    case Opcode::kGetXattr:
    case Opcode::kListXattr:
      return FindXattr(request, std::move(reply));
    case Opcode::kRelease: {
      abi::ReleaseIn in;
      if (!Take(body, in)) return reply.Error(EINVAL);
      filesystem_.Release(request.node, in.handle);
      return reply.Ok();
    }
    case Opcode::kLseek: {
      abi::LseekIn in;
      if (!Take(body, in) || (in.whence != SEEK_DATA && in.whence != SEEK_HOLE))
        return reply.Error(EINVAL);
      return filesystem_.Seek(request.node, in.offset, static_cast<int>(in.whence),
                              std::move(reply));
    }
    default:
      // ACCESS, FLUSH, FSYNC, POLL, STATX and so on: the kernel asks once, and does without.
      return reply.Error(ENOSYS);
  }
}

void Dispatcher::OpenFile(const Request& request, Reply reply) {
  std::string_view body = request.body;
  abi::OpenIn in;
  if (!Take(body, in)) return reply.Error(EINVAL);
  const int flags = static_cast<int>(in.flags);
  if ((flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0) return reply.Error(EROFS);
  filesystem_.Open(request.caller, request.node, flags, std::move(reply));
}

void Dispatcher::ReadFile(const Request& request, Reply reply) {
  std::string_view body = request.body;
  abi::ReadIn in;
  if (!Take(body, in) || in.offset > std::numeric_limits<int64_t>::max())
    return reply.Error(EINVAL);
  filesystem_.Read(request.caller, request.node, in.handle, in.offset, std::min(in.size, kMaxRead),
                   static_cast<int>(in.flags), std::move(reply));
}

void Dispatcher::ListDirectory(const Request& request, Reply reply) {
  std::string_view body = request.body;
  abi::ReadIn in;
  if (!Take(body, in)) return reply.Error(EINVAL);
  filesystem_.ReadDirectory(request.node, in.offset,
                            DirectoryReply(std::move(reply), std::min(in.size, kMaxRead),
                                           request.opcode == Opcode::kReadDirPlus));
}

void Dispatcher::FindXattr(const Request& request, Reply reply) {
  std::string_view body = request.body;
  abi::XattrIn in;
  if (!Take(body, in)) return reply.Error(EINVAL);
  if (request.opcode == Opcode::kListXattr)
    return filesystem_.ListXattr(request.node, in.size, std::move(reply));
  const size_t end = body.find('\0');  // unlike other names, those of xattrs may have a '/'
  if (end == std::string_view::npos || end == 0) return reply.Error(EINVAL);
  filesystem_.GetXattr(request.node, body.substr(0, end), in.size, std::move(reply));
}

void Dispatcher::Forget(const Request& request) {
  std::string_view body = request.body;
  if (request.opcode == Opcode::kForget) {
    abi::ForgetIn in;
    if (Take(body, in)) filesystem_.Forget(request.node, in.lookups);
    return;
  }
  abi::BatchForgetIn in;
  if (!Take(body, in)) return;
  abi::ForgetOne one;
  for (uint32_t i = 0; i < in.count && Take(body, one); ++i)
    filesystem_.Forget(one.node, one.lookups);
}

void Dispatcher::Interrupt(const Request& request) {
  std::string_view body = request.body;
  abi::InterruptIn in;
  if (!Take(body, in)) return;
  // Written down first and told then; Handle hands on first and looks then. So one of the two finds
  // the request known.
  interrupted_[interrupts_.fetch_add(1) % interrupted_.size()].store(in.unique);
  filesystem_.Interrupt(in.unique);
}

bool Dispatcher::WasInterrupted(uint64_t unique) const {
  for (const std::atomic<uint64_t>& one : interrupted_)
    if (one.load() == unique) return true;
  return false;
}

}  // namespace leat::fuse
