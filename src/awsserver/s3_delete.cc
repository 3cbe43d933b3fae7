#include <set>
#include <string_view>

#include "aws/xml.h"
#include "awsserver/s3_conditions.h"
#include "awsserver/s3_errors.h"
#include "awsserver/s3_operations.h"

namespace leat::awsserver {
namespace {

constexpr size_t kMaxDocument = 4 << 20;
constexpr size_t kMaxKeys = 1000;

struct DeleteList {
  std::vector<Deletion> deletions;
  bool quiet = false;
};

// What an <Object> of the list asks for. A condition that is not known is refused before anything
// is deleted: passed over, it would delete what the client wants to keep.
Answer<Deletion> ParseDeletion(const aws::XmlNode& node) {
  Deletion deletion;
  std::set<std::string_view> names;
  for (const aws::XmlNode& child : node.children) {
    if (!names.insert(child.name).second) return MalformedXml();
    if (child.name == "Key") {
      deletion.key = child.text;
    } else if (child.name == "ETag") {
      deletion.if_etag = UnquotedEtag(child.text);
    } else if (child.name != "VersionId" || (!child.text.empty() && child.text != "null")) {
      return NotImplemented(child.name + " of an object to delete");
    }
  }
  if (deletion.key.empty()) return MalformedXml();
  return deletion;
}

Answer<DeleteList> ParseDelete(const std::string& body) {
  const auto root = aws::ParseXml(body);
  if (!root || root->name != "Delete") return MalformedXml();
  DeleteList list;
  for (const aws::XmlNode& node : root->children) {
    if (node.name == "Quiet") {
      list.quiet = node.text == "true";
      continue;
    }
    if (node.name != "Object") return MalformedXml();
    auto deletion = ParseDeletion(node);
    if (!deletion) return deletion.error();
    list.deletions.push_back(std::move(*deletion));
  }
  if (list.deletions.empty() || list.deletions.size() > kMaxKeys) return MalformedXml();
  return list;
}

void AddError(aws::XmlWriter& xml, const std::string& key, const AwsError& error) {
  xml.Open("Error").Add("Key", key).Add("Code", error.type).Add("Message", error.message).Close();
}

}  // namespace

Answer<void> DeleteObject(const S3Stores& stores, S3Call& call) {
  if (!call.MayWrite()) return AccessDenied();
  std::vector<Deletion> deletions{{.key = call.key}};
  const net::Headers& headers = call.request.headers;
  if (headers.Has("If-Match")) deletions[0].if_etag = UnquotedEtag(headers.Get("If-Match"));
  if (auto there = RequireBucket(stores, call.bucket); !there) return there;
  const auto freed = stores.index.Delete(call.bucket, deletions);
  if (!freed) return StorageError(freed.error(), "delete object");
  if (deletions[0].refused) return PreconditionFailed("If-Match");
  stores.blobs.Remove(*freed);
  call.response.Send(204, "");
  return {};
}

Answer<void> DeleteObjects(const S3Stores& stores, S3Call& call) {
  auto payload = Payload::Open(call.request, call.caller, {.max_bytes = kMaxDocument});
  if (!payload) return payload.error();
  const auto body = (*payload)->ReadAll();
  if (!body) return body.error();
  const auto list = ParseDelete(*body);
  if (!list) return list.error();
  if (auto there = RequireBucket(stores, call.bucket); !there) return there;
  std::vector<Deletion> allowed, denied;
  for (const Deletion& deletion : list->deletions) {
    call.key = deletion.key;
    (call.MayWrite() ? allowed : denied).push_back(deletion);
  }
  const auto freed = stores.index.Delete(call.bucket, allowed);
  if (!freed) return StorageError(freed.error(), "delete objects");
  stores.blobs.Remove(*freed);
  aws::XmlWriter xml("DeleteResult", kS3Namespace);
  for (const Deletion& deletion : allowed) {
    if (deletion.refused) {
      AddError(xml, deletion.key, PreconditionFailed("ETag"));
    } else if (!list->quiet) {
      xml.Open("Deleted").Add("Key", deletion.key).Close();
    }
  }
  for (const Deletion& deletion : denied) AddError(xml, deletion.key, AccessDenied());
  SendXml(call.response, xml.Finish());
  return {};
}

}  // namespace leat::awsserver
