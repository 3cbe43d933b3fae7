#include "apiserver/render.h"

namespace leat::apiserver {
namespace {

Result<std::vector<json::Value>> InVersions(const Target& target,
                                            const std::vector<store::EntryPtr>& entries) {
  std::vector<json::Value> values;
  values.reserve(entries.size());
  for (const auto& entry : entries) {
    auto value = InVersion(target, entry->value);
    if (!value) return value.error();
    values.push_back(std::move(*value));
  }
  return values;
}

std::string MetaApiVersion(const Rendering& as) { return "meta.k8s.io/" + as.accepted.version; }

json::Value PartialMetadata(const Rendering& as, const json::Value& object) {
  return json::Object({{"apiVersion", MetaApiVersion(as)},
                       {"kind", "PartialObjectMetadata"},
                       {"metadata", object["metadata"]}});
}

json::Value ListMetadata(const Page& page) {
  json::Value metadata = json::Object({{"resourceVersion", std::to_string(page.revision)}});
  if (!page.continue_token.empty()) metadata.Set("continue", page.continue_token);
  if (page.remaining) metadata.Set("remainingItemCount", *page.remaining);
  return metadata;
}

json::Value Table(const Rendering& as, const std::vector<const json::Value*>& objects,
                  const json::Value& metadata, WallTime now) {
  json::Value table =
      api::MakeTable(*as.target.type, *as.target.version, objects, metadata, as.include, now);
  table.Set("apiVersion", MetaApiVersion(as));
  return table;
}

std::string Event(std::string_view type, std::string_view object) {
  std::string line;
  line.reserve(object.size() + 32);
  line.append("{\"type\":\"").append(type).append("\",\"object\":");
  return line.append(object).append("}\n");
}

// The long way round only for what is not stored as it is sent.
Result<std::string> PlainList(const Rendering& as, const Page& page) {
  std::string text = "{\"apiVersion\":\"" + as.target.ApiVersion() + "\",\"items\":[";
  bool first = true;
  for (const auto& entry : page.entries) {
    if (!first) text += ',';
    first = false;
    if (as.AsStored(*entry)) {
      text += entry->Json();
      continue;
    }
    auto value = InVersion(as.target, entry->value);
    if (!value) return value.error();
    text += json::Print(*value);
  }
  return text + "],\"kind\":\"" + as.target.type->list_kind +
         "\",\"metadata\":" + json::Print(ListMetadata(page)) + "}";
}

}  // namespace

bool Rendering::AsStored(const store::Entry& entry) const {
  return accepted.form == Form::kObject &&
         entry.value["apiVersion"].AsString() == target.ApiVersion() &&
         !api::LacksDefaults(*target.version->schema, entry.value);
}

Result<std::string> RenderObject(const Rendering& as, const store::Entry& entry, WallTime now) {
  if (as.AsStored(entry)) return entry.Json();
  auto value = InVersion(as.target, entry.value);
  if (!value) return value.error();
  if (as.accepted.form == Form::kTable) {
    const json::Value metadata =
        json::Object({{"resourceVersion", (*value)["metadata"]["resourceVersion"]}});
    return json::Print(Table(as, {&*value}, metadata, now));
  }
  if (as.accepted.form == Form::kPartialMetadata) return json::Print(PartialMetadata(as, *value));
  return json::Print(*value);
}

Result<std::string> RenderList(const Rendering& as, const Page& page, WallTime now) {
  if (as.accepted.form == Form::kObject) return PlainList(as, page);
  auto values = InVersions(as.target, page.entries);
  if (!values) return values.error();
  if (as.accepted.form == Form::kTable) {
    std::vector<const json::Value*> objects;
    for (const json::Value& value : *values) objects.push_back(&value);
    return json::Print(Table(as, objects, ListMetadata(page), now));
  }
  json::ArrayItems items;
  for (const json::Value& value : *values) items.push_back(PartialMetadata(as, value));
  return json::Print(json::Object({{"apiVersion", MetaApiVersion(as)},
                                   {"kind", "PartialObjectMetadataList"},
                                   {"metadata", ListMetadata(page)},
                                   {"items", std::move(items)}}));
}

Result<std::string> RenderEvent(const Rendering& as, std::string_view type,
                                const store::Entry& entry, WallTime now) {
  if (as.AsStored(entry)) return Event(type, entry.Json());
  auto object = RenderObject(as, entry, now);
  if (!object) return object.error();
  return Event(type, *object);
}

std::string RenderBookmark(const Rendering& as, store::Revision revision, bool initial_end) {
  json::Value metadata =
      json::Object({{"creationTimestamp", nullptr}, {"resourceVersion", std::to_string(revision)}});
  if (initial_end) metadata.Mut("annotations").Set("k8s.io/initial-events-end", "true");
  json::Value object = json::Object({{"apiVersion", as.target.ApiVersion()},
                                     {"kind", as.target.type->kind},
                                     {"metadata", std::move(metadata)}});
  if (as.accepted.form == Form::kTable) object = Table(as, {&object}, object["metadata"], {});
  if (as.accepted.form == Form::kPartialMetadata) object = PartialMetadata(as, object);
  return Event("BOOKMARK", json::Print(object));
}

}  // namespace leat::apiserver
