#include "datanode/listing_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/bytes.h"
#include "io/file.h"

namespace leat::datanode {
namespace {

constexpr char kSource = 's';
constexpr char kObject = 'o';
constexpr char kPlan = 'p';
constexpr char kPlanned = 'P';
constexpr char kFinished = 'f';
constexpr size_t kLargestLog = size_t{4} << 30;

template <class T>
void PutNumber(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// Takes parts off the front of a record; a short one leaves zeros and sets `good` to false.
struct Cursor {
  std::string_view left;
  bool good = true;

  template <class T>
  T Number() {
    T value{};
    if (left.size() < sizeof value) {
      good = false;
      return value;
    }
    std::memcpy(&value, left.data(), sizeof value);
    left.remove_prefix(sizeof value);
    return value;
  }
  std::string Text() {
    const uint32_t length = Number<uint32_t>();
    if (left.size() < length) {
      good = false;
      return {};
    }
    std::string text(left.substr(0, length));
    left.remove_prefix(length);
    return text;
  }
};

void PutText(std::string& out, std::string_view text) {
  PutNumber(out, static_cast<uint32_t>(text.size()));
  out += text;
}

std::string SourceRecord(const std::string& source, int64_t began) {
  std::string record;
  PutNumber(record, began);
  record += source;
  return record;
}

}  // namespace

ListingLog::Past ListingLog::Read(const std::string& path, const std::string& source,
                                  int64_t not_before) {
  Past past;
  const auto bytes = io::ReadFile(path, kLargestLog);
  if (!bytes) return past;
  Cursor file{.left = *bytes};
  bool ours = false;
  while (file.good && !file.left.empty()) {
    const char type = file.Number<char>();
    Cursor record;
    const std::string text = file.Text();
    if (!file.good) break;
    record.left = text;
    if (type == kSource) {
      const int64_t began = record.Number<int64_t>();
      ours = record.good && began >= not_before && record.left == source;
      if (!ours) break;
    } else if (!ours) {
      break;
    } else if (type == kObject) {
      objectstore::ObjectInfo object;
      object.size = record.Number<uint64_t>();
      object.last_modified = record.Number<int64_t>();
      object.key = record.Text();
      object.etag = record.Text();
      object.link_target = record.Text();
      if (record.good) past.objects.push_back(std::move(object));
    } else if (type == kPlan) {
      past.plan.emplace_back(text);
    } else if (type == kPlanned) {
      past.planned = true;
    } else if (type == kFinished) {
      past.finished.emplace(text);
    }
    past.end = bytes->size() - file.left.size();
  }
  // Without the whole plan it is not known what the objects cover.
  return past.planned ? past : Past();
}

Result<std::unique_ptr<ListingLog>> ListingLog::Open(const std::string& path,
                                                     const std::string& source, int64_t now,
                                                     uint64_t end) {
  auto fd = io::Open(path, O_WRONLY | O_APPEND | O_CREAT);
  if (!fd) return fd.error();
  // A record that was cut short would take what follows for its own bytes.
  if (::ftruncate(fd->get(), static_cast<off_t>(end)) != 0)
    return io::ErrnoError(errno, "cut " + path);
  std::unique_ptr<ListingLog> log(new ListingLog(std::move(*fd)));
  if (end == 0) log->Append(kSource, SourceRecord(source, now));
  return log;
}

void ListingLog::Append(char type, std::string_view bytes) {
  MutexLock lock(mu_);
  buffer_ += type;
  PutText(buffer_, bytes);
  if (buffer_.size() < 256_KiB) return;
  if (status_) status_ = io::WriteAll(fd_.get(), buffer_);
  buffer_.clear();
}

void ListingLog::Object(const objectstore::ObjectInfo& object) {
  std::string record;
  PutNumber(record, object.size);
  PutNumber(record, object.last_modified);
  PutText(record, object.key);
  PutText(record, object.etag);
  PutText(record, object.link_target);
  Append(kObject, record);
}

void ListingLog::Plan(const std::vector<std::string>& prefixes) {
  for (const std::string& prefix : prefixes) Append(kPlan, prefix);
  Append(kPlanned, {});
}

void ListingLog::Finished(const std::string& prefix) { Append(kFinished, prefix); }

Status ListingLog::Flush() {
  MutexLock lock(mu_);
  if (status_) status_ = io::WriteAll(fd_.get(), buffer_);
  buffer_.clear();
  return status_;
}

}  // namespace leat::datanode
