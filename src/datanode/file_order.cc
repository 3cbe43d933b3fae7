#include "datanode/file_order.h"

#include <algorithm>

namespace leat::datanode {
namespace {

constexpr uint32_t kSlack = 8;  // by which the readers of one run may overtake each other
constexpr uint32_t kSure = 3;   // reads that make a run
constexpr uint32_t kFirstFiles = 2;
constexpr uint32_t kRecent = 64;  // files, by which a run is known to be sparse

}  // namespace

void FileOrder::Run::Count(uint32_t place) {
  ++seen;
  next = std::max(next, place + 1);
  if (next - first <= kRecent) return;
  first += kRecent / 2;
  seen = std::max(seen / 2, 1u);
}

Places FileOrder::OnRead(uint32_t place, uint32_t most) {
  ++reads_;
  const auto continues = [&](const Run& run) {
    return run.reads > 0 && place + kSlack >= run.next && place < run.next + kSlack;
  };
  auto run = std::find_if(runs_.begin(), runs_.end(), continues);
  if (run == runs_.end()) {
    run = std::min_element(runs_.begin(), runs_.end(),
                           [](const Run& a, const Run& b) { return a.used < b.used; });
    *run = {.next = place, .first = place, .ready = place};
  }
  run->used = reads_;
  const bool overtaken = place < run->next;  // or read again
  run->Count(place);
  if (overtaken) return {};
  ++run->reads;
  if (run->reads < kSure || run->IsSparse()) return {};
  const uint32_t doubled = kFirstFiles << std::min(run->reads - kSure, 16u);
  const uint32_t window = std::min(doubled, most);
  // Half a window at a time, so that what is wanted is asked for together.
  if (run->ready > run->next + window / 2) return {};
  const Places wanted{std::max(run->ready, run->next), run->next + window};
  if (wanted.begin >= wanted.end) return {};
  run->ready = wanted.end;
  return wanted;
}

bool FileOrder::Expects(uint32_t place) const {
  return std::any_of(runs_.begin(), runs_.end(), [&](const Run& run) {
    return place + kSlack >= run.next && place < run.ready;
  });
}

}  // namespace leat::datanode
