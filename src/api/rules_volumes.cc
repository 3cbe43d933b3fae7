#include <algorithm>
#include <array>
#include <set>

#include "api/quantity.h"
#include "api/rules.h"
#include "api/validation.h"
#include "base/strings.h"

namespace leat::api {
namespace {

void CheckMode(const std::string& path, const json::Value& mode, FieldErrors& errors) {
  if (mode.IsNumber() && (mode.AsInt() < 0 || mode.AsInt() > 0777))
    errors.push_back(
        InvalidValue(path, mode, "must be a number between 0 and 0777 (octal), both inclusive"));
}

// Keys of a secret or config map, or fields of the pod, as files.
void CheckFiles(const std::string& path, const json::Value& source, FieldErrors& errors) {
  CheckMode(Child(path, "defaultMode"), source["defaultMode"], errors);
  size_t index = 0;
  for (const json::Value& file : source["items"].Items()) {
    const std::string at = Item(Child(path, "items"), index++);
    CheckLocalPath(Child(at, "path"), file["path"], errors);
    CheckMode(Child(at, "mode"), file["mode"], errors);
  }
}

void CheckDownward(const std::string& path, const json::Value& source, FieldErrors& errors) {
  CheckFiles(path, source, errors);
  size_t index = 0;
  for (const json::Value& file : source["items"].Items()) {
    const std::string at = Item(Child(path, "items"), index++);
    const bool field = file["fieldRef"].IsObject();
    const bool resource = file["resourceFieldRef"].IsObject();
    if (field && resource)
      errors.push_back(InvalidValue(at, file["path"],
                                    "fieldRef and resourceFieldRef can not be specified "
                                    "simultaneously"));
    else if (!field && !resource)
      errors.push_back(Required(at, "one of fieldRef and resourceFieldRef is required"));
  }
}

void CheckProjected(const std::string& path, const json::Value& projected, FieldErrors& errors) {
  constexpr std::array kKinds = {"secret", "downwardAPI", "configMap", "serviceAccountToken",
                                 "clusterTrustBundle"};
  CheckMode(Child(path, "defaultMode"), projected["defaultMode"], errors);
  size_t index = 0;
  for (const json::Value& source : projected["sources"].Items()) {
    const std::string at = Item(Child(path, "sources"), index++);
    size_t given = 0;
    for (const char* kind : kKinds) {
      if (source[kind].IsNull()) continue;
      const std::string inner = Child(at, kind);
      if (++given > 1)
        errors.push_back(Forbidden(inner, "may not specify more than 1 volume type per source"));
      const std::string_view name = kind;
      if (name == "downwardAPI")
        CheckDownward(inner, source[kind], errors);
      else if (name == "secret" || name == "configMap")
        CheckFiles(inner, source[kind], errors);
      else
        CheckLocalPath(Child(inner, "path"), source[kind]["path"], errors);
      if ((name == "secret" || name == "configMap") && source[kind]["name"].AsString().empty())
        errors.push_back(Required(Child(inner, "name")));
      const json::Value& seconds = source[kind]["expirationSeconds"];
      if (seconds.IsNumber() && seconds.AsInt() < 600)
        errors.push_back(InvalidValue(Child(inner, "expirationSeconds"), seconds,
                                      "may not specify a duration less than 10 minutes"));
    }
    if (given == 0) errors.push_back(Required(at, "must specify a volume type"));
  }
}

void CheckHostPath(const std::string& path, const json::Value& source, FieldErrors& errors) {
  const std::vector<std::string_view> parts = Split(source["path"].AsString(), '/');
  if (std::find(parts.begin(), parts.end(), "..") != parts.end())
    errors.push_back(InvalidValue(Child(path, "path"), source["path"], "must not contain '..'"));
  const std::vector<json::Value> kTypes = {
      "",     "BlockDevice",  "CharDevice", "Directory", "DirectoryOrCreate",
      "File", "FileOrCreate", "Socket"};
  const json::Value& type = source["type"];
  if (type.IsString() && std::find(kTypes.begin(), kTypes.end(), type) == kTypes.end())
    errors.push_back(NotSupported(Child(path, "type"), type, kTypes));
}

void CheckSource(const std::string& path, std::string_view kind, const json::Value& source,
                 FieldErrors& errors) {
  if (kind == "hostPath") CheckHostPath(path, source, errors);
  if (kind == "secret" || kind == "configMap") CheckFiles(path, source, errors);
  if (kind == "secret" && source["secretName"].AsString().empty())
    errors.push_back(Required(Child(path, "secretName")));
  if (kind == "configMap" && source["name"].AsString().empty())
    errors.push_back(Required(Child(path, "name")));
  if (kind == "downwardAPI") CheckDownward(path, source, errors);
  if (kind == "projected") CheckProjected(path, source, errors);
  if (kind == "nfs" && !source["path"].AsString().starts_with('/') &&
      !source["path"].AsString().empty())
    errors.push_back(InvalidValue(Child(path, "path"), source["path"], "must be an absolute path"));
  if (kind == "emptyDir") {
    const Result<int64_t> size = QuantityMilli(source["sizeLimit"]);
    if (size && *size < 0)
      errors.push_back(
          Forbidden(Child(path, "sizeLimit"), "SizeLimit field must be a valid resource quantity"));
  }
}

}  // namespace

void CheckLocalPath(std::string_view path, const json::Value& value, FieldErrors& errors) {
  const std::string_view text = value.AsString();
  if (text.starts_with('/')) errors.push_back(InvalidValue(path, value, "must be a relative path"));
  const std::vector<std::string_view> parts = Split(text, '/');
  if (std::find(parts.begin(), parts.end(), "..") != parts.end())
    errors.push_back(InvalidValue(path, value, "must not contain '..'"));
}

void CheckVolumes(const json::Value& spec, FieldErrors& errors) {
  std::set<std::string_view> names;
  size_t index = 0;
  for (const json::Value& volume : spec["volumes"].Items()) {
    const std::string path = Item("spec.volumes", index++);
    const std::string_view name = volume["name"].AsString();
    if (!name.empty()) AddAll(Child(path, "name"), volume["name"], CheckDns1123Label(name), errors);
    if (!name.empty() && !names.insert(name).second)
      errors.push_back(Duplicate(Child(path, "name"), volume["name"]));
    size_t given = 0;
    for (const json::Member& member : volume.Members()) {
      if (member.key == "name" || !member.value.IsObject()) continue;
      const std::string at = Child(path, member.key);
      if (++given > 1) errors.push_back(Forbidden(at, "may not specify more than 1 volume type"));
      CheckSource(at, member.key, member.value, errors);
    }
    if (given == 0) errors.push_back(Required(path, "must specify a volume type"));
  }
}

}  // namespace leat::api
