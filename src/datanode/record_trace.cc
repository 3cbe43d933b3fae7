#include "datanode/record_trace.h"

#include <algorithm>
#include <unordered_set>

#include "base/clock.h"
#include "datanode/json_bytes.h"

namespace leat::datanode {
namespace {

constexpr std::chrono::milliseconds kPeriod{100};  // of telling
constexpr size_t kMostBytes = 48 << 10;            // of a message, whose limit is 128 KiB

class Recording {
 public:
  Recording(const DataNode& node, std::string mountpoint, const Tell& tell)
      : node_(node), mountpoint_(std::move(mountpoint)), tell_(tell) {}

  Status Write(const std::vector<AccessEvent>& events) {
    for (const AccessEvent& event : events) {
      ++written_;
      // A file is named before its first event.
      if (named_.insert(event.file).second) {
        const std::string path = node_.PathOf(mountpoint_, event.file);
        bytes_ += 64 + path.size() * 6;
        files_.Push(json::Object({{"id", event.file}, {"path", BytesToJson(path)}}));
      }
      lines_ += event.ToLine() + "\n";
      if (bytes_ + lines_.size() < kMostBytes) continue;
      if (Status sent = Flush(); !sent) return sent;
    }
    return Flush();
  }
  uint64_t written() const { return written_; }

 private:
  Status Flush() {
    bytes_ = 0;
    if (lines_.empty()) return {};
    return tell_(json::Object(
        {{"files", std::exchange(files_, json::Array())}, {"lines", std::exchange(lines_, "")}}));
  }

  const DataNode& node_;
  const std::string mountpoint_;
  const Tell& tell_;
  std::unordered_set<uint64_t> named_;
  json::Value files_ = json::Array();
  std::string lines_;
  size_t bytes_ = 0;  // of files_
  uint64_t written_ = 0;
};

}  // namespace

Result<json::Value> RecordTrace(DataNode& node, const json::Value& request, const Tell& tell,
                                const std::stop_token& stop) {
  const std::string mountpoint = BytesFromJson(request["mountpoint"]);
  const auto trace = node.TraceOf(mountpoint);
  if (!trace) return trace.error();
  if (Status begun = (*trace)->Begin(); !begun) return begun.error();
  Recording recording(node, mountpoint, tell);
  RealClock clock;
  const MonoTime until =
      clock.Monotonic() + std::chrono::milliseconds(request["milliseconds"].AsInt());
  Status sent;
  while (sent && !stop.stop_requested() && clock.Monotonic() < until) {
    clock.SleepFor(std::min<std::chrono::nanoseconds>(kPeriod, until - clock.Monotonic()), stop);
    sent = recording.Write((*trace)->Take());
  }
  (*trace)->End();
  if (sent) sent = recording.Write((*trace)->Take());
  if (!sent) return sent.error();
  return json::Object({{"events", recording.written()}, {"lost", (*trace)->lost()}});
}

}  // namespace leat::datanode
