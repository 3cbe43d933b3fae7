// `leat cp`: one object from or to S3.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/bytes.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/s3_access.h"
#include "io/file.h"

namespace leat::cli {
namespace {

using objectstore::S3Client;
using objectstore::S3Url;

// What a 404 is about: an answer to HEAD has no words.
Error Absent(S3Client& s3, const S3Url& url) {
  const Status bucket = s3.HeadBucket(url.bucket);
  if (!bucket && bucket.error().code == Code::kNotFound)
    return {Code::kNotFound,
            fmt::format("{}: there is no bucket \"{}\"; `aws s3 mb s3://{}` makes it",
                        url.ToString(), url.bucket, url.bucket)};
  return {Code::kNotFound, fmt::format("{}: there is no such key in the bucket", url.ToString())};
}

Status Download(S3Client& s3, const objectstore::S3Options& access, const S3Url& from,
                std::string to) {
  if (from.key.empty())
    return Error{Code::kInvalid, fmt::format("\"{}\" names no object: use s3://{}/KEY",
                                             from.ToString(), from.bucket)};
  Result<objectstore::ObjectInfo> info = objectstore::ObjectInfo();
  const Status found = FirstCall(access, [&]() -> Status {
    info = s3.Head(from);
    if (!info) return info.error();
    return {};
  });
  if (!found) return found.error().code == Code::kNotFound ? Absent(s3, from) : found.error();
  struct stat at {};
  if (stat(to.c_str(), &at) == 0 && S_ISDIR(at.st_mode))
    to += "/" + from.key.substr(from.key.rfind('/') + 1);
  // A device like /dev/null would be replaced by the file.
  if (stat(to.c_str(), &at) == 0 && !S_ISREG(at.st_mode))
    return Error{Code::kInvalid, to + " is not a regular file"};
  Progress progress(fmt::format("Downloading {}", from.ToString()), info->size);
  const std::string aside = to + ".part";
  if (auto done = s3.Download(from, *info, aside, [&](uint64_t n) { progress.Add(n); }); !done) {
    (void)io::Remove(aside);
    return done;
  }
  progress.Finish();
  return io::Rename(aside, to);
}

Status Upload(S3Client& s3, const objectstore::S3Options& access, const std::string& from,
              S3Url to) {
  auto fd = io::Open(from, O_RDONLY);
  if (!fd) return fd.error();
  struct stat at {};
  if (fstat(fd->get(), &at) != 0 || !S_ISREG(at.st_mode))
    return Error{Code::kInvalid, from + " is not a regular file"};
  if (to.key.empty() || to.key.ends_with('/')) to.key += from.substr(from.rfind('/') + 1);
  const Status bucket = FirstCall(access, [&] { return s3.HeadBucket(to.bucket); });
  if (!bucket && bucket.error().code == Code::kNotFound) return Absent(s3, to);
  if (!bucket && bucket.error().code != Code::kForbidden) return bucket;  // a key may only write
  const auto size = static_cast<uint64_t>(at.st_size);
  Progress progress(fmt::format("Uploading {}", to.ToString()), size);
  auto done = s3.Upload(to, fd->get(), size, [&](uint64_t n) { progress.Add(n); });
  if (done) progress.Finish();
  return done;
}

Status Copy(const std::string& from, const std::string& to) {
  const bool down = from.starts_with("s3://"), up = to.starts_with("s3://");
  if (down == up)
    return Error{Code::kInvalid,
                 "one of the two must be s3://BUCKET/KEY and the other a local path"};
  auto url = S3Url::Parse(down ? from : to);
  if (!url) return url.error();
  const auto access = FindS3Access();
  if (!access) return access.error();
  S3Client s3(*access);
  return down ? Download(s3, *access, *url, to) : Upload(s3, *access, from, *url);
}

}  // namespace

void AddCopy(CLI::App& app, Run& run) {
  auto from = std::make_shared<std::string>(), to = std::make_shared<std::string>();
  CLI::App* copy = app.add_subcommand("cp", "Copy an object from or to S3");
  copy->add_option("FROM", *from, "s3://BUCKET/KEY or a local file")->required();
  copy->add_option("TO", *to, "s3://BUCKET/KEY or a local path")->required();
  copy->footer(
      "Keys and endpoint come from the AWS environment and shared files, for example\n"
      "AWS_SHARED_CREDENTIALS_FILE=DIR/aws/credentials AWS_CONFIG_FILE=DIR/aws/config");
  copy->callback([=, &run] {
    run = [=] {
      const Status done = Copy(*from, *to);
      return done ? 0 : Fail(done.error());
    };
  });
}

}  // namespace leat::cli
