#include <fmt/format.h>

#include <algorithm>

#include "api/rules.h"
#include "api/validation.h"
#include "base/strings.h"

namespace leat::api {
namespace {

constexpr size_t kMaxAnnotationBytes = 256 * 1024;

std::vector<std::string> CheckName(const Type& type, std::string_view name) {
  if (type.group.empty() && type.kind == "Namespace") return CheckDns1123Label(name);
  return CheckDns1123Subdomain(name);
}

void CheckNames(const Type& type, const json::Value& metadata, FieldErrors& errors) {
  const json::Value& name = metadata["name"];
  if (const std::string_view base = metadata["generateName"].AsString(); !base.empty()) {
    // The suffix makes a trailing dash or dot right.
    std::string sample(base);
    if (sample.back() == '-' || sample.back() == '.') sample.back() = 'a';
    AddAll("metadata.generateName", metadata["generateName"], CheckName(type, sample), errors);
  }
  if (name.AsString().empty())
    errors.push_back(Required("metadata.name", "name or generateName is required"));
  else
    AddAll("metadata.name", name, CheckName(type, name.AsString()), errors);
  const json::Value& ns = metadata["namespace"];
  if (!type.namespaced) {
    if (!ns.AsString().empty())
      errors.push_back(Forbidden("metadata.namespace", "not allowed on this type"));
  } else if (ns.AsString().empty()) {
    errors.push_back(Required("metadata.namespace"));
  } else {
    AddAll("metadata.namespace", ns, CheckDns1123Label(ns.AsString()), errors);
  }
}

void CheckAnnotations(const json::Value& annotations, FieldErrors& errors) {
  size_t bytes = 0;
  for (const json::Member& annotation : annotations.Members()) {
    bytes += annotation.key.size() + annotation.value.AsString().size();
    AddAll("metadata.annotations", annotation.key, CheckQualifiedName(Lower(annotation.key)),
           errors);
  }
  if (bytes > kMaxAnnotationBytes)
    errors.push_back(TooLong("metadata.annotations", kMaxAnnotationBytes));
}

void CheckOwners(const json::Value& owners, FieldErrors& errors) {
  std::string controller;
  size_t index = 0;
  for (const json::Value& owner : owners.Items()) {
    const std::string path = Item("metadata.ownerReferences", index++);
    for (const char* key : {"apiVersion", "kind", "name", "uid"})
      if (owner[key].AsString().empty())
        errors.push_back(InvalidValue(Child(path, key), "",
                                      std::string_view(key) == "apiVersion"
                                          ? "version must not be empty"
                                          : "must not be empty"));
    if (!owner["controller"].AsBool()) continue;
    const std::string name = owner["kind"].Str() + "/" + owner["name"].Str();
    if (!controller.empty())
      errors.push_back(InvalidValue(
          "metadata.ownerReferences", owners,
          fmt::format("Only one reference can have Controller set to true. Found \"true\" in "
                      "references for {} and {}",
                      controller, name)));
    controller = name;
  }
}

bool IsStandardFinalizer(std::string_view name) {
  return name == "kubernetes" || name == "orphan" || name == "foregroundDeletion";
}

void CheckFinalizers(const Type& type, const json::Value& metadata, const json::Value* old,
                     FieldErrors& errors) {
  std::string added;
  for (const json::Value& finalizer : metadata["finalizers"].Items()) {
    const std::string_view name = finalizer.AsString();
    AddAll("metadata.finalizers", finalizer, CheckQualifiedName(name), errors);
    if (!type.custom && type.group.empty() && name.find('/') == std::string_view::npos &&
        !IsStandardFinalizer(name))
      errors.push_back(InvalidValue("metadata.finalizers", finalizer,
                                    "name is neither a standard finalizer name nor is it fully "
                                    "qualified"));
    if (!old || (*old)["metadata"]["deletionTimestamp"].IsNull()) continue;
    const json::ArrayItems& before = (*old)["metadata"]["finalizers"].Items();
    if (std::find(before.begin(), before.end(), finalizer) == before.end())
      added += fmt::format("{}\"{}\"", added.empty() ? "" : ", ", name);
  }
  if (!added.empty())
    errors.push_back(Forbidden("metadata.finalizers",
                               fmt::format("no new finalizers can be added if the object is being "
                                           "deleted, found new finalizers []string{{{}}}",
                                           added)));
}

void CheckUnchanged(const json::Value& metadata, const json::Value& old, FieldErrors& errors) {
  for (const char* key : {"name", "namespace", "uid", "creationTimestamp", "deletionTimestamp",
                          "deletionGracePeriodSeconds"})
    if (metadata[key] != old[key])
      errors.push_back(InvalidValue(Child("metadata", key), metadata[key], "field is immutable"));
}

}  // namespace

std::string Child(std::string_view path, std::string_view key) {
  return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

std::string Item(std::string_view path, size_t index) { return fmt::format("{}[{}]", path, index); }

void AddAll(std::string_view path, const json::Value& value, const std::vector<std::string>& texts,
            FieldErrors& errors) {
  for (const std::string& text : texts) errors.push_back(InvalidValue(path, value, text));
}

void CheckRange(std::string_view path, const json::Value& value, int64_t low, int64_t high,
                FieldErrors& errors) {
  if (value.IsNumber() && (value.AsInt() < low || value.AsInt() > high))
    errors.push_back(
        InvalidValue(path, value, fmt::format("must be between {} and {}, inclusive", low, high)));
}

void CheckLabels(std::string_view path, const json::Value& labels, FieldErrors& errors) {
  for (const json::Member& label : labels.Members()) {
    AddAll(path, label.key, CheckQualifiedName(label.key), errors);
    AddAll(path, label.value, CheckLabelValue(label.value.AsString()), errors);
  }
}

void CheckMetadata(const Type& type, const json::Value& object, const json::Value* old,
                   FieldErrors& errors) {
  const json::Value& metadata = object["metadata"];
  CheckNames(type, metadata, errors);
  CheckLabels("metadata.labels", metadata["labels"], errors);
  CheckAnnotations(metadata["annotations"], errors);
  CheckOwners(metadata["ownerReferences"], errors);
  CheckFinalizers(type, metadata, old, errors);
  if (old) CheckUnchanged(metadata, (*old)["metadata"], errors);
}

}  // namespace leat::api
