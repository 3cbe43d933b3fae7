#include "datanode/record_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include "hash/hash.h"

namespace leat::datanode {
namespace {

constexpr uint64_t kTarBlock = 512;
constexpr uint64_t kRecordFrame = 16;  // what a TFRecord takes besides its bytes

// Takes the first line off, without its end.
std::string_view TakeLine(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// Takes the first word off; "" when there is none.
std::string_view TakeWord(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(" \t"));
  line.remove_prefix(word.size());
  return word;
}

std::optional<uint64_t> TakeNumber(std::string_view& line) {
  const std::string_view word = TakeWord(line);
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (word.empty() || error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return number;
}

std::optional<Extent> TakeExtent(std::string_view& line) {
  const auto offset = TakeNumber(line);
  const auto length = offset ? TakeNumber(line) : std::nullopt;
  if (!length || *offset + *length < *offset) return std::nullopt;
  return Extent{.offset = *offset, .length = *length};
}

bool IsBlank(std::string_view line) { return TakeWord(line).empty(); }

std::optional<Extent> RecordOf(std::string_view line) {
  const auto record = TakeExtent(line);
  if (!record || record->length < kRecordFrame || !IsBlank(line)) return std::nullopt;
  return record;
}

std::optional<Extent> SampleOf(std::string_view line, bool names) {
  uint64_t begin = UINT64_MAX;
  uint64_t end = 0;
  while (!TakeWord(line).empty()) {  // the extension
    const auto file = TakeExtent(line);
    if (!file || file->offset < kTarBlock || file->offset % kTarBlock != 0) return std::nullopt;
    if (names && TakeWord(line).empty()) return std::nullopt;
    begin = std::min(begin, file->offset - kTarBlock);
    end = std::max(end, file->offset + file->length);
  }
  if (end == 0) return std::nullopt;
  return Extent{.offset = begin, .length = end - begin};
}

// Takes "v1.2 SAMPLES" off a line; its version, or "".
std::string_view TakeVersion(std::string_view& line) {
  std::string_view rest = line;
  const std::string_view version = TakeWord(rest);
  if (!version.starts_with('v')) return "";
  line = rest;
  return version;
}

}  // namespace

Result<std::vector<Extent>> ParseRecordIndex(std::string_view text, std::string_view name,
                                             uint64_t file_size) {
  const auto wrong = [&](uint64_t line, std::string_view what) {
    return Error{Code::kInvalid, fmt::format("{} line {}: {}", name, line, what)};
  };
  uint64_t line_number = 1;
  std::string_view rest = text;
  std::string_view first = TakeLine(rest);
  const std::string_view version = TakeVersion(first);
  std::optional<uint64_t> samples;
  if (!version.empty()) {
    if (version != "v1.1" && version != "v1.2")
      return wrong(1, fmt::format("{} is no version of an index that is known here: v1.1 and "
                                  "v1.2 of wds2idx are",
                                  version.substr(0, 20)));
    samples = TakeNumber(first);
    if (!samples || !IsBlank(first)) return wrong(1, "a version is followed by a count of samples");
    text = rest;
    ++line_number;
  }

  std::vector<Extent> records;
  for (; !text.empty(); ++line_number) {
    const std::string_view line = TakeLine(text);
    if (IsBlank(line)) continue;
    const auto record = samples ? SampleOf(line, version == "v1.2") : RecordOf(line);
    if (!record)
      return wrong(line_number, !samples            ? "is not OFFSET SIZE of a TFRecord"
                                : version == "v1.2" ? "is not EXTENSION OFFSET SIZE NAME of each "
                                                      "file of a sample"
                                                    : "is not EXTENSION OFFSET SIZE of each file "
                                                      "of a sample");
    if (record->offset + record->length > file_size)
      return wrong(line_number,
                   fmt::format("ends at byte {}, and the file has {}: the index is of another "
                               "version of it",
                               record->offset + record->length, file_size));
    if (records.size() == kMostRecords)
      return Error{Code::kTooLarge,
                   fmt::format("{}: has more than {} records: split the file that it is of", name,
                               kMostRecords)};
    records.push_back(*record);
  }
  if (samples && records.size() != *samples)
    return wrong(1, fmt::format("says {} samples, and {} follow", *samples, records.size()));
  return records;
}

std::vector<std::string> IndexPathsOf(const std::string& path) {
  std::vector<std::string> stems = {path};
  const size_t name = path.rfind('/') + 1;  // 0 without a slash
  // wds2idx cuts at the first dot, other tools at the last.
  for (const size_t dot : {path.rfind('.'), path.find('.', name + 1)}) {
    if (dot != std::string::npos && dot > name) stems.push_back(path.substr(0, dot));
  }
  std::vector<std::string> paths;
  for (const std::string& stem : stems) {
    for (const char* ending : {".idx", ".index"}) {
      const std::string index = stem + ending;
      if (index != path && std::find(paths.begin(), paths.end(), index) == paths.end())
        paths.push_back(index);
    }
  }
  return paths;
}

Result<uint64_t> RecordLength(std::string_view header) {
  const Error corrupt{Code::kCorrupt, "is no TFRecord: the checksum of its length is wrong"};
  if (header.size() != kRecordHeader) return corrupt;
  uint64_t length = 0;
  uint32_t masked = 0;
  std::memcpy(&length, header.data(), sizeof length);
  std::memcpy(&masked, header.data() + sizeof length, sizeof masked);
  const uint32_t crc = hash::Crc32c(header.substr(0, sizeof length));
  if (masked != ((crc >> 15) | (crc << 17)) + 0xa282ead8) return corrupt;
  if (length > UINT64_MAX - kRecordFrame) return corrupt;
  return length + kRecordFrame;
}

}  // namespace leat::datanode
