#include "blocks/residency.h"

#include <algorithm>
#include <cstring>

namespace leat::blocks {
namespace {

constexpr size_t kFirstGhosts = 1024;
constexpr size_t kMostGhosts = 1 << 20;

uint64_t Half(const ObjectId& id) {
  uint64_t half;
  std::memcpy(&half, id.bytes.data() + 8, sizeof half);
  return half | 1;  // never 0, which marks a free slot
}

}  // namespace

Residency::Ghost& Residency::GhostOf(const ObjectId& id) {
  return ghosts_[(Half(id) >> 1) & (ghosts_.size() - 1)];
}

void Residency::Remember(const ObjectId& id, uint64_t last) {
  if (ghosts_.empty()) ghosts_.resize(kFirstGhosts);
  if (ghosts_used_ * 2 >= ghosts_.size() && ghosts_.size() < kMostGhosts) {
    std::vector<Ghost> larger(ghosts_.size() * 4);
    for (const Ghost& ghost : ghosts_) {
      if (ghost.tag != 0) larger[(ghost.tag >> 1) & (larger.size() - 1)] = ghost;
    }
    ghosts_.swap(larger);
  }
  Ghost& ghost = GhostOf(id);
  if (ghost.tag == 0) ++ghosts_used_;
  ghost = {Half(id), last};
}

void Residency::Access(const ObjectId& id, uint64_t size) {
  now_ += std::max<uint64_t>(size, 1);
  if (now_ - period_began_ > OverdueAge()) {
    longest_before_ = longest_;
    longest_ = 0;
    period_began_ = now_;
  }
  if (auto found = residents_.find(id); found != residents_.end()) {
    longest_ = std::max(longest_, now_ - found->second.last);
    found->second.last = now_;
    by_age_.splice(by_age_.end(), by_age_, found->second.position);
    return;
  }
  if (!ghosts_.empty() && GhostOf(id).tag == Half(id)) {
    longest_ = std::max(longest_, now_ - GhostOf(id).last);
  }
  Remember(id, now_);
}

uint64_t Residency::OverdueAge() const {
  return 2 * std::max({longest_, longest_before_, capacity_});
}

std::optional<std::vector<ObjectId>> Residency::Admit(uint64_t size, Claim claim) const {
  std::vector<ObjectId> leaving;
  if (size > capacity_) return std::nullopt;
  uint64_t used = used_;
  const uint64_t overdue = OverdueAge();
  for (const ObjectId& id : by_age_) {
    if (used + size <= capacity_) return leaving;
    const Resident& resident = residents_.at(id);
    if (claim == Claim::kUsual && now_ - resident.last <= overdue) break;
    if (!resident.Gives(claim == Claim::kUsual ? 2 : 8)) continue;
    leaving.push_back(id);
    used -= resident.gain();
  }
  if (used + size <= capacity_) return leaving;
  return std::nullopt;
}

std::vector<ObjectId> Residency::Oldest(uint64_t bytes) const {
  std::vector<ObjectId> oldest;
  uint64_t sum = 0;
  for (bool much : {true, false}) {
    for (const ObjectId& id : by_age_) {
      if (sum >= bytes) return oldest;
      const Resident& resident = residents_.at(id);
      if (resident.gain() == 0 || resident.Gives(2) != much) continue;
      oldest.push_back(id);
      sum += resident.gain();
    }
  }
  return oldest;
}

void Residency::Add(const ObjectId& id, uint64_t size) {
  auto [entry, added] = residents_.try_emplace(id);
  if (!added) return;
  by_age_.push_back(id);
  entry->second = {.size = size, .last = now_, .position = std::prev(by_age_.end())};
  used_ += size;
}

void Residency::Resize(const ObjectId& id, uint64_t size) {
  auto found = residents_.find(id);
  if (found == residents_.end()) return;
  used_ += size - found->second.size;
  found->second.size = size;
}

void Residency::AddPinned(const ObjectId& id, int64_t bytes) {
  auto found = residents_.find(id);
  if (found != residents_.end()) found->second.pinned += static_cast<uint64_t>(bytes);
}

uint64_t Residency::PinnedIn(const ObjectId& id) const {
  auto found = residents_.find(id);
  return found == residents_.end() ? 0 : found->second.pinned;
}

void Residency::Remove(const ObjectId& id) {
  auto found = residents_.find(id);
  if (found == residents_.end()) return;
  used_ -= found->second.size;
  Remember(id, found->second.last);
  by_age_.erase(found->second.position);
  residents_.erase(found);
}

void Residency::Hold(const ObjectId& id) {
  if (auto found = residents_.find(id); found != residents_.end()) ++found->second.holds;
}

void Residency::Unhold(const ObjectId& id) {
  if (auto found = residents_.find(id); found != residents_.end()) --found->second.holds;
}

}  // namespace leat::blocks
