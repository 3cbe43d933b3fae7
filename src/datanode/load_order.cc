#include "datanode/load_order.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <fstream>
#include <map>
#include <optional>
#include <thread>
#include <utility>

#include "base/mutex.h"
#include "base/strings.h"
#include "io/file.h"

namespace leat::datanode {
namespace {

constexpr uint64_t kMostLines = 10'000'000;  // which take 40 bytes of memory each
// Indexes that are read at once: small objects, which take a round trip each.
constexpr size_t kSideBySide = 8;
// A path, and two numbers.
constexpr size_t kMostLineBytes = PATH_MAX + 64;

// A part whose bytes are not known yet: its numbers are those of its first and its last record.
struct NumberedPart {
  uint32_t part = 0;  // in the order
  uint32_t line = 0;
};
// By the file's index in the manifest.
using NumberedParts = std::map<uint32_t, std::vector<NumberedPart>>;

std::optional<uint32_t> FileAt(const Manifest& manifest, const std::string& base,
                               std::string_view name) {
  const std::string path = base.empty() ? std::string(name) : base + "/" + std::string(name);
  const auto index = manifest.FindPath(path);
  if (!index || manifest.At(*index).kind != Kind::kFile) return std::nullopt;
  return index;
}

std::optional<uint64_t> NumberOf(std::string_view word) {
  const auto number = ParseInt(word);
  if (!number || *number < 0) return std::nullopt;
  return static_cast<uint64_t>(*number);
}

// Takes the last word off as a number.
std::optional<uint64_t> TakeNumber(std::string_view& line) {
  const size_t blank = line.find_last_of(" \t");
  if (blank == std::string_view::npos) return std::nullopt;
  const auto number = NumberOf(line.substr(blank + 1));
  if (!number) return std::nullopt;
  line = line.substr(0, line.find_last_not_of(" \t", blank) + 1);
  return number;
}

std::optional<FilePart> PartOf(const Manifest& manifest, const std::string& base,
                               std::string_view line) {
  if (const auto file = FileAt(manifest, base, line))
    return FilePart{.index = *file, .offset = 0, .length = manifest.At(*file).size};
  const auto length = TakeNumber(line);
  const auto offset = length ? TakeNumber(line) : std::nullopt;
  const auto file = offset ? FileAt(manifest, base, line) : std::nullopt;
  if (!file) return std::nullopt;
  const uint64_t size = manifest.At(*file).size;
  const uint64_t begin = std::min(*offset, size);
  return FilePart{.index = *file, .offset = begin, .length = std::min(*length, size - begin)};
}

// Takes "#N" or "#N-M" off the end.
std::optional<std::pair<uint64_t, uint64_t>> TakeRecords(std::string_view& line) {
  const size_t mark = line.rfind('#');
  if (mark == std::string_view::npos) return std::nullopt;
  const std::string_view numbers = line.substr(mark + 1);
  line = line.substr(0, mark);
  const auto range = Cut(numbers, "-");
  const auto first = NumberOf(range ? range->first : numbers);
  const auto last = range ? NumberOf(range->second) : first;
  if (!first || !last || *last < *first) return std::nullopt;
  return std::pair(*first, *last);
}

// Of a part with numbers of records.
Result<FilePart> BytesOf(const FilePart& numbered, const std::vector<Extent>& records) {
  const auto [file, first, last] = numbered;
  if (last >= records.size())
    return Error{Code::kNotFound,
                 fmt::format("the file has {} records, numbered from 0 on", records.size())};
  uint64_t begin = UINT64_MAX;
  uint64_t end = 0;
  for (uint64_t n = first; n <= last; ++n) {
    begin = std::min(begin, records[n].offset);
    end = std::max(end, records[n].offset + records[n].length);
  }
  return FilePart{.index = file, .offset = begin, .length = end - begin};
}

// Fills in the parts that are named by the numbers of their records.
class Lookup {
 public:
  Lookup(const NumberedParts& files, const FindRecords& records, std::vector<FilePart>& parts)
      : records_(records), parts_(parts), files_(files), next_(files.begin()) {}

  // The line that failed first, and why.
  std::optional<std::pair<uint64_t, Error>> Run(const std::stop_token& stop) {
    {
      std::vector<std::jthread> threads;
      for (size_t i = std::min(kSideBySide, files_.size()); i > 0; --i)
        threads.emplace_back([this, &stop] { Work(stop); });
    }
    MutexLock lock(mu_);
    return failure_;
  }

