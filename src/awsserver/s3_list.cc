#include "aws/amz_time.h"
#include "aws/xml.h"
#include "awsserver/page_token.h"
#include "awsserver/s3_errors.h"
#include "awsserver/s3_headers.h"
#include "awsserver/s3_operations.h"
#include "base/strings.h"

namespace leat::awsserver {
namespace {

constexpr int64_t kMaxKeys = 1000;

// What all forms of listing share.
struct ListRequest {
  ListQuery query;
  bool url = false;  // encoding-type=url
  int64_t max_keys = kMaxKeys;
};

// A job's key sees what lies below a prefix it may touch, so it must ask for that or less.
Answer<ListRequest> ParseList(const S3Stores& stores, const S3Call& call) {
  const net::Query& query = call.request.query;
  ListRequest list;
  list.query.prefix = query.Get("prefix");
  list.query.delimiter = query.Get("delimiter");
  if (!call.MayRead(call.bucket, list.query.prefix)) return AccessDenied();
  const std::string_view encoding = query.Get("encoding-type");
  if (!encoding.empty() && encoding != "url") {
    return InvalidArgument("Invalid Encoding Method specified in Request", "encoding-type",
                           encoding);
  }
  list.url = encoding == "url";
  const auto max_keys = NumberParameter(query, "max-keys", kMaxKeys, 0, INT32_MAX);
  if (!max_keys) return max_keys.error();
  list.max_keys = std::min(*max_keys, kMaxKeys);
  list.query.limit = static_cast<size_t>(list.max_keys);
  if (auto there = RequireBucket(stores, call.bucket); !there) return there.error();
  return list;
}

void AddObject(aws::XmlWriter& xml, const ObjectRecord& object, bool url) {
  xml.Add("Key", ListText(object.key, url));
  xml.Add("LastModified", aws::FormatXmlTime(object.modified_ms));
  xml.Add("ETag", Quoted(object.etag)).Add("Size", std::to_string(object.size));
  xml.Add("StorageClass", "STANDARD");
}

void AddOwner(aws::XmlWriter& xml) {
  xml.Open("Owner").Add("ID", kOwnerId).Add("DisplayName", "leat").Close();
}

void AddCommonPrefixes(aws::XmlWriter& xml, const ListPage& page, bool url) {
  for (const std::string& prefix : page.common_prefixes) {
    xml.Open("CommonPrefixes").Add("Prefix", ListText(prefix, url)).Close();
  }
}

void AddHead(aws::XmlWriter& xml, const S3Call& call, const ListRequest& list) {
  xml.Add("Name", call.bucket).Add("Prefix", ListText(list.query.prefix, list.url));
  if (!list.query.delimiter.empty()) {
    xml.Add("Delimiter", ListText(list.query.delimiter, list.url));
  }
  xml.Add("MaxKeys", std::to_string(list.max_keys));
  if (list.url) xml.Add("EncodingType", "url");
}

}  // namespace

Answer<void> ListObjectsV2(const S3Stores& stores, S3Call& call) {
  auto list = ParseList(stores, call);
  if (!list) return list.error();
  const net::Query& query = call.request.query;
  if (query.Has("continuation-token")) {
    const auto token = ReadPageToken(query.Get("continuation-token"));
    if (!token) {
      return InvalidArgument("The continuation token provided is incorrect", "continuation-token",
                             query.Get("continuation-token"));
    }
    list->query.after = *token;
    list->query.after_is_resumption = true;
  } else {
    list->query.after = query.Get("start-after");
  }
  const auto page = stores.index.List(call.bucket, list->query);
  if (!page) return StorageError(page.error(), "list objects");
  aws::XmlWriter xml("ListBucketResult", kS3Namespace);
  AddHead(xml, call, *list);
  xml.Add("KeyCount", std::to_string(page->objects.size() + page->common_prefixes.size()));
  xml.Add("IsTruncated", page->truncated ? "true" : "false");
  if (query.Has("continuation-token")) {
    xml.Add("ContinuationToken", query.Get("continuation-token"));
  }
  if (query.Has("start-after")) {
    xml.Add("StartAfter", ListText(query.Get("start-after"), list->url));
  }
  if (page->truncated) xml.Add("NextContinuationToken", PageToken(page->last));
  const bool owner = query.Get("fetch-owner") == "true";
  for (const ObjectRecord& object : page->objects) {
    xml.Open("Contents");
    AddObject(xml, object, list->url);
    if (owner) AddOwner(xml);
    xml.Close();
  }
  AddCommonPrefixes(xml, *page, list->url);
  SendXml(call.response, xml.Finish());
  return {};
}

Answer<void> ListObjects(const S3Stores& stores, S3Call& call) {
  auto list = ParseList(stores, call);
  if (!list) return list.error();
  list->query.after = call.request.query.Get("marker");
  list->query.after_is_resumption = true;
  const auto page = stores.index.List(call.bucket, list->query);
  if (!page) return StorageError(page.error(), "list objects");
  aws::XmlWriter xml("ListBucketResult", kS3Namespace);
  AddHead(xml, call, *list);
  xml.Add("Marker", ListText(list->query.after, list->url));
  xml.Add("IsTruncated", page->truncated ? "true" : "false");
  // Without a delimiter clients go on from the last key themselves; it does no harm to say it.
  if (page->truncated) xml.Add("NextMarker", ListText(page->last, list->url));
  for (const ObjectRecord& object : page->objects) {
    xml.Open("Contents");
    AddObject(xml, object, list->url);
    AddOwner(xml);
    xml.Close();
  }
  AddCommonPrefixes(xml, *page, list->url);
  SendXml(call.response, xml.Finish());
  return {};
}

// Every object is the only version of itself, with Amazon's version id of unversioned buckets.
Answer<void> ListObjectVersions(const S3Stores& stores, S3Call& call) {
  auto list = ParseList(stores, call);
  if (!list) return list.error();
  list->query.after = call.request.query.Get("key-marker");
  list->query.after_is_resumption = true;
  const auto page = stores.index.List(call.bucket, list->query);
  if (!page) return StorageError(page.error(), "list object versions");
  aws::XmlWriter xml("ListVersionsResult", kS3Namespace);
  AddHead(xml, call, *list);
  xml.Add("KeyMarker", ListText(list->query.after, list->url)).Add("VersionIdMarker", "");
  xml.Add("IsTruncated", page->truncated ? "true" : "false");
  if (page->truncated) {
    xml.Add("NextKeyMarker", ListText(page->last, list->url)).Add("NextVersionIdMarker", "null");
  }
  for (const ObjectRecord& object : page->objects) {
    xml.Open("Version");
    AddObject(xml, object, list->url);
    xml.Add("VersionId", "null").Add("IsLatest", "true");
    AddOwner(xml);
    xml.Close();
  }
  AddCommonPrefixes(xml, *page, list->url);
  SendXml(call.response, xml.Finish());
  return {};
}

}  // namespace leat::awsserver
