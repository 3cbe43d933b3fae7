#include "objectstore/s3_listing.h"

#include <fmt/format.h>

#include "aws/amz_time.h"
#include "aws/xml.h"
#include "base/clock.h"
#include "base/strings.h"

namespace leat::objectstore {
namespace {

int64_t UnixSeconds(WallTime time) { return std::chrono::system_clock::to_time_t(time); }

// Keys come percent-encoded, with '+' for a blank, from stores that know encoding-type.
std::string KeyOf(std::string_view text, bool encoded) {
  return encoded ? PercentDecode(text, /*plus_is_space=*/true) : std::string(text);
}

Result<ObjectInfo> ReadListed(const aws::XmlNode& node, bool encoded) {
  ObjectInfo info;
  info.key = KeyOf(node.ChildText("Key"), encoded);
  const auto size = ParseInt(node.ChildText("Size"));
  if (!size || *size < 0) {
    return Error{Code::kCorrupt, fmt::format("\"{}\" is listed without a size", info.key)};
  }
  info.size = static_cast<uint64_t>(*size);
  info.etag = UnquotedEtag(node.ChildText("ETag"));
  const auto modified = ParseTime(node.ChildText("LastModified"));
  info.last_modified = modified ? UnixSeconds(*modified) : 0;
  return info;
}

std::string QueryOf(const S3List& list, const std::string& token) {
  std::string query = "list-type=2&encoding-type=url&prefix=" + PercentEncode(list.prefix);
  if (!list.delimiter.empty()) query += "&delimiter=" + PercentEncode(list.delimiter);
  if (!list.start_after.empty()) query += "&start-after=" + PercentEncode(list.start_after);
  if (list.max_keys > 0) query += fmt::format("&max-keys={}", list.max_keys);
  if (!token.empty()) query += "&continuation-token=" + PercentEncode(token);
  return query;
}

Result<S3Page> ReadPage(const aws::XmlNode& root, const std::string& start_after) {
  const bool encoded = root.ChildText("EncodingType") == "url";
  S3Page page;
  for (const aws::XmlNode& node : root.children) {
    if (node.name == "CommonPrefixes") {
      page.prefixes.push_back(KeyOf(node.ChildText("Prefix"), encoded));
    }
    if (node.name != "Contents") continue;
    auto info = ReadListed(node, encoded);
    if (!info) return info.error();
    // For stores that do not know start-after.
    if (info->key > start_after) page.objects.push_back(std::move(*info));
  }
  return page;
}

Status CheckOrder(const S3Page& page, std::string& last) {
  for (const ObjectInfo& info : page.objects) {
    if (info.key <= last) {
      return Error{Code::kCorrupt, fmt::format("\"{}\" is listed after \"{}\"", info.key, last)};
    }
    last = info.key;
  }
  return {};
}

}  // namespace

Status ListPages(S3Session& session, const S3List& list,
                 const std::function<Result<bool>(S3Page)>& each, const std::stop_token& stop) {
  const std::string what = "list " + list.scheme + "://" + list.bucket + "/" + list.prefix;
  std::string token, last;
  while (true) {
    const auto reply = session.Call({.method = "GET",
                                     .bucket = list.bucket,
                                     .query = QueryOf(list, token),
                                     .scheme = list.scheme},
                                    stop);
    if (!reply) return reply.error();
    const auto root = aws::ParseXml(reply->body);
    if (!root) return Error{Code::kCorrupt, what + ": " + root.error().message};
    auto page = ReadPage(*root, list.start_after);
    if (!page) return page.error().Within(what);
    if (auto ordered = CheckOrder(*page, last); !ordered) return ordered.error().Within(what);
    const auto more = each(std::move(*page));
    if (!more) return more.error();
    const std::string before = std::exchange(token, root->ChildText("NextContinuationToken"));
    if (!*more || root->ChildText("IsTruncated") != "true" || token.empty()) return {};
    if (token == before) return Error{Code::kCorrupt, what + ": the same page comes again"};
  }
}

Result<ObjectInfo> ReadHead(const std::string& key, const net::Headers& headers) {
  ObjectInfo info;
  info.key = key;
  const auto size = ParseInt(headers.Get("Content-Length"));
  if (!size || *size < 0) {
    return Error{Code::kCorrupt, fmt::format("HEAD of \"{}\": no Content-Length", key)};
  }
  info.size = static_cast<uint64_t>(*size);
  info.etag = UnquotedEtag(headers.Get("ETag"));
  const auto modified = aws::ParseHttpDate(headers.Get("Last-Modified"));
  info.last_modified = modified ? UnixSeconds(*modified) : 0;
  return info;
}

std::string UnquotedEtag(std::string_view etag) {
  std::string text(etag);
  std::erase(text, '"');
  return text;
}

}  // namespace leat::objectstore
