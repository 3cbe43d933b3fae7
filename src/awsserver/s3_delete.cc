#include "aws/xml.h"
#include "awsserver/s3_errors.h"
#include "awsserver/s3_operations.h"

namespace leat::awsserver {
namespace {

constexpr size_t kMaxDocument = 4 << 20;
constexpr size_t kMaxKeys = 1000;

struct DeleteList {
  std::vector<std::string> keys;
  bool quiet = false;
};

Answer<DeleteList> ParseDelete(const std::string& body) {
  const auto root = aws::ParseXml(body);
  if (!root || root->name != "Delete") return MalformedXml();
  DeleteList list;
  list.quiet = root->ChildText("Quiet") == "true";
  for (const aws::XmlNode& node : root->children) {
    if (node.name != "Object") continue;
    const aws::XmlNode* key = node.Child("Key");
    if (key == nullptr || key->text.empty()) return MalformedXml();
    const std::string_view version = node.ChildText("VersionId");
    if (!version.empty() && version != "null") return NotImplemented("VersionId");
    list.keys.push_back(key->text);
  }
  if (list.keys.empty() || list.keys.size() > kMaxKeys) return MalformedXml();
  return list;
}

}  // namespace

Answer<void> DeleteObject(const S3Stores& stores, S3Call& call) {
  if (!call.MayWrite()) return AccessDenied();
  if (call.request.headers.Has("If-Match")) return NotImplemented("If-Match on a DELETE");
  if (auto there = RequireBucket(stores, call.bucket); !there) return there;
  const auto freed = stores.index.Delete(call.bucket, {call.key});
  if (!freed) return StorageError(freed.error(), "delete object");
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
  std::vector<std::string> allowed, denied;
  for (const std::string& key : list->keys) {
    call.key = key;
    (call.MayWrite() ? allowed : denied).push_back(key);
  }
  const auto freed = stores.index.Delete(call.bucket, allowed);
  if (!freed) return StorageError(freed.error(), "delete objects");
  stores.blobs.Remove(*freed);
  aws::XmlWriter xml("DeleteResult", kS3Namespace);
  for (const std::string& key : allowed) {
    if (!list->quiet) xml.Open("Deleted").Add("Key", key).Close();
  }
  for (const std::string& key : denied) {
    xml.Open("Error").Add("Key", key).Add("Code", "AccessDenied");
    xml.Add("Message", "Access Denied").Close();
  }
  SendXml(call.response, xml.Finish());
  return {};
}

}  // namespace leat::awsserver
