#include "engine/log_collector.h"

#include <algorithm>

#include "awsserver/training_run.h"
#include "base/log.h"
#include "base/strings.h"

namespace leat::engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr size_t kMaxPending = 1000;
constexpr size_t kMaxMessage = 256 << 10;  // as CloudWatch's
constexpr milliseconds kFlushEvery{200};
constexpr seconds kGiveUpAfter{30};

}  // namespace

Result<awsserver::NewLogEvent> ParseLogLine(std::string_view line, int64_t after) {
  const auto parts = Cut(line, " ");
  auto time = ParseTime(parts ? parts->first : line);
  if (!time) return time.error();
  const std::string_view text = parts ? parts->second : std::string_view();
  const int64_t ns = std::chrono::duration_cast<nanoseconds>(time->time_since_epoch()).count();
  return awsserver::NewLogEvent{
      .timestamp_ms = ns / 1'000'000,
      .position = std::max(ns, after + 1),
      .message = std::string(text.substr(0, Utf8Floor(text, kMaxMessage)))};
}

LogCollector::LogCollector(api::ObjectClient& client, awsserver::LogStore& store, Clock& clock)
    : client_(client), store_(store), clock_(clock) {
  writer_ = std::jthread([this](const std::stop_token& stop) { Write(stop); });
}

LogCollector::~LogCollector() {
  std::map<StreamKey, std::shared_ptr<Follower>> all;
  {
    MutexLock lock(mu_);
    all.swap(followers_);
  }
  for (auto& [key, follower] : all) follower->thread.request_stop();
  for (auto& [key, follower] : all) follower->thread.join();
}

void LogCollector::Follow(const LogSource& source) {
  MutexLock lock(mu_);
  std::shared_ptr<Follower>& follower = followers_[{source.region, source.stream}];
  if (follower) return;
  follower = std::make_shared<Follower>();
  follower->source = source;
  // A plain reference: Forget and the destructor join the thread before the follower goes.
  follower->thread = std::jthread(
      [this, &follower = *follower](const std::stop_token& stop) { Read(follower, stop); });
}

bool LogCollector::IsComplete(const LogSource& source) {
  Follow(source);
  MutexLock lock(mu_);
  Follower& follower = *followers_[{source.region, source.stream}];
  if (follower.ended && follower.pending.empty() && !follower.writing) return true;
  const MonoTime now = clock_.Monotonic();
  if (!follower.give_up_at) follower.give_up_at = now + kGiveUpAfter;
  return now >= *follower.give_up_at;
}

void LogCollector::Forget(const std::string& region, const std::string& stream) {
  std::shared_ptr<Follower> follower;
  {
    MutexLock lock(mu_);
    const auto found = followers_.find({region, stream});
    if (found == followers_.end()) return;
    follower = found->second;
    followers_.erase(found);
  }
  follower->thread.request_stop();
  follower->thread.join();
}

void LogCollector::Read(Follower& follower, const std::stop_token& stop) {
  const LogSource& source = follower.source;
  nanoseconds back_off = milliseconds(100);
  while (!stop.stop_requested()) {
    // From a second before what is there: positions of lines with equal times come out the same
    // again, and the store skips what it has seen.
    const int64_t position = store_.Position(awsserver::TrainingLogs(source.region), source.stream);
    std::string since;
    if (position > 0)
      since = FormatTime(WallTime(
          std::chrono::duration_cast<WallTime::duration>(nanoseconds(position) - seconds(1))));
    {
      MutexLock lock(mu_);
      follower.last_position = 0;
    }
    const Status read = client_.FollowPodLog(
        source.pod, source.container, since,
        [&](std::string_view line) { return Take(follower, line, stop); }, stop);
    if (stop.stop_requested()) return;
    if (read || read.error().code == Code::kNotFound) break;
    LogDebug("cannot follow a pod's log yet",
             {{"pod", source.pod.ToString()}, {"error", read.error()}});
    if (!clock_.SleepFor(back_off, stop)) return;
    back_off = std::min<nanoseconds>(back_off * 2, seconds(5));
    // What waits to be written must be in the store before its end is looked up again.
    MutexLock lock(mu_);
    changed_.Wait(mu_, stop, [&] { return follower.pending.empty() && !follower.writing; });
  }
  MutexLock lock(mu_);
  follower.ended = true;
  changed_.NotifyAll();
}

bool LogCollector::Take(Follower& follower, std::string_view line, const std::stop_token& stop) {
  MutexLock lock(mu_);
  auto event = ParseLogLine(line, follower.last_position);
  if (!event) return true;  // no line of a container's log
  if (!changed_.Wait(mu_, stop, [&] { return follower.pending.size() < kMaxPending; }))
    return false;
  follower.last_position = event->position;
  follower.pending.push_back(std::move(*event));
  changed_.NotifyAll();
  return !stop.stop_requested();
}

void LogCollector::Write(const std::stop_token& stop) {
  const auto any = [this]() NO_THREAD_SAFETY_ANALYSIS {
    return std::any_of(followers_.begin(), followers_.end(),
                       [](const auto& entry) { return !entry.second->pending.empty(); });
  };
  // Nothing gains from waiting for more: a batch is full, or its log has ended.
  const auto due = [this]() NO_THREAD_SAFETY_ANALYSIS {
    return std::any_of(followers_.begin(), followers_.end(), [](const auto& entry) {
      return !entry.second->pending.empty() &&
             (entry.second->pending.size() >= kMaxPending || entry.second->ended);
    });
  };
  while (!stop.stop_requested()) {
    {
      MutexLock lock(mu_);
      if (!changed_.Wait(mu_, stop, any)) return;
      changed_.WaitFor(mu_, stop, kFlushEvery, due);
    }
    if (!Flush() && !clock_.SleepFor(seconds(1), stop)) return;
  }
}

bool LogCollector::Flush() {
  std::vector<std::shared_ptr<Follower>> all;
  {
    MutexLock lock(mu_);
    for (auto& [key, follower] : followers_) all.push_back(follower);
  }
  bool good = true;
  for (const auto& follower : all) {
    std::vector<awsserver::NewLogEvent> batch;
    {
      MutexLock lock(mu_);
      if (follower->pending.empty()) continue;
      batch.swap(follower->pending);
      follower->writing = true;
    }
    const LogSource& source = follower->source;
    const Status written =
        store_.Append(awsserver::TrainingLogs(source.region), source.stream, batch);
    if (!written)
      LogWarning("cannot store log lines; trying again",
                 {{"stream", source.stream}, {"error", written.error()}});
    MutexLock lock(mu_);
    follower->writing = false;
    if (!written) {
      good = false;
      batch.insert(batch.end(), std::make_move_iterator(follower->pending.begin()),
                   std::make_move_iterator(follower->pending.end()));
      follower->pending.swap(batch);
    }
    changed_.NotifyAll();
  }
  return good;
}

}  // namespace leat::engine
