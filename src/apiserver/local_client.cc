#include "apiserver/local_client.h"

#include "api/log_lines.h"
#include "apiserver/local_watch.h"
#include "base/strings.h"

namespace leat::apiserver {
namespace {

Result<json::Value> Answer(const Target& target, const Result<store::EntryPtr>& entry) {
  if (!entry) return entry.error();
  return InVersion(target, (*entry)->value);
}

}  // namespace

Result<json::Value> LocalClient::Get(const api::Gvr& type, const api::ObjectName& name) {
  auto target = verbs_.Resolve(type, name.ns, name.name);
  if (!target) return target.error();
  return Answer(*target, verbs_.Get(*target));
}

Result<api::ObjectList> LocalClient::List(const api::Gvr& type, const api::ListOptions& options) {
  auto target = verbs_.Resolve(type, options.ns, "");
  if (!target) return target.error();
  auto selection = Selection::Parse(*target->type, options.label_selector, options.field_selector);
  if (!selection) return selection.error();
  Call call;
  auto page = verbs_.List(*target, {.selection = std::move(*selection)}, call);
  if (!page) return page.error();
  api::ObjectList list;
  list.resource_version = std::to_string(page->revision);
  list.items.reserve(page->entries.size());
  for (const auto& entry : page->entries) {
    auto value = InVersion(*target, entry->value);
    if (!value) return value.error();
    list.items.push_back(std::move(*value));
  }
  return list;
}

Result<std::unique_ptr<api::ObjectWatch>> LocalClient::Watch(const api::Gvr& type,
                                                             const api::ListOptions& options,
                                                             const std::string& resource_version) {
  auto target = verbs_.Resolve(type, options.ns, "");
  if (!target) return target.error();
  auto selection = Selection::Parse(*target->type, options.label_selector, options.field_selector);
  if (!selection) return selection.error();
  return StartLocalWatch(verbs_.store(), std::move(*target), std::move(*selection),
                         resource_version);
}

Result<json::Value> LocalClient::Create(const api::Gvr& type, const json::Value& object) {
  auto target = verbs_.Resolve(type, object["metadata"]["namespace"].AsString(), "");
  if (!target) return target.error();
  Call call;
  return Answer(*target, verbs_.Create(*target, object, call));
}

Result<json::Value> LocalClient::Update(const api::Gvr& type, const json::Value& object) {
  const api::ObjectName name = api::NameOf(object);
  auto target = verbs_.Resolve(type, name.ns, name.name);
  if (!target) return target.error();
  Call call;
  return Answer(*target, verbs_.Update(*target, object, call));
}

Result<json::Value> LocalClient::UpdateStatus(const api::Gvr& type, const json::Value& object) {
  const api::ObjectName name = api::NameOf(object);
  auto target = verbs_.Resolve(type, name.ns, name.name, "status");
  if (!target) return target.error();
  Call call;
  return Answer(*target, verbs_.Update(*target, object, call));
}

Result<json::Value> LocalClient::Patch(const api::Gvr& type, const api::ObjectName& name,
                                       api::PatchType patch_type, const json::Value& patch,
                                       std::string_view subresource) {
  auto target = verbs_.Resolve(type, name.ns, name.name, subresource);
  if (!target) return target.error();
  Call call;
  return Answer(*target, verbs_.Patch(*target, patch_type, patch, call));
}

Status LocalClient::Delete(const api::Gvr& type, const api::ObjectName& name,
                           const api::DeleteOptions& options) {
  auto target = verbs_.Resolve(type, name.ns, name.name);
  if (!target) return target.error();
  Call call;
  auto deleted = verbs_.Delete(
      *target, {.grace_period_seconds = options.grace_period_seconds, .uid = options.uid}, call);
  if (!deleted) return deleted.error();
  return {};
}

Status LocalClient::BindPod(const api::ObjectName& pod, const std::string& node,
                            const std::string& uid) {
  auto target = verbs_.Resolve(api::gvr::kPods, pod.ns, pod.name);
  if (!target) return target.error();
  Call call;
  const json::Value binding = json::Object(
      {{"metadata", json::Object({{"uid", uid}})}, {"target", json::Object({{"name", node}})}});
  auto bound = verbs_.Bind(*target, binding, call);
  if (!bound) return bound.error();
  return {};
}

Status LocalClient::FollowPodLog(const api::ObjectName& pod, const std::string& container,
                                 const std::string& since,
                                 const std::function<bool(std::string_view line)>& line,
                                 const std::stop_token& stop) {
  api::PodLogs* logs = logs_.load();
  if (logs == nullptr) {
    return Error{Code::kUnavailable, "logs of pod " + pod.ToString() + ": no node serves them yet"};
  }
  api::PodLogOptions options{.container = container, .follow = true, .timestamps = true};
  if (!since.empty()) {
    auto time = ParseTime(since);
    if (!time) return time.error();
    options.since = *time;
  }
  bool wanted = true;
  api::LogLines lines(line);
  const Status read = logs->Read(
      pod, options, [&](std::string_view piece) { return wanted = lines.Add(piece); }, stop);
  if (wanted && read && !stop.stop_requested()) lines.End();
  return read;
}

}  // namespace leat::apiserver
