// A JSON value: null, bool, integer, double, string, array or object. Value semantics: a copy is
// deep. Objects keep their members sorted by key, so equal values print the same bytes.
//
//   const json::Value pod = json::Object({{"kind", "Pod"}, {"metadata", json::Object({{"name",
//   n}})}}); pod["metadata"]["name"].AsString()        // reading never fails: absent is null, ""
//   or 0 pod.Mut("metadata").Set("uid", NewUuid())  // writing makes what is missing
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace leat::json {

class Value;
struct Member;  // {std::string key; Value value;}
using ArrayItems = std::vector<Value>;
using ObjectMembers = std::vector<Member>;  // sorted by key, keys unique

template <class N>
concept Integer = std::integral<N> && !std::same_as<N, bool>;

enum class Kind { kNull, kBool, kInt, kDouble, kString, kArray, kObject };

// Distinct const objects may be read from many threads; writing needs exclusive access.
class Value {
 public:
  Value() noexcept;  // null
  Value(std::nullptr_t) noexcept;
  template <std::same_as<bool> B>
  Value(B b) : data_(b) {}  // a template, so that no pointer turns into a bool
  template <Integer N>
  Value(N n);
  Value(double d);
  Value(std::string s);
  Value(std::string_view s);
  Value(const char* s);
  Value(ArrayItems items);
  // The members must be sorted by key and unique: anything else is a programmer error.
  explicit Value(ObjectMembers sorted_members);

  Kind kind() const { return static_cast<Kind>(data_.index()); }
  bool IsNull() const { return kind() == Kind::kNull; }
  bool IsBool() const { return kind() == Kind::kBool; }
  bool IsInt() const { return kind() == Kind::kInt; }
  bool IsNumber() const { return IsInt() || kind() == Kind::kDouble; }
  bool IsString() const { return kind() == Kind::kString; }
  bool IsArray() const { return kind() == Kind::kArray; }
  bool IsObject() const { return kind() == Kind::kObject; }

  // The value as that type, or the fallback when it is of another type. A double without a
  // fraction reads as an integer and an integer as a double; nothing else converts.
  bool AsBool(bool fallback = false) const;
  int64_t AsInt(int64_t fallback = 0) const;
  double AsDouble(double fallback = 0) const;
  // A view into this value, valid while it lives unchanged; `fallback` must outlive the use.
  std::string_view AsString(std::string_view fallback = {}) const;
  std::string Str() const { return std::string(AsString()); }

  // Elements or members; 0 for anything else.
  size_t size() const;
  bool empty() const { return size() == 0; }

  // The items of an array, the members of an object (sorted by key); empty for anything else.
  const ArrayItems& Items() const;
  const ObjectMembers& Members() const;
  ArrayItems& MutItems();  // makes a null value an empty array; a programmer error on other kinds

  // The members of an object, moved out: edit them, keep them sorted, make a new Value of them.
  // Leaves null; empty for anything else.
  ObjectMembers TakeMembers();

  // The member of that key, or item of that index; null when absent or on another kind.
  const Value& operator[](std::string_view key) const;
  const Value& operator[](size_t index) const;
  const Value& operator[](const char* key) const { return (*this)[std::string_view(key)]; }
  const Value& operator[](int index) const { return (*this)[static_cast<size_t>(index)]; }
  // The member if it is there, else nullptr: tells an absent member from a null one.
  const Value* Find(std::string_view key) const;
  Value* Find(std::string_view key);
  bool Has(std::string_view key) const { return Find(key) != nullptr; }

  // The member of that key, made (as null) when absent. A value that is not an object becomes an
  // empty object first.
  Value& Mut(std::string_view key);
  // Mut(key) = value; returns *this, so that calls chain.
  Value& Set(std::string_view key, Value value);
  // True if there was such a member.
  bool Erase(std::string_view key);
  // Appends; a value that is not an array becomes an empty array first.
  Value& Push(Value value);

  // Deep equality; 1 equals 1.0.
  friend bool operator==(const Value& a, const Value& b);

 private:
  std::variant<std::monostate, bool, int64_t, double, std::string, ArrayItems, ObjectMembers> data_;
};

struct Member {
  std::string key;
  Value value;
  friend bool operator==(const Member&, const Member&) = default;
};

// Out of the class because they may destroy members, so Member must be complete.
inline Value::Value() noexcept = default;
inline Value::Value(std::nullptr_t) noexcept {}
template <Integer N>
Value::Value(N n) : data_(static_cast<int64_t>(n)) {}
inline Value::Value(double d) : data_(d) {}
inline Value::Value(std::string s) : data_(std::move(s)) {}
inline Value::Value(std::string_view s) : data_(std::string(s)) {}
inline Value::Value(const char* s) : data_(std::string(s)) {}
inline Value::Value(ArrayItems items) : data_(std::move(items)) {}

// About the memory that a copy of the value takes, in bytes.
size_t MemoryOf(const Value& value);

// Literals: Object({{"a", 1}, {"b", Array({1, 2})}}). A key given twice keeps the last.
Value Object(std::initializer_list<std::pair<std::string_view, Value>> members = {});
Value Array(std::initializer_list<Value> items = {});

// Reads one JSON text (RFC 8259, UTF-8, depth at most 200, at most `max_bytes`). Integers beyond
// int64 become doubles. Duplicate keys: the last wins (`duplicates` gets their paths, as
// "spec.containers[0].name": at most 100, each <= 1 KiB). kInvalid with line and column, kTooLarge.
Result<Value> Parse(std::string_view text, size_t max_bytes = 64u << 20,
                    std::vector<std::string>* duplicates = nullptr);

// Compact text: no blanks, keys sorted, shortest doubles that read back equal (1.0 is "1"), <>&
// unescaped. What JSON cannot say is printed as its nearest: invalid UTF-8 as U+FFFD, NaN and
// infinities as null.
std::string Print(const Value& value);
// Indented by two blanks, for people.
std::string PrintPretty(const Value& value);

}  // namespace leat::json
