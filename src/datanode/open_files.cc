#include "datanode/open_files.h"

#include <algorithm>
#include <string>

#include "base/ids.h"

namespace leat::datanode {

OpenFiles::OpenFiles() {
  const std::string bytes = RandomBytes(sizeof(uint64_t));
  uint64_t first;
  std::copy_n(bytes.data(), sizeof first, reinterpret_cast<char*>(&first));
  next_handle_ = first;
}

void OpenFiles::Add(uint64_t handle, std::shared_ptr<OpenFile> file) {
  MutexLock lock(mu_);
  files_[handle] = std::move(file);
}

std::shared_ptr<OpenFile> OpenFiles::Find(uint64_t handle) const {
  MutexLock lock(mu_);
  auto found = files_.find(handle);
  return found == files_.end() ? nullptr : found->second;
}

std::shared_ptr<OpenFile> OpenFiles::FindOrAdd(uint64_t handle,
                                               const std::shared_ptr<OpenFile>& file) {
  MutexLock lock(mu_);
  return files_.try_emplace(handle, file).first->second;
}

std::shared_ptr<OpenFile> OpenFiles::Take(uint64_t handle) {
  MutexLock lock(mu_);
  auto found = files_.find(handle);
  if (found == files_.end()) return nullptr;
  std::shared_ptr<OpenFile> file = std::move(found->second);
  files_.erase(found);
  return file;
}

std::optional<TreeEntry> OpenFiles::EntryOf(uint64_t id) const {
  MutexLock lock(mu_);
  for (const auto& [handle, file] : files_) {
    if (file->entry.id == id) return file->entry;
  }
  return std::nullopt;
}

}  // namespace leat::datanode
