#include "engine/tar_stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "io/file.h"

namespace leat::engine {

// Works in steps, each of which appends to `out` through libarchive's write callback: a reader
// wants bytes when it is ready, libarchive gives them when it is.
struct TarStream::State {
  std::string root;
  std::vector<FileEntry> entries;
  size_t next = 0;
  io::UniqueFd file;  // of the entry being written
  bool opened = false, closed = false;
  std::string out;  // made, from `taken` on not read yet
  size_t taken = 0;
  std::string chunk = std::string(1 << 20, '\0');
  std::unique_ptr<archive, int (*)(archive*)> tar{archive_write_new(), archive_write_free};

  static la_ssize_t OnWrite(archive*, void* self, const void* bytes, size_t size) {
    static_cast<State*>(self)->out.append(static_cast<const char*>(bytes), size);
    return static_cast<la_ssize_t>(size);
  }

  Error ArchiveError(const std::string& what) {
    const char* why = archive_error_string(tar.get());
    return {Code::kInternal, what + ": " + (why ? why : "archive error")};
  }

  Status Open() {
    opened = true;
    archive_write_set_format_pax_restricted(tar.get());
    archive_write_add_filter_gzip(tar.get());
    // Weights hardly shrink: speed is worth more. Without a time stamp equal trees give equal
    // bytes.
    archive_write_set_options(tar.get(), "gzip:compression-level=1,gzip:!timestamp");
    archive_write_set_bytes_in_last_block(tar.get(), 1);
    if (archive_write_open(tar.get(), this, nullptr, OnWrite, nullptr) != ARCHIVE_OK)
      return ArchiveError("open the archive");
    return {};
  }

  Status Step() {
    if (file.ok()) return CopyFile();
    if (next < entries.size()) return StartEntry(entries[next++]);
    closed = true;
    if (archive_write_close(tar.get()) != ARCHIVE_OK) return ArchiveError("close the archive");
    return {};
  }

  Status StartEntry(const FileEntry& from) {
    if (from.kind == FileKind::kFile) {
      auto opened = io::OpenBeneath(root, from.path, O_RDONLY);
      if (!opened &&
          (opened.error().code == Code::kNotFound || opened.error().code == Code::kForbidden))
        return {};
      if (!opened) return opened.error();
      file = std::move(*opened);
    }
    const std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry(archive_entry_new(),
                                                                         archive_entry_free);
    archive_entry_set_pathname(entry.get(), from.path.c_str());
    archive_entry_set_mtime(entry.get(), from.modified_ns / 1'000'000'000, 0);
    archive_entry_set_perm(entry.get(), from.mode);
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(from.size));
    switch (from.kind) {
      case FileKind::kFile:
        archive_entry_set_filetype(entry.get(), AE_IFREG);
        break;
      case FileKind::kDirectory:
        archive_entry_set_filetype(entry.get(), AE_IFDIR);
        break;
      case FileKind::kLink:
        archive_entry_set_filetype(entry.get(), AE_IFLNK);
        archive_entry_set_symlink(entry.get(), from.target.c_str());
        break;
    }
    if (archive_write_header(tar.get(), entry.get()) < ARCHIVE_WARN)
      return ArchiveError("archive " + from.path);
    return {};
  }

  Status CopyFile() {
    const std::string& path = entries[next - 1].path;
    const ssize_t got = ::read(file.get(), chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) return {};
    if (got < 0) return io::ErrnoError(errno, "read " + path);
    // Beyond the size in the header it writes nothing: the file has grown meanwhile.
    const la_ssize_t put =
        got == 0 ? 0 : archive_write_data(tar.get(), chunk.data(), static_cast<size_t>(got));
    if (put < 0) return ArchiveError("archive " + path);
    if (got == 0 || put < got) file.Reset();
    return {};
  }
};

TarStream::TarStream(std::string root, std::vector<FileEntry> entries)
    : state_(std::make_unique<State>()) {
  state_->root = std::move(root);
  state_->entries = std::move(entries);
}

TarStream::~TarStream() = default;

Result<size_t> TarStream::Read(std::span<char> buffer) {
  State& state = *state_;
  if (!state.opened)
    if (auto opened = state.Open(); !opened) return opened.error();
  while (state.taken == state.out.size() && !state.closed) {
    state.out.clear();
    state.taken = 0;
    if (auto made = state.Step(); !made) return made.error();
  }
  const size_t size = std::min(buffer.size(), state.out.size() - state.taken);
  std::memcpy(buffer.data(), state.out.data() + state.taken, size);
  state.taken += size;
  return size;
}

}  // namespace leat::engine
