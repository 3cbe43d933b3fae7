#include "objectstore/s3_listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <compare>
#include <optional>
#include <set>

#include "aws/amz_time.h"
#include "aws/xml.h"
#include "base/clock.h"
#include "base/strings.h"
#include "objectstore/range_reader.h"

namespace leat::objectstore {
namespace {

int64_t UnixSeconds(WallTime time) { return std::chrono::system_clock::to_time_t(time); }

std::string UnquotedEtag(std::string_view etag) {
  std::string text(etag);
  std::erase(text, '"');
  return text;
}

void DropWeak(std::string& etag) {
  if (etag.starts_with("W/")) etag.erase(0, 2);
}

// Keys come percent-encoded, with '+' for a blank, from stores that know encoding-type.
std::string KeyOf(std::string_view text, bool encoded) {
  return encoded ? PercentDecode(text, /*plus_is_space=*/true) : std::string(text);
}

Result<ObjectInfo> ReadListed(const aws::XmlNode& node, bool encoded) {
  ObjectInfo info;
  info.key = KeyOf(node.ChildText("Key"), encoded);
  if (info.key.empty()) return Error{Code::kCorrupt, "an object is listed without a key"};
  const auto size = ParseInt(node.ChildText("Size"));
  if (!size || *size < 0) {
    return Error{Code::kCorrupt, fmt::format("\"{}\" is listed without a size", info.key)};
  }
  info.size = static_cast<uint64_t>(*size);
  info.etag = UnquotedEtag(node.ChildText("ETag"));
  DropWeak(info.etag);  // the answers' tags are compared without the mark, see EtagOf
  const auto modified = ParseTime(node.ChildText("LastModified"));
  info.last_modified = modified ? UnixSeconds(*modified) : 0;
  return info;
}

// Where a listing goes on: by the token of version 2, or by the marker of version 1.
struct Position {
  std::string token;
  std::string marker;
  auto operator<=>(const Position&) const = default;
};

std::string QueryOf(const S3List& list, const Position& from) {
  std::string query = from.marker.empty() ? "list-type=2&" : "";
  query += "encoding-type=url&prefix=" + PercentEncode(list.prefix);
  if (!list.delimiter.empty()) query += "&delimiter=" + PercentEncode(list.delimiter);
  if (list.max_keys > 0) query += fmt::format("&max-keys={}", list.max_keys);
  if (!from.marker.empty()) return query + "&marker=" + PercentEncode(from.marker);
  if (!list.start_after.empty()) query += "&start-after=" + PercentEncode(list.start_after);
  if (!from.token.empty()) query += "&continuation-token=" + PercentEncode(from.token);
  return query;
}

struct ReadPage {
  S3Page page;
  std::optional<Position> next;  // nullopt: it was the last page
};

// An answer that does not say in so many words that it is the last page must name the next one.
Result<std::optional<Position>> NextOf(const aws::XmlNode& root, const S3Page& page, bool encoded) {
  const std::string_view truncated = root.ChildText("IsTruncated");
  if (EqualsIgnoreCase(truncated, "false")) return std::optional<Position>();
  if (!EqualsIgnoreCase(truncated, "true")) {
    return Error{Code::kCorrupt,
                 fmt::format("the answer does not tell whether there is more (IsTruncated is "
                             "\"{}\")",
                             truncated)};
  }
  Position next;
  next.token = root.ChildText("NextContinuationToken");
  if (!next.token.empty()) return std::optional(next);
  // The store knows only version 1, which names the next page where there is a delimiter, and else
  // goes on behind the last key.
  next.marker = KeyOf(root.ChildText("NextMarker"), encoded);
  if (next.marker.empty()) {
    if (!page.objects.empty()) next.marker = page.objects.back().key;
    if (!page.prefixes.empty()) next.marker = std::max(next.marker, page.prefixes.back());
  }
  if (!next.marker.empty()) return std::optional(next);
  return Error{Code::kCorrupt,
               "the answer says that there is more, and not where: it has neither "
               "NextContinuationToken nor NextMarker nor a key"};
}

Result<ReadPage> ReadAnswer(const aws::XmlNode& root) {
  const bool encoded = root.ChildText("EncodingType") == "url";
  ReadPage read;
  for (const aws::XmlNode& node : root.children) {
    if (node.name == "CommonPrefixes") {
      read.page.prefixes.push_back(KeyOf(node.ChildText("Prefix"), encoded));
    }
    if (node.name != "Contents") continue;
    auto info = ReadListed(node, encoded);
    if (!info) return info.error();
    read.page.objects.push_back(std::move(*info));
  }
  auto next = NextOf(root, read.page, encoded);
  if (!next) return next.error();
  read.next = std::move(*next);
  return read;
}

Result<ObjectInfo> ReadHead(const std::string& key, const net::Headers& headers) {
  ObjectInfo info;
  info.key = key;
  const auto size = ParseInt(headers.Get("Content-Length"));
  if (!size || *size < 0) {
    return Error{Code::kCorrupt, fmt::format("HEAD of \"{}\": no Content-Length", key)};
  }
  info.size = static_cast<uint64_t>(*size);
  info.etag = EtagOf(headers);
  if (info.etag.empty()) {
    return Error{Code::kCorrupt, fmt::format("HEAD of \"{}\": no ETag", key)};
  }
  const auto modified = aws::ParseHttpDate(headers.Get("Last-Modified"));
  info.last_modified = modified ? UnixSeconds(*modified) : 0;
  return info;
}

// Markers, resuming and the end of a listing that goes in circles all rest on the order.
Status CheckOrder(const S3Page& page, std::string& last) {
  for (const ObjectInfo& info : page.objects) {
    if (info.key <= last) {
      return Error{Code::kCorrupt,
                   fmt::format("this store does not list in the order of the keys (\"{}\" comes "
                               "after \"{}\"), which Leat needs",
                               info.key, last)};
    }
    last = info.key;
  }
  return {};
}

// What was given before: a store that goes on by a common prefix may give it again, and one that
// does not know start-after begins at the beginning.
void DropGiven(S3Page& page, const std::string& start_after, const Position& from) {
  std::erase_if(page.objects, [&](const ObjectInfo& info) { return info.key <= start_after; });
  std::erase_if(page.prefixes, [&](const std::string& name) { return name == from.marker; });
}

}  // namespace

Status ListPages(S3Session& session, const S3List& list,
                 const std::function<Result<bool>(S3Page)>& each, const std::stop_token& stop) {
  const std::string what = "list " + list.scheme + "://" + list.bucket + "/" + list.prefix;
  Position from;
  std::set<Position> empty;  // where pages without a name led, since the last name
  std::string last;
  while (true) {
    ReadPage read;
    const auto take = [&](const S3Reply& reply) -> Status {
      auto answer = ReadAnswer(reply.root);
      if (!answer) return answer.error().Within(what);
      read = std::move(*answer);
      return {};
    };
    const auto reply = session.Call({.method = "GET",
                                     .bucket = list.bucket,
                                     .query = QueryOf(list, from),
                                     .answer = "ListBucketResult",
                                     .check = take,
                                     .scheme = list.scheme},
                                    stop);
    if (!reply) return reply.error();
    if (auto ordered = CheckOrder(read.page, last); !ordered) return ordered.error().Within(what);
    DropGiven(read.page, list.start_after, from);
    if (!read.page.objects.empty() || !read.page.prefixes.empty()) empty.clear();
    const auto more = each(std::move(read.page));
    if (!more) return more.error();
    if (!*more || !read.next) return {};
    if (*read.next == from || !empty.insert(*read.next).second) {
      return Error{Code::kCorrupt, what + ": the same page comes again"};
    }
    from = std::move(*read.next);
  }
}

Result<ObjectInfo> HeadObject(S3Session& session, S3Call call, const std::string& key,
                              const std::stop_token& stop) {
  ObjectInfo info;
  call.method = "HEAD";
  call.check = [&](const S3Reply& reply) -> Status {
    auto read = ReadHead(key, reply.headers);
    if (!read) return read.error();
    info = std::move(*read);
    return {};
  };
  const auto reply = session.Call(call, stop);
  if (!reply) return reply.error();
  return info;
}

std::string EtagOf(const net::Headers& headers) {
  std::string etag = UnquotedEtag(headers.Get("ETag"));
  if (IsUnencoded(headers)) DropWeak(etag);
  return etag;
}

}  // namespace leat::objectstore
