// Kubernetes' strategic merge patch: objects merge member by member, lists with a merge key merge
// element by element, and all else is replaced. Directives in the patch change that:
//   $patch: replace | delete   the enclosing object (or, in a list, the whole list or one element)
//   $retainKeys: [a, b]        drops all other members of the object
//   $deleteFromPrimitiveList/x removes values from the list x
//   $setElementOrder/x         says in which order the elements of x shall stand
// New elements of a merged list come before those that only the server has, but keep their place
// relative to the elements that both know: that is upstream's order, which kubectl relies on.
//
// Every merge of two objects or lists walks both once. What many elements of one merge key would
// make of that (each walks the same element of the server again) ends at kMaxSteps.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "api/schema.h"

namespace leat::api {
namespace {

// Members and elements walked by one patch: twice those of the largest object and patch.
constexpr size_t kMaxSteps = 2'000'000;

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

Error NoMergeKey(const json::Value& element, const std::string& merge_key) {
  return BadPatch(fmt::format("map: {} does not contain declared merge key: {}",
                              json::Print(element), merge_key));
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

Status RetainKeys(json::ObjectMembers& members, const json::Value& patch) {
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
  std::erase_if(members, [&](const json::Member& member) { return !keep.contains(member.key); });
  return {};
}

void DeletePrimitives(json::Value& list, const json::Value& values) {
  const Positions removed = PositionsOf(values.Items(), "");
  std::erase_if(list.MutItems(),
                [&](const json::Value& item) { return removed.contains(Identity(item, "")); });
}

json::Value* FindList(json::ObjectMembers& members, std::string_view key) {
  const auto at = std::lower_bound(
      members.begin(), members.end(), key,
      [](const json::Member& member, std::string_view wanted) { return member.key < wanted; });
  return at != members.end() && at->key == key && at->value.IsArray() ? &at->value : nullptr;
}

// One patch at work.
class Merging {
 public:
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
    if (Status fits = Walk(target.size() + patch.size()); !fits) return fits;
    json::ObjectMembers own = target.TakeMembers();
    if (Status ok = RetainKeys(own, patch); !ok) return ok;
    if (Status ok = MergeDirectives(schema, own, patch); !ok) return ok;
    json::ObjectMembers merged;
    merged.reserve(own.size() + patch.size());
    auto at = own.begin();
    for (const json::Member& member : patch.Members()) {
      if (IsDirective(member.key)) continue;
      while (at != own.end() && at->key < member.key) merged.push_back(std::move(*at++));
      std::optional<json::Value> value;
      if (at != own.end() && at->key == member.key) value = std::move((at++)->value);
      if (Status ok = MergeMember(schema, member, patch, value); !ok) return ok;
      if (value) merged.push_back({member.key, std::move(*value)});
    }
    merged.insert(merged.end(), std::make_move_iterator(at), std::make_move_iterator(own.end()));
    target = json::Value(std::move(merged));
    return {};
  }

 private:
  Status Walk(size_t steps) {
    steps_ += steps;
    if (steps_ <= kMaxSteps) return {};
    return Error{Code::kTooLarge,
                 "the patch names the same large elements too often: give each element once"};
  }

  // Those that stand for a list: removed primitives, and the order of a list that the patch does
  // not change otherwise.
  Status MergeDirectives(const Schema& schema, json::ObjectMembers& own, const json::Value& patch) {
    for (const json::Member& member : patch.Members()) {
      const std::string_view key = member.key;
      const bool deletes = key.starts_with(kDeletePrefix);
      if (!deletes && !key.starts_with(kOrderPrefix)) continue;
      if (!member.value.IsArray())
        return BadPatch(fmt::format("invalid patch format of {}: it must be a list", key));
      const std::string_view name =
          key.substr(deletes ? kDeletePrefix.size() : kOrderPrefix.size());
      json::Value* list = FindList(own, name);
      if (list == nullptr) continue;
      if (deletes) {
        if (Status fits = Walk(list->size() + member.value.size()); !fits) return fits;
        DeletePrimitives(*list, member.value);
      } else if (const Schema& list_schema = MemberSchema(schema, name);
                 !patch.Has(name) && MergesAsList(list_schema)) {
        if (Status ok = MergeList(list_schema, name, *list, {}, &member.value); !ok) return ok;
      }
    }
    return {};
  }

  // `value` is the member as it is, nullopt where there is none, and becomes what it shall be.
  Status MergeMember(const Schema& schema, const json::Member& member, const json::Value& patch,
                     std::optional<json::Value>& value) {
    if (member.value.IsNull()) {
      value.reset();
      return {};
    }
    const Schema& member_schema = MemberSchema(schema, member.key);
    if (member.value.IsArray() && MergesAsList(member_schema)) {
      if (value && value->IsArray())
        return MergeList(member_schema, member.key, *value, member.value.Items(),
                         patch.Find(std::string(kOrderPrefix) + member.key));
      // Checked even where nothing merges, so that a bad patch fails on every object alike.
      json::ArrayItems scratch;
      if (!member_schema.merge_key.empty())
        if (Status ok = MergeElements(member_schema, scratch, member.value.Items()); !ok) return ok;
      // Taken whole: elements of one merge key (TCP and UDP on one port) all stay.
      value = Plain(member.value);
      return {};
    }
    if (value && value->IsObject() && member.value.IsObject())
      return MergeObject(member_schema, *value, member.value);
    value = Plain(member.value);
    return {};
  }

  // Merges `patch` (empty: only an order) into a list.
  Status MergeList(const Schema& schema, std::string_view key, json::Value& list,
                   const json::ArrayItems& patch, const json::Value* order) {
    json::ArrayItems& items = list.MutItems();
    if (Status fits = Walk(items.size() + patch.size()); !fits) return fits;
    const Positions before = PositionsOf(items, schema.merge_key);
    if (schema.merge_key.empty()) {
      UnitePrimitives(items, patch);
    } else if (Status ok = MergeElements(schema, items, patch); !ok) {
      return ok;
    }
    if (order) {
      if (Status ok = CheckOrder(key, order->Items(), patch, schema.merge_key); !ok) return ok;
      items = Reorder(std::move(items), before, PositionsOf(order->Items(), schema.merge_key),
                      schema.merge_key);
    } else {
      items = Reorder(std::move(items), before, OrderOfPatch(patch, schema.merge_key),
                      schema.merge_key);
    }
    return {};
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

  size_t steps_ = 0;
};

}  // namespace

Status StrategicMerge(const Schema& schema, json::Value& target, const json::Value& patch) {
  if (!patch.IsObject()) return BadPatch("a strategic merge patch must be an object");
  if (!target.IsObject()) target = json::Object();
  return Merging().MergeObject(schema, target, patch);
}

}  // namespace leat::api
