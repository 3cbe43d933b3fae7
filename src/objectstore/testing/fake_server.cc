#include "objectstore/testing/fake_server.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "aws/amz_time.h"
#include "aws/xml.h"
#include "base/clock.h"
#include "base/strings.h"

namespace leat::objectstore {
namespace {

constexpr size_t kPage = 3;  // keys of a listing's page
constexpr std::string_view kRoot = "/data/";

WallTime TimeOf(int version) { return WallTime(std::chrono::seconds(1'700'000'000 + version)); }

}  // namespace

FakeServer::FakeServer(Kind kind) : kind_(kind) {
  auto server =
      net::Server::Start({}, [this](auto& request, auto& response) { Handle(request, response); });
  EXPECT_TRUE(server);
  server_ = std::move(*server);
}

std::string FakeServer::endpoint() const {
  return fmt::format("http://127.0.0.1:{}", server_->port());
}

std::string FakeServer::source() const {
  return kind_ == Kind::kS3 ? "s3://bucket/data/" : endpoint() + std::string(kRoot);
}

void FakeServer::Put(const std::string& key, std::string bytes) {
  MutexLock lock(mu_);
  objects_[key] = {std::move(bytes), ++versions_};
}

void FakeServer::Remove(const std::string& key) {
  MutexLock lock(mu_);
  objects_.erase(key);
}

void FakeServer::Fail(std::deque<Fault> faults) {
  MutexLock lock(mu_);
  faults_ = std::move(faults);
}

void FakeServer::SetIntercept(Intercept intercept) {
  MutexLock lock(mu_);
  intercept_ = std::move(intercept);
}

int FakeServer::object_gets() const {
  MutexLock lock(mu_);
  return object_gets_;
}

std::string FakeServer::ErrorBody(const std::string& code) const {
  return kind_ == Kind::kS3 ? "<Error><Code>" + code + "</Code><Message>because</Message></Error>"
                            : "<html>" + code + "</html>";
}

std::string FakeServer::EtagOf(const Object& object) const {
  return kind_ == Kind::kPython ? "" : fmt::format("\"v{}\"", object.version);
}

void FakeServer::Handle(net::ServerRequest& request, net::ResponseWriter& response) {
  Intercept intercept;
  {
    MutexLock lock(mu_);
    intercept = intercept_;
  }
  if (intercept && intercept(request, response)) return;
  std::string path = PercentDecode(request.path);
  if (kind_ == Kind::kS3) {
    if (path == "/bucket") return List(request, response);
    if (!path.starts_with("/bucket/data/")) return response.Send(404, ErrorBody("NoSuchBucket"));
    return Serve(path.substr(13), request, response);
  }
  if (!path.starts_with(kRoot)) return response.Send(404, ErrorBody("NotFound"));
  path.erase(0, kRoot.size());
  if (path.empty() || path.ends_with('/')) return Index(path, response);
  Serve(path, request, response);
}

void FakeServer::List(net::ServerRequest& request, net::ResponseWriter& response) {
  const std::string prefix(request.query.Get("prefix"));
  const std::string delimiter(request.query.Get("delimiter"));
  const std::string after(
      std::max(request.query.Get("start-after"), request.query.Get("continuation-token")));
  aws::XmlWriter xml("ListBucketResult", "");
  xml.Add("EncodingType", "url");
  MutexLock lock(mu_);
  size_t given = 0;
  std::string last;
  bool more = false;
  for (const auto& [short_key, object] : objects_) {
    const std::string key = "data/" + short_key;
    if (!key.starts_with(prefix) || key <= after) continue;
    const size_t end = delimiter.empty() ? std::string::npos : key.find(delimiter, prefix.size());
    const std::string group = end == std::string::npos ? "" : key.substr(0, end + 1);
    if (!group.empty() && (group == last || after.starts_with(group))) continue;
    if (given++ == kPage) {
      more = true;
      break;
    }
    last = group.empty() ? key : group;
    if (!group.empty()) {
      xml.Open("CommonPrefixes").Add("Prefix", PercentEncode(group, true)).Close();
      continue;
    }
    std::string encoded = PercentEncode(key, true);
    for (size_t at; (at = encoded.find("%20")) != std::string::npos;) encoded.replace(at, 3, "+");
    xml.Open("Contents").Add("Key", encoded).Add("Size", std::to_string(object.bytes.size()));
    xml.Add("ETag", EtagOf(object)).Add("LastModified", FormatTime(TimeOf(object.version)));
    xml.Close();
  }
  xml.Add("IsTruncated", more ? "true" : "false");
  if (more) xml.Add("NextContinuationToken", last);
  response.Send(200, xml.Finish());
}

void FakeServer::Index(const std::string& directory, net::ResponseWriter& response) {
  std::set<std::string> names;
  {
    MutexLock lock(mu_);
    for (const auto& [key, object] : objects_) {
      if (!key.starts_with(directory)) continue;
      const size_t slash = key.find('/', directory.size());
      const size_t end = slash == std::string::npos ? key.size() : slash + 1;
      names.insert(key.substr(directory.size(), end - directory.size()));
    }
  }
  if (names.empty() && !directory.empty()) return response.Send(404, ErrorBody("NotFound"));
  std::string html = "<html><body><h1>Index of /data/</h1><pre>";
  if (kind_ == Kind::kApache) html += "<a href=\"?C=N;O=D\">Name</a> <a href=\"/\">Up</a>\n";
  if (kind_ == Kind::kNginx) html += "<a href=\"../\">../</a>\n";
  for (const std::string& name : names) {
    const std::string link = PercentEncode(name, true);
    const std::string shown = aws::XmlEscape(name);
    html += kind_ == Kind::kApache
                ? fmt::format("<tr><td><a href='{}{}{}'>{}</a></td></tr>\n", kRoot,
                              PercentEncode(directory, true), link, shown)
                : fmt::format("<a href=\"{}\">{}</a>  12-Jan-2026 10:00  1K\n", link, shown);
  }
  response.headers.Set("Content-Type", "text/html; charset=utf-8");
  response.Send(200, html + "</pre></body></html>");
}

void FakeServer::Serve(const std::string& key, net::ServerRequest& request,
                       net::ResponseWriter& response) {
  Object object;
  std::optional<Fault> fault;
  {
    MutexLock lock(mu_);
    const auto found = objects_.find(key);
    if (found == objects_.end()) return response.Send(404, ErrorBody("NoSuchKey"));
    object = found->second;
    if (request.method == "GET") ++object_gets_;
    if (request.method == "GET" && !faults_.empty()) {
      fault = faults_.front();
      faults_.pop_front();
    }
  }
  const std::string etag = EtagOf(object);
  const std::string_view condition = request.headers.Get("If-Match");
  if (!etag.empty() && !condition.empty() && condition != etag) {
    return response.Send(412, ErrorBody("PreconditionFailed"));
  }
  if (!etag.empty()) response.headers.Set("ETag", etag);
  response.headers.Set("Last-Modified", aws::FormatHttpDate(TimeOf(object.version)));
  int status = 200;
  std::string body = object.bytes;
  std::string_view range = request.headers.Get("Range");
  if (range.starts_with("bytes=") && kind_ != Kind::kPython) {
    range.remove_prefix(6);
    const auto parts = Cut(range, "-");
    const auto from = static_cast<size_t>(ParseInt(parts->first).value_or(0));
    const auto to = static_cast<size_t>(ParseInt(parts->second).value_or(0));
    if (from >= body.size()) return response.Send(416, ErrorBody("InvalidRange"));
    status = 206;
    body = body.substr(from, to - from + 1);
    response.headers.Set("Content-Range", fmt::format("bytes {}-{}/{}", from,
                                                      from + body.size() - 1, object.bytes.size()));
  }
  if (fault) return ServeBadly(*fault, key, request, response, status, std::move(body));
  response.Send(status, std::move(body));
}

void FakeServer::ServeBadly(Fault fault, const std::string& key, net::ServerRequest& request,
                            net::ResponseWriter& response, int status, std::string body) {
  const auto half = [&] {
    return response.Start(status, body.size()) && response.Write(body.substr(0, body.size() / 2));
  };
  switch (fault) {
    case Fault::kBusy:
      return response.Send(503, ErrorBody("SlowDown"));
    case Fault::kServerError:
      return response.Send(500, ErrorBody("InternalError"));
    case Fault::kWrongRange:
      if (status == 206) {
        response.headers.Set("Content-Range", fmt::format("bytes 0-{}/100", body.size() - 2));
      }
      return response.Send(status, body.substr(1));
    case Fault::kShort:
      return response.Send(status, body.substr(0, body.size() / 2));
    case Fault::kTruncate:
      (void)half();
      return;
    case Fault::kChange:
      (void)half();
      return Put(key, std::string(body.size(), '!'));
    case Fault::kStall: {
      if (!half()) return;
      Mutex mu;
      CondVar never;
      MutexLock lock(mu);
      (void)never.WaitFor(mu, request.stop(), std::chrono::seconds(30), [] { return false; });
      return;
    }
  }
}

}  // namespace leat::objectstore
