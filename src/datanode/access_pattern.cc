#include "datanode/access_pattern.h"

#include <algorithm>

#include "base/bytes.h"

namespace leat::datanode {
namespace {

constexpr uint64_t kSmall = 4_MiB;  // objects worth one request whatever is read of them
constexpr uint64_t kFirstWindow = 4_MiB;
constexpr uint64_t kSlack = 2_MiB;  // by which reads of one run may overtake each other
constexpr uint64_t kWholeBelow = 1_GiB;
constexpr uint64_t kMostPieces = 64;

}  // namespace

bool AccessPattern::Sequential(uint64_t offset) const {
  if (reads_ == 1) return offset == 0;
  return offset + kSlack >= front_ && offset <= front_ + kSlack;
}

Window AccessPattern::OnRead(uint64_t offset, uint64_t length, uint64_t ahead) {
  const uint64_t end = std::min(offset + length, size_);
  if (size_ <= kSmall) return {.begin = 0, .end = size_};
  ++reads_;
  asked_ += length;
  const int64_t distance = static_cast<int64_t>(offset - last_);
  same_distance_ = reads_ > 1 && distance == distance_ ? same_distance_ + 1 : 1;
  distance_ = distance;
  last_ = offset;

  if (Sequential(offset)) {
    front_ = std::max(front_, end);
    window_ = std::clamp(window_ * 2, kFirstWindow, std::max(kFirstWindow, 4 * ahead));
    // Half a window at a time, so that a run of small reads asks seldom and for much.
    if (ready_ >= front_ + window_ / 2 || ready_ >= size_) return {.begin = offset, .end = end};
    ready_ = std::min(front_ + window_, size_);
    return {.begin = offset, .end = ready_};
  }
  front_ = ready_ = end;
  window_ = 0;
  if (asked_ >= size_ / 4 && size_ < kWholeBelow) return {.begin = 0, .end = size_};
  if (same_distance_ >= 3 && distance > static_cast<int64_t>(length)) {
    const uint64_t step = static_cast<uint64_t>(distance);
    const uint64_t pieces = std::clamp<uint64_t>(ahead / length, 2, kMostPieces);
    return {.begin = offset,
            .end = std::min(offset + pieces * step, size_),
            .stride = step,
            .piece = length};
  }
  return {.begin = offset, .end = end};
}

}  // namespace leat::datanode
