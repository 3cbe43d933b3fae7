#include "json/value.h"

#include <algorithm>

namespace leat::json {
namespace {

const Value kNull;
const ArrayItems kNoItems;
const ObjectMembers kNoMembers;

template <class Members>
auto LowerBound(Members& members, std::string_view key) {
  return std::lower_bound(members.begin(), members.end(), key,
                          [](const Member& m, std::string_view k) { return m.key.compare(k) < 0; });
}

// The integer that a double is, if it is one: not by a cast of the integer, which would round.
bool ToInt(double d, int64_t* out) {
  constexpr double kLimit = 9223372036854775808.0;  // 2^63
  if (!(d >= -kLimit && d < kLimit)) return false;
  *out = static_cast<int64_t>(d);
  return static_cast<double>(*out) == d;
}

}  // namespace

Value::Value(ObjectMembers sorted_members) : data_(std::move(sorted_members)) {
  const ObjectMembers& members = Members();
  for (size_t i = 1; i < members.size(); ++i)
    LEAT_CHECK(members[i - 1].key < members[i].key, "members are not sorted or not unique");
}

bool Value::AsBool(bool fallback) const {
  const bool* b = std::get_if<bool>(&data_);
  return b ? *b : fallback;
}

int64_t Value::AsInt(int64_t fallback) const {
  if (const int64_t* i = std::get_if<int64_t>(&data_)) return *i;
  const double* d = std::get_if<double>(&data_);
  int64_t i = 0;
  return d && ToInt(*d, &i) ? i : fallback;
}

double Value::AsDouble(double fallback) const {
  if (const double* d = std::get_if<double>(&data_)) return *d;
  const int64_t* i = std::get_if<int64_t>(&data_);
  return i ? static_cast<double>(*i) : fallback;
}

std::string_view Value::AsString(std::string_view fallback) const {
  const std::string* s = std::get_if<std::string>(&data_);
  return s ? std::string_view(*s) : fallback;
}

size_t Value::size() const { return IsArray() ? Items().size() : Members().size(); }

const ArrayItems& Value::Items() const {
  const ArrayItems* items = std::get_if<ArrayItems>(&data_);
  return items ? *items : kNoItems;
}

const ObjectMembers& Value::Members() const {
  const ObjectMembers* members = std::get_if<ObjectMembers>(&data_);
  return members ? *members : kNoMembers;
}

ArrayItems& Value::MutItems() {
  if (IsNull()) data_.emplace<ArrayItems>();
  LEAT_CHECK(IsArray(), "MutItems of a value that is not an array");
  return std::get<ArrayItems>(data_);
}

ObjectMembers Value::TakeMembers() {
  ObjectMembers* members = std::get_if<ObjectMembers>(&data_);
  ObjectMembers taken = members ? std::move(*members) : ObjectMembers();
  data_.emplace<std::monostate>();
  return taken;
}

const Value& Value::operator[](std::string_view key) const {
  const Value* found = Find(key);
  return found ? *found : kNull;
}

const Value& Value::operator[](size_t index) const {
  const ArrayItems& items = Items();
  return index < items.size() ? items[index] : kNull;
}

const Value* Value::Find(std::string_view key) const {
  const ObjectMembers& members = Members();
  const auto at = LowerBound(members, key);
  return at != members.end() && at->key == key ? &at->value : nullptr;
}

Value* Value::Find(std::string_view key) {
  return const_cast<Value*>(static_cast<const Value*>(this)->Find(key));
}

Value& Value::Mut(std::string_view key) {
  if (!IsObject()) data_.emplace<ObjectMembers>();
  ObjectMembers& members = std::get<ObjectMembers>(data_);
  auto at = LowerBound(members, key);
  if (at == members.end() || at->key != key) at = members.insert(at, {std::string(key), {}});
  return at->value;
}

Value& Value::Set(std::string_view key, Value value) {
  Mut(key) = std::move(value);
  return *this;
}

bool Value::Erase(std::string_view key) {
  ObjectMembers* members = std::get_if<ObjectMembers>(&data_);
  if (!members) return false;
  const auto at = LowerBound(*members, key);
  if (at == members->end() || at->key != key) return false;
  members->erase(at);
  return true;
}

Value& Value::Push(Value value) {
  if (!IsArray()) data_.emplace<ArrayItems>();
  std::get<ArrayItems>(data_).push_back(std::move(value));
  return *this;
}

bool operator==(const Value& a, const Value& b) {
  if (a.kind() == b.kind()) return a.data_ == b.data_;
  if (!a.IsNumber() || !b.IsNumber()) return false;
  int64_t i = 0;
  return a.IsInt() ? ToInt(b.AsDouble(), &i) && i == a.AsInt()
                   : ToInt(a.AsDouble(), &i) && i == b.AsInt();
}

size_t MemoryOf(const Value& value) {
  size_t size = sizeof(Value) + value.AsString().size();
  for (const Value& item : value.Items()) size += MemoryOf(item);
  for (const Member& member : value.Members())
    size += sizeof(Member) - sizeof(Value) + member.key.size() + MemoryOf(member.value);
  return size;
}

Value Object(std::initializer_list<std::pair<std::string_view, Value>> members) {
  Value object{ObjectMembers()};
  for (const auto& [key, value] : members) object.Set(key, value);
  return object;
}

Value Array(std::initializer_list<Value> items) { return Value(ArrayItems(items)); }

}  // namespace leat::json
