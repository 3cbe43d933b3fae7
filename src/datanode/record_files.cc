#include "datanode/record_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/mutex.h"
#include "datanode/fetcher.h"

namespace leat::datanode {
namespace {

constexpr uint64_t kMostIndexBytes = 32_MiB;  // about 1.5 million records
// Longer ones are in memory one at a time.
constexpr uint64_t kLongIndexBytes = 1_MiB;

// Reads within one chunk, and waits.
Result<std::string> GetPiece(Fetcher& fetcher, const std::shared_ptr<ActiveObject>& object,
                             uint64_t offset, uint64_t size, const std::stop_token& stop) {
  struct Answer {
    Mutex mu;
    CondVar came;
    std::optional<Result<std::string>> bytes GUARDED_BY(mu);
  };
  const auto answer = std::make_shared<Answer>();
  const uint64_t wait =
      fetcher.Read(object, offset, size, [answer](const Result<std::string_view>& bytes) {
        MutexLock lock(answer->mu);
        if (bytes)
          answer->bytes.emplace(std::string(*bytes));
        else
          answer->bytes.emplace(bytes.error());
        answer->came.NotifyAll();
      });
  {
    Answer& waited = *answer;
    MutexLock lock(waited.mu);
    if (waited.came.Wait(waited.mu, stop,
                         [&waited]() REQUIRES(waited.mu) { return waited.bytes.has_value(); }))
      return std::move(*waited.bytes);
  }
  fetcher.Cancel(wait);
  return Error{Code::kCancelled, "stopped"};
}

Result<std::string> Get(Fetcher& fetcher, const std::shared_ptr<ActiveObject>& object,
                        uint64_t offset, uint64_t size, const std::stop_token& stop) {
  std::string bytes;
  for (const uint64_t end = offset + size; offset < end;) {
    const uint64_t border = (offset / blocks::kChunkSize + 1) * blocks::kChunkSize;
    const auto piece = GetPiece(fetcher, object, offset, std::min(end, border) - offset, stop);
    if (!piece) return piece.error();
    if (piece->empty()) break;  // the end of the object
    bytes += *piece;
    offset += piece->size();
  }
  return bytes;
}

Result<std::vector<Extent>> Walk(Fetcher& fetcher, const ObjectVersion& file, uint64_t last,
                                 const std::stop_token& stop) {
  const auto object = fetcher.Activate(file);
  std::vector<Extent> records;
  for (uint64_t at = 0; at < file.size && records.size() <= last;) {
    if (records.size() == kMostRecords)
      return Error{
          Code::kTooLarge,
          fmt::format("{}: record {} is looked for without an index, and the file has more "
                      "than {}: split it",
                      file.key, last, kMostRecords)};
    const auto header = Get(fetcher, object, at, kRecordHeader, stop);
    if (!header) return header.error();
    const auto length = RecordLength(*header);
    if (!length && records.empty())
      return Error{Code::kNotFound,
                   fmt::format("{} is no TFRecord file, and there is no {}.idx: make one with "
                               "tfrecord2idx, or with wds2idx for a WebDataset tar, both of "
                               "NVIDIA DALI",
                               file.key, file.key)};
    if (!length || *length > file.size - at)
      return Error{Code::kCorrupt,
                   fmt::format("{}: what begins at byte {} is no whole TFRecord", file.key, at)};
    records.push_back({.offset = at, .length = *length});
    at += *length;
  }
  return records;
}

}  // namespace

Result<std::vector<Extent>> RecordFiles::RecordsOf(uint32_t index, uint64_t last,
                                                   const std::stop_token& stop) {
  const Manifest& manifest = *dataset_.manifest;
  Fetcher& fetcher = node_.fetcher();
  for (const std::string& path : IndexPathsOf(manifest.PathOf(index))) {
    const auto found = manifest.FindPath(path);
    if (!found || manifest.At(*found).kind != Kind::kFile) continue;
    const ObjectVersion version = DataNode::VersionOf(dataset_, *found);
    if (version.size > kMostIndexBytes)
      return Error{Code::kTooLarge, path + ": an index of records has at most 32 MiB"};
    std::optional<MutexLock> alone;
    if (version.size > kLongIndexBytes) alone.emplace(long_index_);
    const auto text = Get(fetcher, fetcher.Activate(version), 0, version.size, stop);
    if (!text) return text.error();
    // A TFRecord file of the same name may be what it is of.
    if (manifest.PathOf(index).ends_with(".tar") && !text->starts_with('v')) continue;
    return ParseRecordIndex(*text, path, manifest.At(index).size);
  }
  return Walk(fetcher, DataNode::VersionOf(dataset_, index), last, stop);
}

}  // namespace leat::datanode
