#include "blocks/object_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/log.h"
#include "hash/hash.h"
#include "io/file.h"

namespace leat::blocks {
namespace {

// The page cache lays a write into pieces of memory as large as the write, at most 2 MiB. Where a
// virtual machine has given its large pieces back to the host, those of 1 MiB took up to three
// times as long to write as any other size; those of 128 KiB are read 3 to 7 % slower ever after
// than the largest, those of 256 KiB 1 to 3 %.
constexpr size_t kPiece = 256 << 10;

constexpr char kMagic[8] = {'L', 'E', 'A', 'T', 'C', 'H', 'K', '1'};
constexpr uint32_t kPresent = 0x54414548;  // a mark's second half; anything else means absent

struct Header {  // little-endian, as every machine Leat runs on
  char magic[8];
  uint32_t chunk_size;
  uint32_t reserved;
  uint8_t id[16];
  uint64_t size;
  uint8_t padding[20];
  uint32_t crc32c;  // of all before
};
static_assert(sizeof(Header) == 64);

struct Mark {
  uint32_t crc32c;
  uint32_t present;
};
static_assert(sizeof(Mark) == 8);

template <class T>
std::string_view BytesOf(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

off_t MarkOffset(uint64_t chunk) {
  return static_cast<off_t>(sizeof(Header) + chunk * sizeof(Mark));
}

Header MakeHeader(const ObjectId& id, uint64_t size) {
  Header header{};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  header.chunk_size = kChunkSize;
  std::copy(id.bytes.begin(), id.bytes.end(), header.id);
  header.size = size;
  header.crc32c = hash::Crc32c(BytesOf(header).substr(0, offsetof(Header, crc32c)));
  return header;
}

std::string DirectoryOf(const std::string& dir, const ObjectId& id) {
  return dir + "/objects/" + id.ToHex().substr(0, 2);
}

uint64_t BytesOnDisk(const struct stat& status) {
  return static_cast<uint64_t>(status.st_blocks) * 512;
}

void UnlinkBoth(const std::string& base) {
  ::unlink((base + ".data").c_str());
  ::unlink((base + ".chunks").c_str());
}

// All of `buffer`; kCorrupt when the file ends before it.
Status ReadExactly(int fd, std::span<char> buffer, uint64_t offset, const std::string& path) {
  size_t done = 0;
  while (done < buffer.size()) {
    const ssize_t n =
        ::pread(fd, buffer.data() + done, buffer.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io::ErrnoError(errno, "read " + path);
    if (n == 0) return Error{Code::kCorrupt, path + ": shorter than it should be"};
    done += static_cast<size_t>(n);
  }
  return {};
}

}  // namespace

ObjectFile::ObjectFile(ObjectId id, uint64_t size, std::string base, io::UniqueFd data,
                       io::UniqueFd marks, std::shared_ptr<DiskUse> use, uint64_t counted)
    : id_(id),
      size_(size),
      base_(std::move(base)),
      data_(std::move(data)),
      marks_(std::move(marks)),
      states_(chunks()),
      use_(std::move(use)),
      allocated_(counted) {}

ObjectFile::~ObjectFile() {
  if (!discarded_) return;
  use_->bytes -= allocated_;
  use_->unlinked -= allocated_;
}

Result<std::shared_ptr<ObjectFile>> ObjectFile::Create(const std::string& dir, const ObjectId& id,
                                                       uint64_t size,
                                                       std::shared_ptr<DiskUse> use) {
  if (auto made = io::MakeDirs(DirectoryOf(dir, id), 0700); !made) return made.error();
  const std::string base = DirectoryOf(dir, id) + "/" + id.ToHex();
  auto data = io::Open(base + ".data", O_RDWR | O_CREAT | O_EXCL, 0600);
  if (!data) return data.error();
  auto fail = [&](const Error& error) {
    UnlinkBoth(base);
    return error;
  };
  if (::ftruncate(data->get(), static_cast<off_t>(size)) != 0) {
    return fail(io::ErrnoError(errno, "set the size of " + base + ".data"));
  }
  // Whatever marks an earlier process left without a data file are of no use.
  auto marks = io::Open(base + ".chunks", O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (!marks) return fail(marks.error());
  if (auto wrote = io::PWriteAll(marks->get(), BytesOf(MakeHeader(id, size)), 0); !wrote) {
    return fail(wrote.error());
  }
  std::shared_ptr<ObjectFile> file(
      new ObjectFile(id, size, base, std::move(*data), std::move(*marks), std::move(use), 0));
  file->Settle();
  return file;
}

Result<std::shared_ptr<ObjectFile>> ObjectFile::Open(const std::string& dir, const ObjectId& id,
                                                     std::shared_ptr<DiskUse> use,
                                                     uint64_t counted) {
  const std::string base = DirectoryOf(dir, id) + "/" + id.ToHex();
  auto data = io::Open(base + ".data", O_RDWR | O_NOFOLLOW);
  if (!data) return data.error();
  auto marks = io::Open(base + ".chunks", O_RDWR | O_NOFOLLOW);
  if (!marks) return marks.error();
  Header header;
  if (auto read = ReadExactly(marks->get(), {reinterpret_cast<char*>(&header), sizeof header}, 0,
                              base + ".chunks");
      !read) {
    return read.error();
  }
  const Error corrupt{Code::kCorrupt, base + ".chunks: is not the description of this object"};
  const Header expected = MakeHeader(id, header.size);
  if (std::memcmp(&header, &expected, sizeof header) != 0) return corrupt;
  struct stat status;
  if (::fstat(data->get(), &status) != 0) return io::ErrnoError(errno, "stat " + base + ".data");
  if (static_cast<uint64_t>(status.st_size) != header.size) return corrupt;

  std::shared_ptr<ObjectFile> file(new ObjectFile(id, header.size, base, std::move(*data),
                                                  std::move(*marks), std::move(use), counted));
  // Only the written parts of the marks: those of a large object are mostly a hole.
  std::vector<Mark> buffer(4096);
  for (uint64_t chunk = 0; chunk < file->chunks();) {
    const off_t next = ::lseek(file->marks_.get(), MarkOffset(chunk), SEEK_DATA);
    if (next < 0) break;
    chunk = std::max(chunk, (static_cast<uint64_t>(next) - sizeof(Header)) / sizeof(Mark));
    if (chunk >= file->chunks()) break;  // the file is longer than its marks
    const size_t want = std::min<uint64_t>(buffer.size(), file->chunks() - chunk);
    const ssize_t n =
        ::pread(file->marks_.get(), buffer.data(), want * sizeof(Mark), MarkOffset(chunk));
    if (n < static_cast<ssize_t>(sizeof(Mark))) break;
    const size_t got = static_cast<size_t>(n) / sizeof(Mark);
    for (size_t i = 0; i < got; ++i) {
      if (buffer[i].present != kPresent) continue;
      file->states_[chunk + i] = kUnchecked;
      ++file->present_;
    }
    chunk += got;
  }
  {
    MutexLock lock(file->mu_);
    file->marked_ = (status.st_mode & S_ISVTX) != 0;
  }
  file->Settle();
  return file;
}

std::optional<ObjectSummary> ObjectFile::Summarize(const std::string& dir, const ObjectId& id) {
  const std::string base = DirectoryOf(dir, id) + "/" + id.ToHex();
  struct stat data, marks;
  if (::lstat((base + ".data").c_str(), &data) != 0) return std::nullopt;
  const uint64_t size = static_cast<uint64_t>(data.st_size);
  ObjectSummary summary{.size = size,
                        .present = size,
                        .allocated = BytesOnDisk(data),
                        .complete = (data.st_mode & S_ISVTX) != 0};
  // Blocks may be laid out for bytes that are not there.
  if (!summary.complete)
    summary.present = std::min(BytesOnDisk(data), size - std::min<uint64_t>(size, 1));
  if (::lstat((base + ".chunks").c_str(), &marks) == 0) summary.allocated += BytesOnDisk(marks);
  return summary;
}

ObjectSummary ObjectFile::Summary() const {
  return {.size = size_,
          .present = present_bytes(),
          .allocated = AllocatedBytes(),
          .complete = complete()};
}

uint64_t ObjectFile::LengthOf(uint64_t chunk) const {
  return std::min(kChunkSize, size_ - chunk * kChunkSize);
}

bool ObjectFile::Has(uint64_t chunk) const {
  return chunk < states_.size() && states_[chunk] != kAbsent;
}

uint64_t ObjectFile::present_chunks() const { return present_; }

uint64_t ObjectFile::present_bytes() const {
  // The last chunk is shorter; a byte more or less of it is all the same while others are missing.
  return complete() ? size_ : std::min(size_, present_ * kChunkSize);
}

std::string ObjectFile::DataPath(const std::string& dir, const ObjectId& id) {
  return DirectoryOf(dir, id) + "/" + id.ToHex() + ".data";
}

uint64_t ObjectFile::AllocatedBytes() const {
  MutexLock lock(mu_);
  return allocated_;
}

void ObjectFile::Settle() {
  MutexLock lock(mu_);
  uint64_t bytes = 0;
  for (int fd : {data_.get(), marks_.get()}) {
    struct stat status;
    if (::fstat(fd, &status) == 0) bytes += BytesOnDisk(status);
  }
  // Differences, which may be negative: unsigned arithmetic gives the right sums all the same.
  use_->bytes += bytes - allocated_;
  if (discarded_) use_->unlinked += bytes - allocated_;
  allocated_ = bytes;
  const bool whole = complete();
  if (whole != marked_ && ::fchmod(data_.get(), whole ? 0600 | S_ISVTX : 0600) == 0)
    marked_ = whole;
}

Status ObjectFile::Fill(uint64_t chunk, std::string_view bytes) {
  LEAT_CHECK(chunk < chunks() && bytes.size() == LengthOf(chunk), "chunks are filled whole");
  const Mark mark{hash::Crc32c(bytes), kPresent};
  {
    MutexLock lock(filling_);
    for (size_t at = 0; at < bytes.size(); at += kPiece) {
      const off_t offset = static_cast<off_t>(chunk * kChunkSize + at);
      if (auto wrote = io::PWriteAll(data_.get(), bytes.substr(at, kPiece), offset); !wrote) {
        return wrote.error();
      }
    }
  }
  if (auto wrote = io::PWriteAll(marks_.get(), BytesOf(mark), MarkOffset(chunk)); !wrote) {
    return wrote.error();
  }
  if (states_[chunk].exchange(kChecked) == kAbsent) ++present_;
  Settle();
  return {};
}

void ObjectFile::Drop(uint64_t chunk) {
  if (states_[chunk].exchange(kAbsent) == kAbsent) return;
  --present_;
  Settle();
  ++use_->rotten;
  if (!told_.exchange(true)) {
    LogWarning("a chunk of a cached object has changed on disk, or cannot be read, and is dropped",
               {{"object", id_.ToHex()}, {"file", base_ + ".data"}, {"chunk", chunk}});
  }
  // When even this fails, the next process finds the mark, and the same rot.
  (void)io::PWriteAll(marks_.get(), BytesOf(Mark{}), MarkOffset(chunk));
}

Result<bool> ObjectFile::Verify(uint64_t chunk) {
  if (chunk < states_.size() && states_[chunk] == kChecked) return true;
  return Check(chunk);
}

Result<bool> ObjectFile::Check(uint64_t chunk) {
  if (!Has(chunk)) return false;
  Mark mark;
  const size_t length = LengthOf(chunk);
  const auto buffer = std::make_unique_for_overwrite<char[]>(length);
  auto read = ReadExactly(marks_.get(), {reinterpret_cast<char*>(&mark), sizeof mark},
                          static_cast<uint64_t>(MarkOffset(chunk)), base_ + ".chunks");
  if (read) {
    read = ReadExactly(data_.get(), {buffer.get(), length}, chunk * kChunkSize, base_ + ".data");
  }
  if (!read) {
    Drop(chunk);
    return read.error();
  }
  if (mark.present != kPresent || hash::Crc32c({buffer.get(), length}) != mark.crc32c) {
    Drop(chunk);
    return false;
  }
  uint8_t unchecked = kUnchecked;
  states_[chunk].compare_exchange_strong(unchecked, kChecked);
  return true;
}

Result<uint64_t> ObjectFile::VerifyAll(const std::stop_token& stop) {
  uint64_t dropped = 0;
  for (uint64_t chunk = 0; chunk < chunks(); ++chunk) {
    if (stop.stop_requested()) return Error{Code::kCancelled, "verify " + base_ + ": stopped"};
    if (!Has(chunk)) continue;
    const auto good = Verify(chunk);
    if (!good || !*good) ++dropped;
  }
  return dropped;
}

Result<size_t> ObjectFile::Read(uint64_t offset, std::span<char> buffer) {
  if (offset >= size_) return 0;
  uint64_t end = offset;
  const uint64_t wanted = std::min(size_, offset + buffer.size());
  while (end < wanted) {
    const uint64_t chunk = end / kChunkSize;
    const auto good = Verify(chunk);
    if (!good && end == offset) return good.error();
    if (!good || !*good) break;
    end = std::min((chunk + 1) * kChunkSize, wanted);
  }
  if (auto read = ReadExactly(data_.get(), buffer.first(end - offset), offset, base_ + ".data");
      !read) {
    for (uint64_t chunk = offset / kChunkSize; chunk * kChunkSize < end; ++chunk) Drop(chunk);
    return read.error();
  }
  return end - offset;
}

void ObjectFile::Discard() {
  UnlinkBoth(base_);
  MutexLock lock(mu_);
  if (!std::exchange(discarded_, true)) use_->unlinked += allocated_;
}

void ObjectFile::Remove(const std::string& dir, const ObjectId& id) {
  UnlinkBoth(DirectoryOf(dir, id) + "/" + id.ToHex());
}

}  // namespace leat::blocks
