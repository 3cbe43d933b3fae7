// Kubernetes' strategic merge patch: objects merge member by member, lists with a merge key merge
// element by element, and all else is replaced. Directives in the patch change that:
//   $patch: replace | delete   the enclosing object (or, in a list, the whole list or one element)
//   $retainKeys: [a, b]        drops all other members of the object
//   $deleteFromPrimitiveList/x removes values from the list x
//   $setElementOrder/x         says in which order the elements of x shall stand
// New elements of a merged list come before those that only the server has, but keep their place
// relative to the elements that both know: that is upstream's order, which kubectl relies on.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "api/schema.h"

namespace leat::api {
namespace {

constexpr std::string_view kPatch = "$patch";
constexpr std::string_view kRetainKeys = "$retainKeys";
constexpr std::string_view kOrderPrefix = "$setElementOrder/";
constexpr std::string_view kDeletePrefix = "$deleteFromPrimitiveList/";

const Schema& AnySchema() {
  static const Schema any;
  return any;
}

const Schema& MemberSchema(const Schema& schema, std::string_view key) {
  if (schema.type == SchemaType::kMap) return *schema.items;
  const Field* field = schema.Find(key);
  return field ? *field->schema : AnySchema();
}

bool MergesAsList(const Schema& list) { return !list.merge_key.empty() || list.merge_primitives; }

bool IsDirective(std::string_view key) {
  return key == kPatch || key == kRetainKeys || key.starts_with(kOrderPrefix) ||
         key.starts_with(kDeletePrefix);
}

Error BadPatch(std::string message) { return {Code::kInvalid, std::move(message)}; }

// What a patch value becomes where nothing was: without directives and nulls. nullopt when the
// patch says that it shall not be there.
std::optional<json::Value> Plain(const json::Value& patch) {
  if (patch.IsObject()) {
    if (patch[kPatch].AsString() == "delete") return std::nullopt;
    json::Value plain = json::Object();
    for (const json::Member& member : patch.Members()) {
      if (IsDirective(member.key) || member.value.IsNull()) continue;
      if (std::optional<json::Value> value = Plain(member.value))
        plain.Set(member.key, std::move(*value));
    }
    return plain;
  }
  if (patch.IsArray()) {
    json::Value plain = json::Array({});
    for (const json::Value& item : patch.Items()) {
      // {"$patch": "replace"} stands for the list, not for an element.
      if (item[kPatch].AsString() == "replace" && item.size() == 1) continue;
      if (std::optional<json::Value> value = Plain(item)) plain.Push(std::move(*value));
    }
    return plain;
  }
  return patch;
}

// What tells the elements of a list apart: the merge key's value, or the primitive itself.
std::string Identity(const json::Value& item, const std::string& merge_key) {
  return json::Print(merge_key.empty() ? item : item[merge_key]);
}

using Positions = std::map<std::string, size_t>;

Positions PositionsOf(const json::ArrayItems& items, const std::string& merge_key) {
  Positions positions;
  for (size_t i = 0; i < items.size(); ++i) positions.emplace(Identity(items[i], merge_key), i);
  return positions;
}

// Puts the elements named in `wanted` into that order, and the others, which only the server knows,
// between them where they stood in `before` relative to the known ones.
json::ArrayItems Reorder(json::ArrayItems items, const Positions& before, const Positions& wanted,
                         const std::string& merge_key) {
  struct Placed {
    size_t rank;                   // in `wanted` or in `before`
    std::optional<size_t> server;  // in `before`
    json::Value value;
  };
  std::vector<Placed> known;
  std::vector<Placed> server_only;
  for (json::Value& item : items) {
    const std::string id = Identity(item, merge_key);
    const auto old = before.find(id);
    const auto place =
        old == before.end() ? std::optional<size_t>() : std::optional<size_t>(old->second);
    if (const auto at = wanted.find(id); at != wanted.end())
      known.push_back({at->second, place, std::move(item)});
    else
      server_only.push_back({place.value_or(before.size()), place, std::move(item)});
  }
  const auto by_rank = [](const Placed& a, const Placed& b) { return a.rank < b.rank; };
  std::stable_sort(known.begin(), known.end(), by_rank);
  std::stable_sort(server_only.begin(), server_only.end(), by_rank);
  json::ArrayItems ordered;
  ordered.reserve(known.size() + server_only.size());
  size_t k = 0;
  size_t s = 0;
  while (k < known.size() || s < server_only.size()) {
    const bool server_first =
        k == known.size() || (s < server_only.size() && known[k].server && server_only[s].server &&
                              *server_only[s].server < *known[k].server);
    Placed& next = server_first ? server_only[s++] : known[k++];
    ordered.push_back(std::move(next.value));
  }
  return ordered;
}

Status MergeObject(const Schema& schema, json::Value& target, const json::Value& patch);

Error NoMergeKey(const json::Value& element, const std::string& merge_key) {
  return BadPatch(fmt::format("map: {} does not contain declared merge key: {}",
                              json::Print(element), merge_key));
}

// Merges the elements of `patch` into `items` by the merge key, in no particular order.
Status MergeElements(const Schema& list, json::ArrayItems& items, const json::ArrayItems& patch) {
  const std::string& key = list.merge_key;
  std::set<std::string> removed;
  for (const json::Value& element : patch) {
    if (!element.IsObject())
      return BadPatch(fmt::format("expected a list of objects with \"{}\", found {}", key,
                                  json::Print(element)));
    const json::Value& directive = element[kPatch];
    if (directive.IsNull() || directive.AsString() == "merge") continue;
    if (directive.AsString() == "replace") {
      items.clear();
    } else if (directive.AsString() == "delete") {
      if (!element.Has(key)) return NoMergeKey(element, key);
      removed.insert(Identity(element, key));
    } else {
      return BadPatch(fmt::format("unknown patch type: {} in map: {}", json::Print(directive),
                                  json::Print(element)));
    }
  }
  std::erase_if(items,
                [&](const json::Value& item) { return removed.contains(Identity(item, key)); });
  Positions positions = PositionsOf(items, key);
  for (const json::Value& element : patch) {
    const std::string_view directive = element[kPatch].AsString();
    if (directive == "delete" || (!directive.empty() && element.size() == 1)) continue;
    if (!element.Has(key)) return NoMergeKey(element, key);
    const auto [at, is_new] = positions.emplace(Identity(element, key), items.size());
    if (is_new) {
      if (std::optional<json::Value> plain = Plain(element)) items.push_back(std::move(*plain));
      continue;
    }
    json::Value body = element;
    body.Erase(kPatch);
    if (Status ok = MergeObject(*list.items, items[at->second], body); !ok) return ok;
  }
  return {};
}

void UnitePrimitives(json::ArrayItems& items, const json::ArrayItems& patch) {
  Positions seen = PositionsOf(items, "");
  for (const json::Value& value : patch)
    if (seen.emplace(Identity(value, ""), items.size()).second) items.push_back(value);
}

// The elements of the patch that will be in the result, in the patch's order.
Positions OrderOfPatch(const json::ArrayItems& patch, const std::string& merge_key) {
  json::ArrayItems present;
  for (const json::Value& item : patch)
    if (item[kPatch].IsNull()) present.push_back(item);
  return PositionsOf(present, merge_key);
}

Status CheckOrder(std::string_view key, const json::ArrayItems& order,
                  const json::ArrayItems& patch, const std::string& merge_key) {
  const Positions wanted = PositionsOf(order, merge_key);
  std::optional<size_t> last;
  for (const json::Value& item : patch) {
    if (!item[kPatch].IsNull()) continue;
    const auto at = wanted.find(Identity(item, merge_key));
    if (at == wanted.end() || (last && at->second <= *last))
      return BadPatch(fmt::format("The order in patch list: {} doesn't match {}{} list: {}",
                                  json::Print(json::Value(patch)), kOrderPrefix, key,
                                  json::Print(json::Value(order))));
    last = at->second;
  }
  return {};
}

// Merges `patch` (may be null: only an order) into the list member `key` of target.
Status MergeList(const Schema& list, std::string_view key, json::Value& target,
                 const json::Value& patch, const json::Value* order) {
  json::Value* existing = target.Find(key);
  if (!existing || !existing->IsArray()) {
    if (!patch.IsArray()) return {};
    // Checked even where nothing merges, so that a bad patch fails on every object alike.
    json::ArrayItems scratch;
    if (!list.merge_key.empty())
      if (Status ok = MergeElements(list, scratch, patch.Items()); !ok) return ok;
    // Taken whole: elements of one merge key (TCP and UDP on one port) all stay.
    target.Set(key, *Plain(patch));
    return {};
  }
  json::ArrayItems& items = existing->MutItems();
  const Positions before = PositionsOf(items, list.merge_key);
  if (list.merge_key.empty()) {
    UnitePrimitives(items, patch.Items());
  } else if (Status ok = MergeElements(list, items, patch.Items()); !ok) {
    return ok;
  }
  if (order) {
    if (Status ok = CheckOrder(key, order->Items(), patch.Items(), list.merge_key); !ok) return ok;
    items = Reorder(std::move(items), before, PositionsOf(order->Items(), list.merge_key),
                    list.merge_key);
  } else {
    items = Reorder(std::move(items), before, OrderOfPatch(patch.Items(), list.merge_key),
                    list.merge_key);
  }
  return {};
}

Status RetainKeys(json::Value& target, const json::Value& patch) {
  const json::Value* retain = patch.Find(kRetainKeys);
  if (!retain) return {};
  std::set<std::string_view> keep;
  for (const json::Value& key : retain->Items()) keep.insert(key.AsString());
  if (!retain->IsArray() ||
      std::any_of(patch.Members().begin(), patch.Members().end(), [&](const json::Member& member) {
        return !IsDirective(member.key) && !member.value.IsNull() && !keep.contains(member.key);
      }))
    return BadPatch(
        "invalid patch format of retainKeys: every key of the patch must be in "
        "$retainKeys, which is a list");
  std::vector<std::string> dropped;
  for (const json::Member& member : target.Members())
    if (!keep.contains(member.key)) dropped.push_back(member.key);
  for (const std::string& key : dropped) target.Erase(key);
  return {};
}

void DeletePrimitives(json::Value& target, std::string_view key, const json::Value& values) {
  json::Value* list = target.Find(key);
  if (!list || !list->IsArray()) return;
  const Positions removed = PositionsOf(values.Items(), "");
  std::erase_if(list->MutItems(),
                [&](const json::Value& item) { return removed.contains(Identity(item, "")); });
}

Status MergeMember(const Schema& schema, json::Value& target, std::string_view key,
                   const json::Value& value, const json::Value& patch) {
  if (value.IsNull()) {
    target.Erase(key);
    return {};
  }
  const Schema& member_schema = MemberSchema(schema, key);
  if (value.IsArray() && MergesAsList(member_schema))
    return MergeList(member_schema, key, target, value,
                     patch.Find(std::string(kOrderPrefix) + std::string(key)));
  json::Value* existing = target.Find(key);
  if (existing && existing->IsObject() && value.IsObject())
    return MergeObject(member_schema, *existing, value);
  if (std::optional<json::Value> plain = Plain(value))
    target.Set(key, std::move(*plain));
  else
    target.Erase(key);
  return {};
}

Status MergeObject(const Schema& schema, json::Value& target, const json::Value& patch) {
  if (const json::Value* directive = patch.Find(kPatch)) {
    const std::string_view name = directive->AsString();
    if (name == "replace" || name == "delete") {
      json::Value body = patch;
      body.Erase(kPatch);
      target = name == "replace" ? *Plain(body) : json::Object();
      return {};
    }
    if (name != "merge")
      return BadPatch(fmt::format("unknown patch type: {} in map: {}", json::Print(*directive),
                                  json::Print(patch)));
  }
  if (Status ok = RetainKeys(target, patch); !ok) return ok;
  for (const json::Member& member : patch.Members()) {
    const std::string_view key = member.key;
    if (key == kPatch || key == kRetainKeys) continue;
    if (key.starts_with(kDeletePrefix) || key.starts_with(kOrderPrefix)) {
      if (!member.value.IsArray())
        return BadPatch(fmt::format("invalid patch format of {}: it must be a list", key));
      if (key.starts_with(kDeletePrefix)) {
        DeletePrimitives(target, key.substr(kDeletePrefix.size()), member.value);
        continue;
      }
      const std::string_view list = key.substr(kOrderPrefix.size());
      if (patch.Has(list)) continue;  // done together with the list
      const Schema& list_schema = MemberSchema(schema, list);
      if (!MergesAsList(list_schema)) continue;
      if (Status ok = MergeList(list_schema, list, target, {}, &member.value); !ok) return ok;
      continue;
    }
    if (Status ok = MergeMember(schema, target, key, member.value, patch); !ok) return ok;
  }
  return {};
}

}  // namespace

Status StrategicMerge(const Schema& schema, json::Value& target, const json::Value& patch) {
  if (!patch.IsObject()) return BadPatch("a strategic merge patch must be an object");
  if (!target.IsObject()) target = json::Object();
  return MergeObject(schema, target, patch);
}

}  // namespace leat::api
