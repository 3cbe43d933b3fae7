#include "datanode/verifier.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace leat::datanode {

uint64_t Verifier::Verify(const std::shared_ptr<ActiveObject>& object, Done done) {
  if (!Needed(*object)) return 0;
  MutexLock lock(mu_);
  if (stopped_ || waiting_ >= options_.waits) return 0;
  auto [job, added] = jobs_.try_emplace(object.get());
  if (added) {
    job->second.object = object;
    turns_.push_back(object.get());
    if (threads_.size() < std::min(options_.threads, jobs_.size()))
      threads_.emplace_back([this](const std::stop_token& stop) { Work(stop); });
    changed_.NotifyOne();
  }
  ++waiting_;
  job->second.waits.push_back({.number = next_wait_, .done = std::move(done)});
  return next_wait_++;
}

void Verifier::Work(const std::stop_token& stop) {
  while (true) {
    Job job;  // ours alone but for its waits, which stay where others find them
    {
      MutexLock lock(mu_);
      if (!changed_.Wait(mu_, stop, [&]() REQUIRES(mu_) { return !turns_.empty(); })) return;
      const Job& next = jobs_.at(turns_.front());
      job.object = next.object;
      job.next = next.next;
      turns_.pop_front();
    }
    if (!CheckSome(job, stop)) return;
    const bool ended = job.next == job.object->chunks() || !job.object->file->complete();
    // Costs nothing now that every chunk is checked.
    if (ended && !Fetcher::IsComplete(*job.object)) {
      const ObjectVersion& version = job.object->version;
      LogWarning("a cached file has changed on disk; what has is fetched again",
                 {{"key", version.key}, {"object", version.id.ToHex()}});
    }
    {
      MutexLock lock(mu_);
      auto found = jobs_.find(job.object.get());
      if (ended || found->second.waits.empty()) {
        job.waits = std::move(found->second.waits);
        waiting_ -= job.waits.size();
        jobs_.erase(found);
      } else {
        found->second.next = job.next;
        turns_.push_back(job.object.get());
      }
    }
    for (const Wait& wait : job.waits) wait.done({});
  }
}

bool Verifier::CheckSome(Job& job, const std::stop_token& stop) const {
  const uint64_t end = std::min(job.next + options_.turn, job.object->chunks());
  for (; job.next < end && job.object->file->complete(); ++job.next) {
    if (stop.stop_requested()) return false;
    options_.check(*job.object, job.next);
  }
  return true;
}

void Verifier::Cancel(uint64_t wait) {
  Done done;
  {
    MutexLock lock(mu_);
    for (auto& [object, job] : jobs_) {
      const auto found = std::find_if(job.waits.begin(), job.waits.end(),
                                      [&](const Wait& one) { return one.number == wait; });
      if (found == job.waits.end()) continue;
      done = std::move(found->done);
      job.waits.erase(found);
      --waiting_;
      break;
    }
  }
  if (done) done(Error{Code::kCancelled, "the open was given up"});
}

void Verifier::Stop() {
  std::vector<std::jthread> threads;
  {
    MutexLock lock(mu_);
    stopped_ = true;
    for (std::jthread& thread : threads_) thread.request_stop();
    threads = std::move(threads_);
  }
  threads.clear();
  std::unordered_map<const ActiveObject*, Job> left;
  {
    MutexLock lock(mu_);
    left = std::exchange(jobs_, {});
    turns_.clear();
    waiting_ = 0;
  }
  for (const auto& [object, job] : left) {
    for (const Wait& wait : job.waits)
      wait.done(Error{Code::kCancelled, "the mount is being stopped"});
  }
}

}  // namespace leat::datanode