 private:
  void Work(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      NumberedParts::const_iterator file;
      {
        MutexLock lock(mu_);
        if (failure_ || next_ == files_.end()) return;
        file = next_++;
      }
      LookUp(file->first, file->second);
    }
  }

  void LookUp(uint32_t file, const std::vector<NumberedPart>& wanted) {
    uint64_t last = 0;
    for (const NumberedPart& one : wanted) last = std::max(last, parts_[one.part].length);
    const auto records = records_(file, last);
    if (!records) return Fail(wanted.front().line, records.error());
    for (const NumberedPart& one : wanted) {
      FilePart& part = parts_[one.part];  // no two threads have the same
      const auto bytes = BytesOf(part, *records);
      if (!bytes) return Fail(one.line, bytes.error());
      part = *bytes;
    }
  }

  void Fail(uint64_t line, const Error& error) {
    MutexLock lock(mu_);
    if (!failure_ || line < failure_->first) failure_.emplace(line, error);
  }

  const FindRecords& records_;
  std::vector<FilePart>& parts_;
  const NumberedParts& files_;
  Mutex mu_;
  NumberedParts::const_iterator next_ GUARDED_BY(mu_);
  std::optional<std::pair<uint64_t, Error>> failure_ GUARDED_BY(mu_);
};

}  // namespace

Result<std::vector<FilePart>> ReadOrder(const Manifest& manifest, uint32_t top,
                                        const std::string& path, const FindRecords& records,
                                        const std::stop_token& stop) {
  if (manifest.At(top).kind != Kind::kDirectory)
    return Error{Code::kInvalid, "an order is of the files in a directory, and " +
                                     manifest.PathOf(top) + " is none"};
  const std::string base = manifest.PathOf(top);
  std::ifstream in(path);
  if (!in) return io::ErrnoError(errno, "open " + path);
  std::vector<FilePart> parts;
  NumberedParts numbered;
  const auto at_line = [&path](uint64_t number, std::string_view what) {
    return fmt::format("{} line {}: {}", path, number, what);
  };
  std::array<char, kMostLineBytes> buffer;
  for (uint64_t number = 1; in.getline(buffer.data(), buffer.size()) || in.gcount() > 0; ++number) {
    if (stop.stop_requested()) return Error{Code::kCancelled, "load: stopped"};
    if (in.fail() && !in.eof())
      return Error{Code::kInvalid, at_line(number, "is longer than a path and two numbers")};
    // The end of a line is counted, the end of the file is not.
    std::string_view line(buffer.data(), static_cast<size_t>(in.gcount()) - (in.eof() ? 0 : 1));
    if (number > kMostLines)
      return Error{
          Code::kTooLarge,
          fmt::format("{}: an order has at most {} lines: load it in pieces", path, kMostLines)};
    while (line.starts_with("./")) line.remove_prefix(2);  // as find writes them
    if (line.ends_with('\r') && !FileAt(manifest, base, line)) line.remove_suffix(1);
    if (line.empty()) continue;
    if (const auto part = PartOf(manifest, base, line)) {
      parts.push_back(*part);
      continue;
    }
    std::string_view name = line;
    const auto range = TakeRecords(name);
    const auto file = range ? FileAt(manifest, base, name) : std::nullopt;
    if (!file)
      return Error{
          Code::kNotFound,
          at_line(number, fmt::format("there is no file {} in {}; a line is PATH, PATH OFFSET "
                                      "LENGTH, PATH#RECORD or PATH#FIRST-LAST",
                                      line, base.empty() ? std::string(manifest.source()) : base))};
    numbered[*file].push_back(
        {.part = static_cast<uint32_t>(parts.size()), .line = static_cast<uint32_t>(number)});
    parts.push_back({.index = *file, .offset = range->first, .length = range->second});
  }
  if (in.bad()) return io::ErrnoError(errno, "read " + path);
  if (const auto failure = Lookup(numbered, records, parts).Run(stop))
    return Error{failure->second.code, at_line(failure->first, failure->second.message)};
  if (stop.stop_requested()) return Error{Code::kCancelled, "load: stopped"};
  return parts;
}

}  // namespace leat::datanode
