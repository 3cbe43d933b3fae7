#include "algorithms/model_file.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <memory>
#include <string_view>

#include "io/file.h"

namespace leat::algorithms {
namespace {

constexpr std::string_view kModelName = "xgboost-model";
constexpr size_t kMaxBytes = size_t{4} << 30;

struct FreeArchive {
  void operator()(struct archive* a) const { archive_read_free(a); }
};
using Archive = std::unique_ptr<struct archive, FreeArchive>;

Error ArchiveError(const Archive& a, const std::string& path) {
  const char* text = archive_error_string(a.get());
  return Error{Code::kCorrupt, "read " + path + ": " + (text ? text : "unknown format")};
}

Status OpenArchive(const Archive& a, const std::string& path) {
  archive_read_support_filter_all(a.get());
  if (archive_read_open_filename(a.get(), path.c_str(), 1u << 16) != ARCHIVE_OK)
    return ArchiveError(a, path);
  return {};
}

// The bytes of the archive's current entry.
Result<std::string> ReadEntry(const Archive& a, const std::string& path) {
  std::string bytes;
  std::vector<char> buffer(1u << 16);
  while (true) {
    const la_ssize_t n = archive_read_data(a.get(), buffer.data(), buffer.size());
    if (n < 0) return ArchiveError(a, path);
    if (n == 0) return bytes;
    bytes.append(buffer.data(), static_cast<size_t>(n));
    if (bytes.size() > kMaxBytes) return Error{Code::kTooLarge, path + " is larger than 4 GiB"};
  }
}

bool IsModel(std::string_view name) {
  return name.substr(name.rfind('/') + 1) == kModelName;  // npos + 1 is 0
}

// The member named xgboost-model of a tar file; empty when it is not a tar file at all.
Result<std::string> ReadFromTar(const std::string& path) {
  const Archive a(archive_read_new());
  archive_read_support_format_tar(a.get());
  if (auto opened = OpenArchive(a, path); !opened) return std::string();
  struct archive_entry* entry = nullptr;
  int next = archive_read_next_header(a.get(), &entry);
  if (next != ARCHIVE_OK && next != ARCHIVE_WARN) return std::string();
  for (; next == ARCHIVE_OK || next == ARCHIVE_WARN;
       next = archive_read_next_header(a.get(), &entry)) {
    const char* name = archive_entry_pathname(entry);
    if (name != nullptr && archive_entry_filetype(entry) == AE_IFREG && IsModel(name))
      return ReadEntry(a, path);
  }
  if (next != ARCHIVE_EOF) return ArchiveError(a, path);
  return Error{Code::kNotFound, path + " holds no file named xgboost-model"};
}

// The whole file, decompressed if it is compressed.
Result<std::string> ReadDecompressed(const std::string& path) {
  const Archive a(archive_read_new());
  archive_read_support_format_raw(a.get());
  archive_read_support_format_empty(a.get());
  if (auto opened = OpenArchive(a, path); !opened) return opened.error();
  struct archive_entry* entry = nullptr;
  const int next = archive_read_next_header(a.get(), &entry);
  if (next == ARCHIVE_EOF) return std::string();
  if (next != ARCHIVE_OK) return ArchiveError(a, path);
  return ReadEntry(a, path);
}

}  // namespace

Result<Booster> LoadModelFile(const std::string& path) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) return io::ErrnoError(errno, "read the model " + path);
  if (S_ISDIR(info.st_mode)) return LoadModelFile(path + "/" + std::string(kModelName));
  auto bytes = ReadFromTar(path);
  if (!bytes) return bytes.error();
  if (bytes->empty()) bytes = io::ReadFile(path, kMaxBytes);
  if (!bytes) return bytes.error();
  auto booster = Booster::Load(*bytes);
  if (!booster) return booster.error().Within(path);
  return booster;
}

Result<std::vector<uint8_t>> ReadIdxLabels(const std::string& path) {
  if (!io::Exists(path)) return Error{Code::kNotFound, "read " + path + ": there is no such file"};
  const auto bytes = ReadDecompressed(path);
  if (!bytes) return bytes.error();
  constexpr size_t kHeader = 8;
  const auto byte = [&](size_t i) {
    return static_cast<uint32_t>(static_cast<uint8_t>((*bytes)[i]));
  };
  if (bytes->size() < kHeader || bytes->substr(0, 4) != std::string("\0\0\x08\x01", 4))
    return Error{Code::kInvalid, path + " is not an IDX file with one unsigned byte a label"};
  const size_t count = byte(4) << 24 | byte(5) << 16 | byte(6) << 8 | byte(7);
  if (bytes->size() != kHeader + count)
    return Error{Code::kCorrupt, path + " says it has " + std::to_string(count) +
                                     " labels and has " + std::to_string(bytes->size() - kHeader)};
  return std::vector<uint8_t>(bytes->begin() + kHeader, bytes->end());
}

size_t CountCorrect(const Prediction& prediction, const std::vector<uint8_t>& labels,
                    size_t first_label) {
  size_t correct = 0;
  const size_t outputs = prediction.outputs;
  for (size_t row = 0; (row + 1) * outputs <= prediction.values.size(); ++row) {
    const auto begin = prediction.values.begin() + static_cast<ptrdiff_t>(row * outputs);
    const double said =
        outputs > 1 ? static_cast<double>(
                          std::max_element(begin, begin + static_cast<ptrdiff_t>(outputs)) - begin)
                    : std::ceil(*begin - 0.5);
    if (said == labels[first_label + row]) ++correct;
  }
  return correct;
}

}  // namespace leat::algorithms
