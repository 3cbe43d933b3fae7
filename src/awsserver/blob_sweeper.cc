#include "awsserver/blob_sweeper.h"

#include "base/bytes.h"
#include "base/log.h"
#include "io/file.h"

namespace leat::awsserver {
namespace {

// How many removed files the index remembers before it is told to forget them: few enough to be
// gone through in no time at a start, many enough that telling costs nothing.
constexpr size_t kForgetAtOnce = 1000;

}  // namespace

BlobSweeper::BlobSweeper(std::string dir, ObjectIndex& index, BlobStore& blobs)
    : dir_(std::move(dir)),
      index_(index),
      blobs_(blobs),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

Result<std::unique_ptr<BlobSweeper>> BlobSweeper::Start(std::string dir, ObjectIndex& index,
                                                        BlobStore& blobs) {
  if (auto begun = index.BeginRun(blobs.run()); !begun) return begun.error();
  return std::unique_ptr<BlobSweeper>(new BlobSweeper(std::move(dir), index, blobs));
}

void BlobSweeper::Run(const std::stop_token& stop) {
  const auto whole = index_.CheckPages(stop);
  if (!whole && whole.error().code != Code::kCancelled) {
    LogError("s3 index is damaged: some objects cannot be read; stop Leat and restore s3.sqlite",
             {{"error", whole.error()}});
  }
  if (auto swept = Sweep(stop); !swept) {
    LogWarning("s3 files were not looked through; the next start tries again",
               {{"error", swept.error()}});
  }
  while (!stop.stop_requested()) {
    const auto removed = blobs_.AwaitRemoved(kForgetAtOnce, stop);
    const auto forgotten = removed ? index_.ForgetFreed(*removed) : Status(removed.error());
    if (!forgotten) LogWarning("s3 index keeps removed files", {{"error", forgotten.error()}});
  }
}

Status BlobSweeper::Sweep(const std::stop_token& stop) {
  const auto freed = index_.Freed();
  if (!freed) return freed.error();
  blobs_.Remove(*freed);
  auto runs = index_.Runs();
  if (!runs) return runs.error();
  std::erase(*runs, blobs_.run());
  Unnamed unnamed;
  std::vector<BlobStore::File> unfinished;
  const std::set<std::string> ours(runs->begin(), runs->end());
  if (auto done = Look(ours, unnamed, unfinished, stop); !done) return done;
  std::vector<std::string> garbage;
  for (const BlobStore::File& file : unfinished) {
    // A process that left finished files which this index does not know went on with another one.
    if (!unnamed.runs.contains(BlobStore::RunOf(file.id))) {
      garbage.push_back(file.id);
      continue;
    }
    unnamed.bytes += file.size;
    unnamed.paths.push_back(blobs_.PathOf(file));
  }
  if (stop.stop_requested()) return {};
  blobs_.Remove(garbage);
  if (!garbage.empty()) LogInfo("s3 unfinished uploads removed", {{"files", garbage.size()}});
  if (auto told = Tell(unnamed); !told) return told;
  return index_.EndRuns(*runs);
}

Status BlobSweeper::Look(const std::set<std::string>& ours, Unnamed& unnamed,
                         std::vector<BlobStore::File>& unfinished, const std::stop_token& stop) {
  const auto look = [&](const BlobStore::File& file) -> Status {
    const auto named = index_.NamesBlob(file.id);
    if (!named) return named.error();
    if (*named == ObjectIndex::Naming::kByRow && !file.settled) blobs_.Settle(file.id);
    if (*named != ObjectIndex::Naming::kNot || !io::Exists(blobs_.PathOf(file))) return {};
    if (!file.settled && ours.contains(BlobStore::RunOf(file.id))) {
      unfinished.push_back(file);
      return {};
    }
    unnamed.bytes += file.size;
    unnamed.paths.push_back(blobs_.PathOf(file));
    if (file.settled) unnamed.runs.insert(BlobStore::RunOf(file.id));
    return {};
  };
  return blobs_.Visit(look, stop);
}

Status BlobSweeper::Tell(const Unnamed& unnamed) const {
  const std::string list = dir_ + "/unnamed-files";
  if (unnamed.paths.empty()) return io::Remove(list);
  std::string text;
  for (const std::string& path : unnamed.paths) text += path + "\n";
  if (auto written = io::WriteFile(list, text); !written) return written;
  LogWarning(
      "s3 files are kept that the index does not name: if it was lost or is an older copy, stop "
      "Leat and put the right one back; if it is the right one, they may be deleted",
      {{"files", unnamed.paths.size()},
       {"size", HumanBytes(unnamed.bytes)},
       {"index", dir_ + "/s3.sqlite"},
       {"list", list}});
  return {};
}

}  // namespace leat::awsserver
