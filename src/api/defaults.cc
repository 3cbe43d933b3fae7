// Defaults that depend on more than one member.
#include "api/validation.h"
#include "base/strings.h"

namespace leat::api {
namespace {

// "latest", or no tag and no digest: the image may change under its name.
bool IsMovingTag(std::string_view image) {
  if (image.find('@') != std::string_view::npos) return false;
  const size_t slash = image.rfind('/');
  const std::string_view last = slash == std::string_view::npos ? image : image.substr(slash + 1);
  const auto parts = Cut(last, ":");
  return !parts || parts->second == "latest";
}

// Also not of a wrong type, which is refused later.
bool IsUnset(const json::Value& text) {
  return text.IsNull() || (text.IsString() && text.AsString().empty());
}

void DefaultContainer(bool host_network, json::Value& container) {
  if (!container.IsObject()) return;
  if (IsUnset(container["imagePullPolicy"]))
    container.Set("imagePullPolicy",
                  IsMovingTag(container["image"].AsString()) ? "Always" : "IfNotPresent");
  const json::Value limits = container["resources"]["limits"];
  for (const json::Member& limit : limits.Members()) {
    json::Value& requests = container.Mut("resources").Mut("requests");
    if (!requests.Has(limit.key)) requests.Set(limit.key, limit.value);
  }
  json::Value* ports = container.Find("ports");
  if (!host_network || !ports || !ports->IsArray()) return;
  for (json::Value& port : ports->MutItems())
    if (port.IsObject() && port["hostPort"].AsInt() == 0) {
      const json::Value same = port["containerPort"];
      port.Set("hostPort", same);
    }
}

void DefaultPod(json::Value& pod) {
  json::Value* spec = pod.Find("spec");
  if (!spec || !spec->IsObject()) return;
  const bool host_network = (*spec)["hostNetwork"].AsBool();
  for (const char* list : {"containers", "initContainers", "ephemeralContainers"})
    if (json::Value* containers = spec->Find(list); containers && containers->IsArray())
      for (json::Value& container : containers->MutItems())
        DefaultContainer(host_network, container);
  // serviceAccount is the old name of serviceAccountName; both show the same.
  json::Value account = (*spec)["serviceAccountName"];
  if (IsUnset(account)) account = (*spec)["serviceAccount"];
  if (IsUnset(account)) account = "default";
  spec->Set("serviceAccountName", account).Set("serviceAccount", account);
  if ((*spec)["priority"].IsNull()) spec->Set("priority", 0);
  if (IsUnset((*spec)["preemptionPolicy"])) spec->Set("preemptionPolicy", "PreemptLowerPriority");
}

void DefaultDefinition(json::Value& crd) {
  json::Value* spec = crd.Find("spec");
  if (!spec || !spec->IsObject()) return;
  const std::string kind = (*spec)["names"]["kind"].Str();
  if (!kind.empty()) {
    json::Value& names = spec->Mut("names");
    if (IsUnset(names["singular"])) names.Set("singular", Lower(kind));
    if (IsUnset(names["listKind"])) names.Set("listKind", kind + "List");
  }
  if ((*spec)["conversion"].IsNull()) spec->Set("conversion", json::Object({{"strategy", "None"}}));
}

}  // namespace

void DefaultObject(const Type& type, const TypeVersion&, json::Value& object) {
  if (type.group.empty() && type.kind == "Pod") DefaultPod(object);
  if (type.group == "apiextensions.k8s.io" && type.kind == "CustomResourceDefinition")
    DefaultDefinition(object);
}

}  // namespace leat::api
