#include "datanode/reader_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "io/file.h"

namespace leat::datanode {
namespace {

// Forgotten all at once, which costs a look into /proc for each that reads on.
constexpr size_t kMostThreads = 4096;
// Numbers of threads are used again, and a process may have become another program.
constexpr std::chrono::seconds kLookAgainAfter{10};

// The process of a thread; the thread itself when it has gone.
uint32_t ProcessOf(uint32_t thread) {
  const auto status = io::ReadFile(fmt::format("/proc/{}/status", thread));
  if (!status) return thread;
  constexpr std::string_view kKey = "\nTgid:\t";
  const size_t at = status->find(kKey);
  if (at == std::string::npos) return thread;
  const std::string_view rest = std::string_view(*status).substr(at + kKey.size());
  const auto process = ParseInt(rest.substr(0, rest.find('\n')));
  return process ? static_cast<uint32_t>(*process) : thread;
}

std::string CommandOf(uint32_t process) {
  auto command = io::ReadFile(fmt::format("/proc/{}/comm", process));
  if (!command) return "";
  if (command->ends_with('\n')) command->pop_back();
  return *command;
}

}  // namespace

ReaderTable::Row* ReaderTable::Find(uint32_t thread, Time now) {
  const auto known = threads_.find(thread);
  if (known == threads_.end() || now - known->second.looked_up > kLookAgainAfter) return nullptr;
  const auto found = processes_.find(known->second.pid);
  return found == processes_.end() ? nullptr : &found->second;
}

ReaderTable::Row& ReaderTable::Remember(uint32_t thread, uint32_t pid, std::string command,
                                        Time now) {
  if (threads_.size() >= kMostThreads) threads_.clear();
  threads_[thread] = {.pid = pid, .looked_up = now};
  if (!processes_.contains(pid) && processes_.size() >= kMostProcesses) {
    processes_.erase(std::min_element(
        processes_.begin(), processes_.end(),
        [](const auto& a, const auto& b) { return a.second.seen < b.second.seen; }));
  }
  Row& row = processes_[pid];
  row.stats.pid = pid;
  if (!command.empty()) row.stats.command = std::move(command);
  return row;
}

template <class Count>
void ReaderTable::CountFor(uint32_t thread, Count count) {
  const Time now = std::chrono::steady_clock::now();
  {
    MutexLock lock(mu_);
    if (Row* row = Find(thread, now)) {
      count(row->stats);
      count(total_);
      row->seen = now;
      return;
    }
  }
  const uint32_t pid = thread == 0 ? 0 : ProcessOf(thread);
  std::string command = pid == 0 ? "" : CommandOf(pid);
  MutexLock lock(mu_);
  Row& row = Remember(thread, pid, std::move(command), now);
  count(row.stats);
  count(total_);
  row.seen = now;
}

void ReaderTable::CountOpen(uint32_t thread, uint64_t file) {
  CountFor(thread, [&](ReaderStats& stats) {
    ++stats.opens;
    stats.last_opened = file;
  });
}

void ReaderTable::CountPassthrough(uint32_t thread) {
  CountFor(thread, [](ReaderStats& stats) { ++stats.passthrough_opens; });
}

void ReaderTable::CountRead(uint32_t thread, uint64_t bytes, Outcome outcome,
                            std::chrono::nanoseconds took) {
  CountFor(thread, [&](ReaderStats& stats) {
    ++stats.reads;
    stats.read_bytes += bytes;
    stats.hits += outcome == Outcome::kHit ? 1 : 0;
    if (outcome != Outcome::kHit) stats.stall += took;
  });
}

std::vector<ReaderStats> ReaderTable::Processes() const {
  std::vector<Row> rows;
  {
    MutexLock lock(mu_);
    for (const auto& [pid, row] : processes_) rows.push_back(row);
  }
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.seen > b.seen; });
  std::vector<ReaderStats> stats;
  for (Row& row : rows) stats.push_back(std::move(row.stats));
  return stats;
}

ReaderStats ReaderTable::Total() const {
  MutexLock lock(mu_);
  return total_;
}

}  // namespace leat::datanode
