#include "engine/checkpoint_sync.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "io/file.h"

namespace leat::engine {

Status CheckpointSync::Assume() {
  auto entries = ListTree(dir_);
  if (!entries) return entries.error();
  for (const FileEntry& entry : *entries)
    if (entry.kind == FileKind::kFile) uploaded_[entry.path] = {entry.size, entry.modified_ns};
  return {};
}

Status CheckpointSync::Sync(const std::stop_token& stop) {
  auto entries = ListTree(dir_);
  if (!entries) return entries.error();
  for (const FileEntry& entry : *entries) {
    const Seen now{entry.size, entry.modified_ns};
    const auto before = uploaded_.find(entry.path);
    if (entry.kind != FileKind::kFile || (before != uploaded_.end() && before->second == now))
      continue;
    auto fd = io::OpenBeneath(dir_, entry.path, O_RDONLY);
    if (!fd) continue;  // gone, or no file any more: the next round sees what there is
    struct stat info {};
    if (fstat(fd->get(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    auto done = store_.Upload(
        {remote_.bucket, remote_.key + entry.path}, fd->get(), static_cast<uint64_t>(info.st_size),
        [](uint64_t) {}, stop);
    if (!done) return done;
    uploaded_[entry.path] = now;
  }
  return {};
}

}  // namespace leat::engine
