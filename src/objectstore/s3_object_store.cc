#include "objectstore/s3_object_store.h"

#include <fmt/format.h>

#include "base/strings.h"
#include "objectstore/s3_listing.h"
#include "objectstore/s3_read.h"
#include "objectstore/s3_session.h"

namespace leat::objectstore {
namespace {

class S3ObjectStore : public ObjectStore {
 public:
  S3ObjectStore(S3Source source, S3Options options)
      : source_(std::move(source)),
        name_(source_.ToString()),
        endpoint_(EndpointName(source_, options.endpoint)),
        session_(std::move(options)) {}

  // Whether the bucket can be listed.
  Status Probe() {
    return ListPages(session_,
                     {.bucket = source_.bucket,
                      .prefix = source_.prefix,
                      .max_keys = 1,
                      .scheme = source_.scheme},
                     [](const S3Page&) -> Result<bool> { return false; }, {});
  }

  const std::string& Name() const override { return name_; }
  const std::string& Endpoint() const override { return endpoint_; }

  Status List(const std::string& prefix, const std::string& after,
              const std::function<bool(ObjectInfo)>& each, const std::stop_token& stop) override {
    S3List list{
        .bucket = source_.bucket, .prefix = source_.prefix + prefix, .scheme = source_.scheme};
    if (!after.empty()) list.start_after = source_.prefix + after;
    return ListPages(
        session_, list,
        [&](S3Page page) -> Result<bool> {
          for (ObjectInfo& info : page.objects) {
            if (!MakeRelative(info.key)) continue;
            if (!each(std::move(info))) return false;
          }
          return true;
        },
        stop);
  }

  Result<Listing> ListLevel(const std::string& prefix, size_t limit,
                            const std::stop_token& stop) override {
    Listing listing;
    const auto take = [&](S3Page page) -> Result<bool> {
      for (ObjectInfo& info : page.objects) {
        if (MakeRelative(info.key)) listing.objects.push_back(std::move(info));
      }
      for (std::string& name : page.prefixes) {
        if (MakeRelative(name)) listing.prefixes.push_back(std::move(name));
      }
      if (listing.objects.size() + listing.prefixes.size() > limit) {
        return Error{Code::kTooLarge,
                     fmt::format("{}{} holds more than {} names", name_, prefix, limit)};
      }
      return true;
    };
    auto done = ListPages(session_,
                          {.bucket = source_.bucket,
                           .prefix = source_.prefix + prefix,
                           .delimiter = "/",
                           .scheme = source_.scheme},
                          take, stop);
    if (!done) return done.error();
    return listing;
  }

  Result<ObjectInfo> Head(const std::string& key, const std::stop_token& stop) override {
    return HeadObject(
        session_, {.bucket = source_.bucket, .key = source_.prefix + key, .scheme = source_.scheme},
        key, stop);
  }

  Status Get(const std::string& key, const std::string& etag, uint64_t offset, uint64_t size,
             const std::function<Status(std::string_view)>& sink,
             const std::stop_token& stop) override {
    return ReadObject(
        session_, {.bucket = source_.bucket, .key = source_.prefix + key, .scheme = source_.scheme},
        etag, offset, size, sink, stop);
  }

 private:
  // False for what does not lie under the source's prefix: the store answered something else.
  bool MakeRelative(std::string& key) const {
    if (!key.starts_with(source_.prefix)) return false;
    key.erase(0, source_.prefix.size());
    return !key.empty();
  }

  const S3Source source_;
  const std::string name_;
  const std::string endpoint_;
  S3Session session_;
};

}  // namespace

Result<S3Source> S3Source::Parse(const std::string& url) {
  const auto parts = Cut(url, "://");
  if (!parts) return Error{Code::kInvalid, fmt::format("\"{}\" is no URL", url)};
  const auto names = Cut(parts->second, "/");
  S3Source source{std::string(parts->first), std::string(names ? names->first : parts->second),
                  std::string(names ? names->second : "")};
  if (source.bucket.empty()) {
    return Error{Code::kInvalid, fmt::format("\"{}\" names no bucket", url)};
  }
  if (source.bucket.find_first_of("?#@:") != std::string::npos) {
    return Error{Code::kInvalid,
                 fmt::format("\"{}\": \"{}\" is no name of a bucket", url, source.bucket)};
  }
  if (!source.prefix.empty() && !source.prefix.ends_with('/')) source.prefix += '/';
  return source;
}

std::string EndpointName(const S3Source& source, const std::string& endpoint) {
  const auto url = net::Url::Parse(endpoint);
  if (!url) return "";
  const std::string host = Lower(url->host);
  const bool own = (source.scheme == "s3" && host.ends_with(".amazonaws.com")) ||
                   (source.scheme == "gs" && host == "storage.googleapis.com") ||
                   (source.scheme == "oss" && host.ends_with(".aliyuncs.com"));
  return own ? "" : Lower(url->HostHeader());
}

std::unique_ptr<ObjectStore> MakeS3ObjectStore(S3Source source, S3Options options) {
  return std::make_unique<S3ObjectStore>(std::move(source), std::move(options));
}

Result<std::unique_ptr<ObjectStore>> OpenS3ObjectStore(S3Source source, S3Options options) {
  auto store = std::make_unique<S3ObjectStore>(std::move(source), std::move(options));
  if (auto seen = store->Probe(); !seen) return seen.error();
  return store;
}

}  // namespace leat::objectstore
