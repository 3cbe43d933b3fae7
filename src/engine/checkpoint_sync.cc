#include "engine/checkpoint_sync.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "io/file.h"

namespace leat::engine {

Status CheckpointSync::SkipDownloaded(const std::stop_token& stop) {
  auto entries = ListTree(dir_);
  if (!entries) return entries.error();
  std::map<std::string, Seen> local;
  for (const FileEntry& entry : *entries)
    if (entry.kind == FileKind::kFile) local[entry.path] = {entry.size, entry.modified_ns};
  if (local.empty()) return {};
  return store_.List(
      remote_.bucket, remote_.key,
      [&](const objectstore::ObjectInfo& info) {
        const auto file = local.find(info.key.substr(remote_.key.size()));
        if (file != local.end() &&
            file->second == Seen{info.size, info.last_modified * 1'000'000'000})
          uploaded_.insert(*file);
        return true;
      },
      stop);
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
