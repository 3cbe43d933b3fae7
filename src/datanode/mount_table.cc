#include "datanode/mount_table.h"

#include <utility>

#include "fuse/mount.h"

namespace leat::datanode {
namespace {

constexpr std::chrono::seconds kEndOfDetached{2};

}  // namespace

Status MountTable::Take(const std::string& mountpoint, const std::stop_token& stop) {
  const auto shows = [&] { return fuse::StateOf(mountpoint) != fuse::MountState::kNone; };
  const bool detached = !shows();
  bool being_mounted = false;
  {
    MutexLock lock(mu_);
    // What was detached without asking us has ended in no time, unless files of it are open.
    const auto ends = [&]() REQUIRES(mu_) {
      const auto found = slots_.find(mountpoint);
      return found == slots_.end() || found->second.id.empty();
    };
    if (detached) changed_.WaitFor(mu_, stop, kEndOfDetached, ends);
    const auto [slot, taken] = slots_.try_emplace(mountpoint);
    if (taken) return {};
    being_mounted = slot->second.id.empty();
  }
  const char* why =
      being_mounted ? ": is being mounted by another leat mount; wait for that, or use another "
                      "mountpoint"
      : shows()     ? ": is mounted already; unmount it first with leat umount"
                    : ": files of the mount that was here are still open after its lazy unmount; "
                      "close them, or use another mountpoint";
  return Error{Code::kAlreadyExists, mountpoint + why};
}

void MountTable::Put(const std::string& mountpoint, const std::string& id,
                     std::shared_ptr<LiveMount> mounted) {
  {
    MutexLock lock(mu_);
    slots_[mountpoint] = {.id = id, .mounted = std::move(mounted)};
  }
  changed_.NotifyAll();
}

void MountTable::Release(const std::string& mountpoint) {
  {
    MutexLock lock(mu_);
    slots_.erase(mountpoint);
  }
  changed_.NotifyAll();
}

void MountTable::Ended(const std::string& id) {
  {
    MutexLock lock(mu_);
    ended_.insert(id);
  }
  changed_.NotifyAll();
}

std::optional<MountTable::EndedMount> MountTable::WaitForEnded(const std::stop_token& stop) {
  MutexLock lock(mu_);
  auto found = slots_.end();
  changed_.Wait(mu_, stop, [&]() REQUIRES(mu_) {
    found = slots_.begin();
    while (found != slots_.end() && !ended_.contains(found->second.id)) ++found;
    return found != slots_.end();
  });
  if (stop.stop_requested() || found == slots_.end()) return std::nullopt;
  ended_.erase(found->second.id);
  return EndedMount{found->first, std::exchange(found->second.mounted, nullptr)};
}

std::shared_ptr<LiveMount> MountTable::Find(const std::string& mountpoint) const {
  MutexLock lock(mu_);
  const auto found = slots_.find(mountpoint);
  return found == slots_.end() ? nullptr : found->second.mounted;
}

std::vector<std::shared_ptr<LiveMount>> MountTable::All() const {
  MutexLock lock(mu_);
  std::vector<std::shared_ptr<LiveMount>> all;
  for (const auto& [mountpoint, slot] : slots_) {
    if (slot.mounted) all.push_back(slot.mounted);
  }
  return all;
}

bool MountTable::IsTaken(const std::string& mountpoint) const {
  MutexLock lock(mu_);
  return slots_.contains(mountpoint);
}

bool MountTable::empty() const {
  MutexLock lock(mu_);
  return slots_.empty();
}

void MountTable::WaitUntilReleased(const std::string& mountpoint, std::chrono::seconds limit) {
  MutexLock lock(mu_);
  changed_.WaitFor(mu_, {}, limit, [&]() REQUIRES(mu_) { return !slots_.contains(mountpoint); });
}

void MountTable::WaitUntilEmpty(const std::stop_token& stop) {
  MutexLock lock(mu_);
  changed_.Wait(mu_, stop, [&]() REQUIRES(mu_) { return slots_.empty(); });
}

}  // namespace leat::datanode
