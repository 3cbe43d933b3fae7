#include "api/schema.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/builtin.h"
#include "api/quantity.h"
#include "base/strings.h"

namespace leat::api {
namespace {

// What an error text can use of the unknown members of one object: each may have a very long path,
// and there may be very many.
constexpr size_t kShownPaths = 100;
constexpr size_t kShownPathBytes = 1024;

constexpr std::string_view kLineBreaks = "\r\n";

bool IsEmbeddedMeta(const Schema& schema, std::string_view key) {
  return schema.embedded_object && (key == "apiVersion" || key == "kind" || key == "metadata");
}

// Go's decoder, and with it upstream, takes base64 as `base64` and PEM print it.
std::string WithoutLineBreaks(std::string_view text) {
  std::string kept(text);
  std::erase_if(kept, [](char c) { return kLineBreaks.find(c) != std::string_view::npos; });
  return kept;
}

// In one pass, because there may be very many. `keys` are sorted.
void EraseMembers(const std::vector<std::string>& keys, json::Value& object) {
  if (keys.empty()) return;
  json::ObjectMembers members = object.TakeMembers();
  std::erase_if(members, [&](const json::Member& member) {
    return std::binary_search(keys.begin(), keys.end(), member.key);
  });
  object = json::Value(std::move(members));
}

// Absent, or what a built-in type takes for absent.
bool LacksValue(const Field& field, const json::Value* value) {
  if (!value) return true;
  if (value->IsNull()) return !field.schema->nullable;
  return field.builtin() && value->IsString() && value->AsString().empty();
}

// Leaves what is no quantity for the validation to refuse.
void MakeCanonical(int finest, json::Value& value) {
  if (Result<std::string> text = CanonicalQuantity(value, finest)) value = std::move(*text);
}

// Builds "spec.containers[0].image" on the way down without allocating at every step.
class Path {
 public:
  size_t PushKey(std::string_view key) {
    const size_t before = text_.size();
    if (!text_.empty()) text_ += '.';
    text_ += key;
    return before;
  }
  size_t PushIndex(size_t index) {
    const size_t before = text_.size();
    text_ += fmt::format("[{}]", index);
    return before;
  }
  void Pop(size_t to) { text_.resize(to); }
  std::string Shown() const { return text_.substr(0, Utf8Floor(text_, kShownPathBytes)); }

 private:
  std::string text_;
};

void PruneAt(const Schema& schema, json::Value& value, Path& path,
             std::vector<std::string>& removed);

void PruneMembers(const Schema& schema, json::Value& value, Path& path,
                  std::vector<std::string>& removed) {
  std::vector<std::string> unknown;
  for (const json::Member& member : value.Members()) {
    const Field* field = schema.Find(member.key);
    const size_t before = path.PushKey(member.key);
    if (schema.embedded_object && member.key == "metadata") {
      PruneAt(*ObjectMetaSchema(), *value.Find(member.key), path, removed);
    } else if (field) {
      PruneAt(*field->schema, *value.Find(member.key), path, removed);
    } else if (!schema.preserve_unknown && !IsEmbeddedMeta(schema, member.key)) {
      unknown.push_back(member.key);
      if (removed.size() < kShownPaths) removed.push_back(path.Shown());
    }
    path.Pop(before);
  }
  EraseMembers(unknown, value);
}

void PruneAt(const Schema& schema, json::Value& value, Path& path,
             std::vector<std::string>& removed) {
  if (schema.type == SchemaType::kObject && value.IsObject()) {
    PruneMembers(schema, value, path, removed);
  } else if (schema.type == SchemaType::kMap && value.IsObject()) {
    for (const json::Member& member : value.Members()) {
      const size_t before = path.PushKey(member.key);
      PruneAt(*schema.items, *value.Find(member.key), path, removed);
      path.Pop(before);
    }
  } else if (schema.type == SchemaType::kArray && value.IsArray()) {
    size_t index = 0;
    for (json::Value& item : value.MutItems()) {
      const size_t before = path.PushIndex(index++);
      PruneAt(*schema.items, item, path, removed);
      path.Pop(before);
    }
  }
}

}  // namespace

const Field* Schema::Find(std::string_view name) const {
  const auto at = std::lower_bound(fields.begin(), fields.end(), name,
                                   [](const Field& f, std::string_view n) { return f.name < n; });
  return at != fields.end() && at->name == name ? &*at : nullptr;
}

void ApplyDefaults(const Schema& schema, json::Value& value) {
  if (schema.type == SchemaType::kObject && value.IsObject()) {
    for (const Field& field : schema.fields) {
      json::Value* member = value.Find(field.name);
      if (LacksValue(field, member)) {
        if (!field.schema->default_value.IsNull()) {
          value.Set(field.name, field.schema->default_value);
          member = value.Find(field.name);
        } else if (member && member->IsNull() && field.schema->type != SchemaType::kAny) {
          value.Erase(field.name);
          member = nullptr;
        }
      }
      if (member) ApplyDefaults(*field.schema, *member);
    }
  } else if (schema.type == SchemaType::kMap && value.IsObject()) {
    std::vector<std::string> nulls;
    for (const json::Member& member : value.Members()) {
      const bool lacks = member.value.IsNull() && !schema.items->nullable;
      if (lacks && !schema.items->default_value.IsNull())
        *value.Find(member.key) = schema.items->default_value;
      else if (lacks && schema.items->type != SchemaType::kAny)
        nulls.push_back(member.key);
      else if (schema.items->type == SchemaType::kQuantity)
        MakeCanonical(kMilli, *value.Find(member.key));  // as upstream: amounts of resources
      else
        ApplyDefaults(*schema.items, *value.Find(member.key));
    }
    EraseMembers(nulls, value);
  } else if (schema.type == SchemaType::kArray && value.IsArray()) {
    for (json::Value& item : value.MutItems()) ApplyDefaults(*schema.items, item);
  } else if (schema.type == SchemaType::kQuantity) {
    MakeCanonical(kNano, value);
  } else if (schema.type == SchemaType::kBytes && value.IsString()) {
    if (value.AsString().find_first_of(kLineBreaks) != std::string_view::npos)
      value = WithoutLineBreaks(value.AsString());
  }
}

bool LacksDefaults(const Schema& schema, const json::Value& value) {
  if (!schema.defaults_within) return false;
  if (schema.type == SchemaType::kObject)
    return value.IsObject() &&
           std::any_of(schema.fields.begin(), schema.fields.end(), [&](const Field& field) {
             const json::Value* member = value.Find(field.name);
             if (LacksValue(field, member)) return !field.schema->default_value.IsNull();
             return LacksDefaults(*field.schema, *member);
           });
  if (!schema.items) return false;
  return std::any_of(value.Items().begin(), value.Items().end(),
                     [&](const json::Value& item) { return LacksDefaults(*schema.items, item); }) ||
         std::any_of(value.Members().begin(), value.Members().end(),
                     [&](const json::Member& member) {
                       return LacksDefaults(*schema.items, member.value);
                     });
}

std::vector<std::string> Prune(const Schema& schema, json::Value& value) {
  std::vector<std::string> removed;
  Path path;
  PruneAt(schema, value, path, removed);
  return removed;
}

}  // namespace leat::api
