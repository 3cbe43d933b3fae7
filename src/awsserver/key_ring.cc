#include "awsserver/key_ring.h"

#include <algorithm>
#include <optional>

#include "awsserver/awsserver.h"
#include "base/strings.h"
#include "json/value.h"

namespace leat::awsserver {
namespace {

constexpr std::chrono::seconds kRememberFor{2};
constexpr size_t kMaxRemembered = 1024;

// What may be part of a Secret's name, and reads the same when lowered.
bool IsAccessKeyId(std::string_view id) {
  return id.size() >= 4 && id.size() <= 64 && std::all_of(id.begin(), id.end(), [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
         });
}

Error Unknown(const std::string& id) { return {Code::kNotFound, "no access key " + id}; }

std::string SecretData(const json::Value& secret, const char* name) {
  const auto decoded = Base64Decode(secret["data"][name].AsString());
  return decoded ? *decoded : std::string();
}

std::vector<std::string> Strings(const json::Value& list) {
  std::vector<std::string> strings;
  for (const json::Value& item : list.Items()) strings.push_back(item.Str());
  return strings;
}

std::optional<Key> ReadKey(const json::Value& secret) {
  if (secret["type"].AsString() != "leat.dev/aws-key") return std::nullopt;
  if (!secret["metadata"]["deletionTimestamp"].IsNull()) return std::nullopt;
  const auto policy = json::Parse(SecretData(secret, "policy"));
  Key key;
  key.credentials = {SecretData(secret, "accessKeyId"), SecretData(secret, "secretAccessKey"),
                     SecretData(secret, "sessionToken")};
  // A key without all of its parts would be easy to guess.
  if (!policy || key.credentials.empty() || key.credentials.secret_access_key.empty() ||
      key.credentials.session_token.empty()) {
    return std::nullopt;
  }
  key.principal = {.access_key_id = key.credentials.access_key_id,
                   .is_root = false,
                   .policy = {Strings((*policy)["read"]), Strings((*policy)["write"])}};
  return key;
}

}  // namespace

std::string KeySecretName(const std::string& access_key_id) {
  return "aws-key-" + Lower(access_key_id);
}

Result<Key> KeyRing::Find(const std::string& access_key_id) {
  if (access_key_id == root_.access_key_id) {
    return Key{root_, {.access_key_id = access_key_id, .is_root = true, .policy = {}}};
  }
  if (!IsAccessKeyId(access_key_id)) return Unknown(access_key_id);
  const MonoTime now = clock_.Monotonic();
  {
    MutexLock lock(mu_);
    const auto found = remembered_.find(access_key_id);
    if (found != remembered_.end() && now < found->second.until) return found->second.key;
  }
  const auto secret =
      objects_.Get(api::gvr::kSecrets, {kEngineNamespace, KeySecretName(access_key_id)});
  if (!secret && secret.error().code != Code::kNotFound) {
    return Error{Code::kUnavailable, "cannot look up the access key: " + secret.error().message};
  }
  const std::optional<Key> key = secret ? ReadKey(*secret) : std::nullopt;
  MutexLock lock(mu_);
  if (!key || key->credentials.access_key_id != access_key_id) {
    remembered_.erase(access_key_id);
    return Unknown(access_key_id);
  }
  if (remembered_.size() >= kMaxRemembered) remembered_.clear();
  remembered_[access_key_id] = {*key, now + kRememberFor};
  return *key;
}

}  // namespace leat::awsserver
