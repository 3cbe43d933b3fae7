#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>

#include "base/bytes.h"
#include "io/file.h"
#include "objectstore/s3_client.h"
#include "objectstore/workers.h"

namespace leat::objectstore {
namespace {

constexpr uint64_t kRange = 16_MiB;
constexpr int kThreads = 8;

}  // namespace

Status S3Client::Download(const S3Url& url, const ObjectInfo& listed, const std::string& path,
                          const std::function<void(uint64_t)>& progress,
                          const std::stop_token& stop) {
  ObjectInfo info = listed;
  if (info.etag.empty()) {
    const auto head = Head(url, stop);
    if (!head) return head.error();
    if (head->size != info.size) {
      return Error{Code::kConflict, fmt::format("{} has {} bytes by now, no longer {}",
                                                url.ToString(), head->size, info.size)};
    }
    info = *head;
  }
  const auto fd = io::Open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (!fd) return fd.error();
  const auto fetch = [&](uint64_t offset, uint64_t size, const std::stop_token& token) -> Status {
    uint64_t at = offset;
    return Read(
        url, info, offset, size,
        [&](std::string_view bytes) -> Status {
          if (auto put = io::PWriteAll(fd->get(), bytes, static_cast<off_t>(at)); !put) {
            return put.error().Within("write " + path);
          }
          at += bytes.size();
          if (progress) progress(bytes.size());
          return {};
        },
        token);
  };
  Status done;
  if (info.size > kRange) {
    const int threads =
        static_cast<int>(std::min<uint64_t>(kThreads, (info.size - 1) / kRange + 1));
    Workers workers(threads, stop);
    for (uint64_t offset = 0; offset < info.size; offset += kRange) {
      const uint64_t size = std::min(kRange, info.size - offset);
      const bool taken = workers.Submit([&fetch, offset, size](const std::stop_token& token) {
        return fetch(offset, size, token);
      });
      if (!taken) break;
    }
    done = workers.Finish();
  } else {
    done = fetch(0, info.size, stop);
  }
  if (!done) ::unlink(path.c_str());
  return done;
}

}  // namespace leat::objectstore
