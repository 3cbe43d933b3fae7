#include "engine/metric_reader.h"

#include "base/log.h"

namespace leat::engine {
namespace {

// In one reading, so that a long log does not keep the other runs waiting.
constexpr size_t kMaxLines = 10'000;
constexpr size_t kMaxBytes = 4 << 20;

}  // namespace

MetricReader::Reading MetricReader::Read(const json::Value& run, const Job& job,
                                         const std::vector<std::string>& streams, bool at_end) {
  std::shared_ptr<Progress> progress;
  bool first = false;
  {
    MutexLock lock(mu_);
    const std::string uid = run["metadata"]["uid"].Str();
    std::shared_ptr<Progress>& known = runs_[api::NameOf(run)];
    first = !known || known->uid != uid;  // another run may have had that name before
    if (first) known = std::make_shared<Progress>(uid, job);
    progress = known;
  }
  Reading reading;
  if (first) reading.mistakes = progress->lines.mistakes();
  if (!progress->lines.any()) return reading;
  const MonoTime now = clock_.Monotonic();
  if (at_end || !progress->complete || now >= progress->next) {
    progress->complete = true;
    for (const std::string& stream : streams)
      progress->complete = ReadStream(*progress, stream) && progress->complete;
    progress->next = now + kReadMetricsEvery;
  }
  reading.complete = progress->complete;
  reading.again_after = reading.complete ? progress->next - now : std::chrono::nanoseconds(0);
  if (json::Value points = progress->lines.Points(); reading.complete && !points.empty())
    reading.points = std::move(points);
  return reading;
}

bool MetricReader::ReadStream(Progress& progress, const std::string& stream) {
  awsserver::LogCursor& read_to = progress.read_to[stream];
  auto events = logs_.Query({.group = progress.group,
                             .streams = {stream},
                             .stream_prefix = stream,
                             .after = read_to,
                             .limit = kMaxLines,
                             .max_bytes = kMaxBytes});
  if (!events) {
    // Metrics are worth no failed job: what cannot be read has none.
    if (events.error().code != Code::kNotFound)
      LogWarning("cannot read a job's log for its metrics",
                 {{"stream", stream}, {"error", events.error()}});
    return true;
  }
  size_t bytes = 0;
  for (const awsserver::LogEvent& event : *events) {
    progress.lines.Read(event);
    bytes += event.message.size();
  }
  if (!events->empty()) read_to = awsserver::CursorOf(events->back());
  // Half of what fits: then it was not the bytes that ended the answer.
  return events->size() < kMaxLines && bytes < kMaxBytes / 2;
}

void MetricReader::Forget(const api::ObjectName& run) {
  MutexLock lock(mu_);
  runs_.erase(run);
}

}  // namespace leat::engine
