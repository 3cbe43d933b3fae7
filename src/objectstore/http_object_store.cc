#include "objectstore/http_object_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <optional>

#include "aws/amz_time.h"
#include "base/log.h"
#include "base/strings.h"
#include "objectstore/http_index.h"
#include "objectstore/range_reader.h"
#include "objectstore/redirect.h"
#include "objectstore/tree_store.h"
#include "objectstore/workers.h"

namespace leat::objectstore {
namespace {

constexpr size_t kMaxPage = 64u << 20;
constexpr int kHeads = 16;  // side by side
constexpr int kMaxRedirects = 5;
constexpr int kMaxWarnings = 10;
constexpr std::string_view kModified = "mtime-";  // begins a version that is no ETag

using Response = std::unique_ptr<net::ClientResponse>;

Code CodeOf(int status) {
  switch (status) {
    case 401:
      return Code::kUnauthorized;
    case 403:
      return Code::kForbidden;
    case 404:
    case 410:
      return Code::kNotFound;
    case 412:
    case 416:  // the file has become shorter
      return Code::kConflict;
    case 408:
    case 425:
    case 429:
      return Code::kUnavailable;
    default:
      return status >= 500 ? Code::kUnavailable : Code::kInvalid;
  }
}

// The length of the whole object; nullopt when the answer does not tell.
std::optional<uint64_t> WholeLength(const net::ClientResponse& response) {
  if (response.status != 206) {
    const auto length = ParseInt(response.headers.Get("Content-Length"));
    if (!length || *length < 0) return std::nullopt;
    return static_cast<uint64_t>(*length);
  }
  const auto parts = Cut(response.headers.Get("Content-Range"), "/");
  const auto length = parts ? ParseInt(parts->second) : Result<int64_t>(Error{});
  if (!length || *length < 0) return std::nullopt;
  return static_cast<uint64_t>(*length);
}

int64_t ModifiedAt(const net::Headers& headers) {
  const auto time = aws::ParseHttpDate(headers.Get("Last-Modified"));
  return time ? std::chrono::system_clock::to_time_t(*time) : 0;
}

// The version that an answer is of; "" when it does not tell.
std::string VersionOf(const net::ClientResponse& response) {
  std::string etag(response.headers.Get("ETag"));
  if (etag.size() > 2 && etag.starts_with('"') && etag.ends_with('"')) {
    return etag.substr(1, etag.size() - 2);
  }
  if (!etag.empty()) return etag;  // a weak one stays as it is: W/"..."
  const auto length = WholeLength(response);
  const int64_t modified = ModifiedAt(response.headers);
  return length && modified > 0 ? fmt::format("{}{}-{}", kModified, modified, *length) : "";
}

class HttpObjectStore : public TreeStore {
 public:
  HttpObjectStore(net::Url base, HttpStoreOptions options)
      : base_(std::move(base)),
        name_(base_.scheme + "://" + base_.HostHeader() + base_.path),
        endpoint_(base_.HostHeader()),
        options_(std::move(options)),
        http_(net::Client::Make(
            {.tls = {.ca_pem = options_.ca_pem}, .max_idle_per_host = 4 * kHeads})) {}

  const std::string& Name() const override { return name_; }
  const std::string& Endpoint() const override { return endpoint_; }

  Status Probe() {
    const auto names = Names("", SIZE_MAX, {});
    if (!names) return names.error();
    return {};
  }

  Result<ObjectInfo> Head(const std::string& key, const std::stop_token& stop) override {
    Patience patience(options_.retry);
    while (true) {
      auto response = Send("HEAD", key, {}, stop);
      if (response) return ReadHead(key, **response);
      if (auto again = patience.AfterFailure(response.error(), stop); !again) return again.error();
    }
  }

  Status Get(const std::string& key, const std::string& etag, uint64_t offset, uint64_t size,
             const std::function<Status(std::string_view)>& sink,
             const std::stop_token& stop) override {
    const std::string what = What("GET", key);
    const auto open = [&](uint64_t from, uint64_t end) -> Result<Response> {
      net::Headers headers;
      headers.Set("Range", fmt::format("bytes={}-{}", from, end - 1));
      const bool strong = !etag.starts_with("W/") && !etag.starts_with(kModified);
      if (strong) headers.Set("If-Match", "\"" + etag + "\"");
      auto response = Send("GET", key, headers, stop);
      if (!response) return response;
      const std::string version = VersionOf(**response);
      if (version == etag) return response;
      if (version == "W/\"" + etag + "\"" && IsUnencoded((*response)->headers)) return response;
      return Error{Code::kConflict, fmt::format("{}: the file is \"{}\" by now, no longer \"{}\"",
                                                what, version, etag)};
    };
    Patience patience(options_.retry);
    return ReadRange({what, offset, size, options_.stall_timeout}, open, patience, sink, stop);
  }

 protected:
  Result<std::vector<std::string>> Names(const std::string& directory, size_t limit,
                                         const std::stop_token& stop) override {
    Patience patience(options_.retry);
    while (true) {
      auto html = Page(directory, stop);
      if (html) {
        const std::string path = base_.path + PercentEncode(directory, /*keep_slash=*/true);
        auto names = ParseIndex(*html, {base_.HostHeader(), path}, limit);
        if (!names) return names.error().Within(What("GET", directory));
        return WithoutShadowed(std::move(*names));
      }
      const bool gone = html.error().code == Code::kNotFound;
      if (!directory.empty() && !gone && LeavesOut(html.error())) return std::vector<std::string>();
      if (auto again = patience.AfterFailure(html.error(), stop); !again) return again.error();
    }
  }

