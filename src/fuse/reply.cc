#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/result.h"
#include "fuse/device.h"
#include "fuse/filesystem.h"

namespace leat::fuse {
namespace {

abi::Attr ToAbi(const Attributes& from) {
  const auto time = static_cast<uint64_t>(from.mtime);
  return {.ino = from.ino,
          .size = from.size,
          .blocks = (from.size + 511) / 512,
          .atime = time,
          .mtime = time,
          .ctime = time,
          .atime_ns = from.mtime_ns,
          .mtime_ns = from.mtime_ns,
          .ctime_ns = from.mtime_ns,
          .mode = from.mode,
          .links = from.links,
          .uid = from.uid,
          .gid = from.gid,
          .block_size = 4096};
}

struct Ttl {
  uint64_t seconds;
  uint32_t nanoseconds;
};

Ttl ToAbi(std::chrono::nanoseconds ttl) {
  const int64_t count = std::max<int64_t>(0, ttl.count());
  return {static_cast<uint64_t>(count / 1'000'000'000),
          static_cast<uint32_t>(count % 1'000'000'000)};
}

abi::EntryOut ToAbi(const Entry& from) {
  const Ttl name = ToAbi(from.name_ttl);
  const Ttl attributes = ToAbi(from.attributes_ttl);
  return {.node = from.node,
          .generation = 0,
          .name_ttl = name.seconds,
          .attr_ttl = attributes.seconds,
          .name_ttl_ns = name.nanoseconds,
          .attr_ttl_ns = attributes.nanoseconds,
          .attr = ToAbi(from.attributes)};
}

template <class T>
void Append(std::string& buffer, const T& structure) {
  buffer.append(BytesOf(structure));
}

}  // namespace

Reply::Reply(std::shared_ptr<Device> device, uint64_t unique)
    : device_(std::move(device)), unique_(unique) {}

Reply::Reply(Reply&& other) noexcept = default;

Reply::~Reply() {
  if (device_) Error(EIO);
}

void Reply::Send(int error, std::span<const std::string_view> parts) {
  const std::shared_ptr<Device> device = std::exchange(device_, nullptr);
  LEAT_CHECK(device, "a request was answered twice");
  device->Answer(unique_, error, parts);
}

void Reply::Error(int error) { Send(error, {}); }
void Reply::Ok() { Send(0, {}); }

void Reply::Entry(const fuse::Entry& entry) {
  const abi::EntryOut out = ToAbi(entry);
  const std::string_view part = BytesOf(out);
  Send(0, {&part, 1});
}

void Reply::Attributes(const fuse::Attributes& attributes, std::chrono::nanoseconds ttl) {
  const Ttl time = ToAbi(ttl);
  const abi::AttrOut out{
      .ttl = time.seconds, .ttl_ns = time.nanoseconds, .padding = 0, .attr = ToAbi(attributes)};
  const std::string_view part = BytesOf(out);
  Send(0, {&part, 1});
}

void Reply::Open(const OpenAnswer& answer) {
  // Nothing is ever written, so that close() need not tell.
  abi::OpenOut out{.handle = answer.handle, .open_flags = abi::kOpenNoFlush, .backing_id = 0};
  switch (answer.mode) {
    case OpenMode::kDirect:
      out.open_flags |= abi::kOpenDirectIo;
      break;
    case OpenMode::kCached:
      out.open_flags |= abi::kOpenKeepCache;
      break;
    case OpenMode::kPassthrough:
      out.open_flags |= abi::kOpenPassthrough;
      out.backing_id = answer.backing_id;
      break;
  }
  const std::string_view part = BytesOf(out);
  Send(0, {&part, 1});
}

void Reply::OpenDirectory(Listings listings) {
  const abi::OpenOut out{
      .handle = 0,
      .open_flags = listings == Listings::kKept ? abi::kOpenCacheDir | abi::kOpenKeepCache : 0,
      .backing_id = 0};
  const std::string_view part = BytesOf(out);
  Send(0, {&part, 1});
}

void Reply::Data(std::string_view bytes) { Send(0, {&bytes, 1}); }

void Reply::Size(uint32_t size) {
  const abi::XattrSizeOut out{.size = size, .padding = 0};
  const std::string_view part = BytesOf(out);
  Send(0, {&part, 1});
}

void Reply::Offset(uint64_t offset) {
  const abi::LseekOut out{.offset = offset};
  const std::string_view part = BytesOf(out);
  Send(0, {&part, 1});
}

void Reply::StatFs(uint64_t bytes, uint64_t files) {
  constexpr uint32_t kBlock = 4096;
  const abi::StatFsOut out{.blocks = (bytes + kBlock - 1) / kBlock,
                           .files = files,
                           .block_size = kBlock,
                           .name_length = 255,
                           .fragment_size = kBlock};
  const std::string_view part = BytesOf(out);
  Send(0, {&part, 1});
}

DirectoryReply::DirectoryReply(Reply reply, size_t size, bool plus)
    : reply_(std::move(reply)), size_(size), plus_(plus) {}

bool DirectoryReply::Add(std::string_view name, const Entry& entry, uint64_t next) {
  const size_t padding = (8 - name.size() % 8) % 8;
  const size_t needed =
      (plus_ ? sizeof(abi::EntryOut) : 0) + sizeof(abi::Dirent) + name.size() + padding;
  if (buffer_.size() + needed > size_) return false;
  if (buffer_.empty()) buffer_.reserve(std::min<size_t>(size_, 64 << 10));
  if (plus_) {
    // The kernel takes no reference for these two, and would never forget one.
    const bool self = name == "." || name == "..";
    Append(buffer_, self ? abi::EntryOut{} : ToAbi(entry));
  }
  Append(buffer_, abi::Dirent{.ino = entry.attributes.ino,
                              .next = next,
                              .name_length = static_cast<uint32_t>(name.size()),
                              .type = IFTODT(entry.attributes.mode)});
  buffer_.append(name);
  buffer_.append(padding, '\0');
  return true;
}

void DirectoryReply::Done() { reply_.Data(buffer_); }
void DirectoryReply::Error(int error) { reply_.Error(error); }

}  // namespace leat::fuse
