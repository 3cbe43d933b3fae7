#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>

#include <memory>

#include "engine/download.h"
#include "io/file.h"

namespace leat::engine {

Status Gunzip(const std::string& from, const std::string& to, const std::stop_token& stop) {
  const std::unique_ptr<archive, int (*)(archive*)> packed(archive_read_new(), archive_read_free);
  const auto failed = [&](const char* what) {
    const char* why = archive_error_string(packed.get());
    return Error{Code::kInvalid, std::string(what) + " " + from + ": " + (why ? why : "not gzip")};
  };
  archive_read_support_filter_gzip(packed.get());
  archive_read_support_format_raw(packed.get());
  archive_read_support_format_empty(packed.get());
  if (archive_read_open_filename(packed.get(), from.c_str(), 1 << 20) != ARCHIVE_OK)
    return failed("open");
  auto out = io::Open(to, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  if (!out) return out.error();
  archive_entry* entry = nullptr;
  const int found = archive_read_next_header(packed.get(), &entry);
  if (found == ARCHIVE_EOF) return {};  // empty
  if (found != ARCHIVE_OK || archive_filter_code(packed.get(), 0) != ARCHIVE_FILTER_GZIP)
    return failed("unpack");
  std::string buffer(1 << 20, '\0');
  while (!stop.stop_requested()) {
    const la_ssize_t got = archive_read_data(packed.get(), buffer.data(), buffer.size());
    if (got < 0) return failed("unpack");
    if (got == 0) return {};
    if (auto written = io::WriteAll(out->get(), {buffer.data(), static_cast<size_t>(got)});
        !written)
      return written.error().Within(to);
  }
  return Error{Code::kCancelled, "unpacking was stopped"};
}

}  // namespace leat::engine