  Result<std::vector<ObjectInfo>> Describe(const std::vector<std::string>& keys,
                                           const std::stop_token& stop) override {
    std::vector<std::optional<ObjectInfo>> found(keys.size());
    std::atomic<size_t> next = 0;
    const auto describe = [&](const std::stop_token& token) -> Status {
      for (size_t i = next++; i < keys.size(); i = next++) {
        if (keys[i].ends_with('/')) {
          found[i] = ObjectInfo{.key = keys[i]};  // its page has no links
          continue;
        }
        auto info = Head(keys[i], token);
        if (info) {
          found[i] = std::move(*info);
        } else if (!LeavesOut(info.error())) {
          return info.error();
        }
      }
      return {};
    };
    {
      const int threads = static_cast<int>(std::min<size_t>(kHeads, keys.size()));
      Workers workers(std::max(threads, 1), stop);
      for (int i = 0; i < threads && workers.Submit(describe); ++i) {
      }
      if (auto done = workers.Finish(); !done) return done.error();
    }
    std::vector<ObjectInfo> infos;
    for (auto& info : found) {
      if (info) infos.push_back(std::move(*info));
    }
    return infos;
  }

 private:
  std::string What(std::string_view method, const std::string& key) const {
    return fmt::format("{} {}{}", method, name_, key);
  }

  // One attempt, redirects followed; a 2xx answer.
  Result<Response> Send(const std::string& method, const std::string& key,
                        const net::Headers& headers, const std::stop_token& stop) {
    const std::string what = What(method, key);
    net::Url url = base_;
    url.path += PercentEncode(key, /*keep_slash=*/true);
    for (int i = 0; i <= kMaxRedirects; ++i) {
      net::ClientRequest request{.method = method, .url = url, .headers = headers};
      request.timeout = options_.stall_timeout;
      // A compressed answer has another length, and often the same ETag.
      request.headers.Set("Accept-Encoding", "identity");
      auto response = http_->Send(std::move(request), stop);
      // The client names the URL that it asked: ours, unless we were sent elsewhere.
      if (!response) return i == 0 ? response.error() : response.error().Within(what);
      const int status = (*response)->status;
      if (status == 200 || status == 206) return response;
      const auto target = IsRedirect(status)
                              ? RedirectTarget(url, (*response)->headers.Get("Location"))
                              : std::nullopt;
      if (!target) {
        return Error{CodeOf(status),
                     fmt::format("{}: {} {}", what, status, net::ReasonPhrase(status))};
      }
      url = *target;
    }
    return Error{Code::kInvalid, what + ": it is redirected in circles"};
  }

  Result<std::string> Page(const std::string& directory, const std::stop_token& stop) {
    auto response = Send("GET", directory, {}, stop);
    if (!response) return response.error();
    const std::string type = Lower((*response)->headers.Get("Content-Type"));
    if (!type.starts_with("text/html") && !type.starts_with("application/xhtml")) {
      return Error{Code::kInvalid, fmt::format("{}: the answer is \"{}\" and no page with an index",
                                               What("GET", directory), type)};
    }
    auto html = (*response)->ReadAll(kMaxPage);
    if (!html) return html.error().Within(What("GET", directory));
    return html;
  }

  // "a" where there is "a/" too is the same directory, linked without its slash.
  static std::vector<std::string> WithoutShadowed(std::vector<std::string> names) {
    const std::vector<std::string> all = names;
    std::erase_if(names, [&](const std::string& name) {
      return !name.ends_with('/') && std::binary_search(all.begin(), all.end(), name + "/");
    });
    return names;
  }

  Result<ObjectInfo> ReadHead(const std::string& key, const net::ClientResponse& response) {
    ObjectInfo info{.key = key, .etag = VersionOf(response)};
    const auto length = WholeLength(response);
    if (!length || info.etag.empty()) {
      return Error{Code::kUnimplemented, What("HEAD", key) +
                                             ": the server tells no length, or neither ETag nor "
                                             "Last-Modified: a change could not be noticed"};
    }
    info.size = *length;
    info.last_modified = ModifiedAt(response.headers);
    return info;
  }

  bool LeavesOut(const Error& error) {
    if (error.code == Code::kNotFound) return true;
    const bool unusable = error.code == Code::kForbidden || error.code == Code::kUnauthorized ||
                          error.code == Code::kInvalid || error.code == Code::kUnimplemented;
    if (unusable && warnings_++ < kMaxWarnings) {
      LogWarning("a file or directory is left out of the listing", {{"error", error}});
    }
    return unusable;
  }

  const net::Url base_;
  const std::string name_;
  const std::string endpoint_;
  const HttpStoreOptions options_;
  const std::unique_ptr<net::Client> http_;
  std::atomic<int> warnings_ = 0;
};

}  // namespace

Result<std::unique_ptr<ObjectStore>> OpenHttpObjectStore(const std::string& url,
                                                         HttpStoreOptions options) {
  auto base = net::Url::Parse(url);
  if (!base) return base.error();
  if (!base->query.empty()) {
    return Error{Code::kInvalid, fmt::format("\"{}\": a tree has no query", url)};
  }
  if (!base->path.ends_with('/')) base->path += '/';
  const bool look = options.look;
  auto store = std::make_unique<HttpObjectStore>(std::move(*base), std::move(options));
  if (!look) return store;
  if (auto seen = store->Probe(); !seen) return seen.error();
  return store;
}

}  // namespace leat::objectstore
