#include "json/patch.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "base/strings.h"

namespace leat::json {
namespace {

constexpr size_t kMaxOperations = 10'000;
constexpr size_t kMaxCopied = 16u << 20;
// Values looked at or moved up, all operations together: some ten times those of a large document.
constexpr size_t kMaxSteps = 8'000'000;
constexpr size_t kMaxDepth = 200;

// The tokens of a pointer, unescaped; nullopt when it is not a pointer. "" is the whole document.
std::optional<std::vector<std::string>> Tokens(std::string_view pointer) {
  std::vector<std::string> tokens;
  if (pointer.empty()) return tokens;
  if (pointer.front() != '/') return std::nullopt;
  for (const std::string_view raw : Split(pointer.substr(1), '/')) {
    std::string& token = tokens.emplace_back();
    for (size_t i = 0; i < raw.size(); ++i) {
      if (raw[i] != '~') {
        token += raw[i];
      } else if (++i < raw.size() && (raw[i] == '0' || raw[i] == '1')) {
        token += raw[i] == '0' ? '~' : '/';
      } else {
        return std::nullopt;
      }
    }
  }
  return tokens;
}

// Decimal digits without a leading zero; nullopt for anything else.
std::optional<size_t> Index(std::string_view token) {
  size_t index = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), index);
  const bool all = error == std::errc() && end == token.data() + token.size();
  if (!all || (token.size() > 1 && token.front() == '0')) return std::nullopt;
  return index;
}

// An index of a patch into `size` places; -1 is the last of them.
std::optional<size_t> PatchIndex(std::string_view token, size_t size) {
  const bool from_end = token.starts_with('-');
  const std::optional<size_t> index = Index(from_end ? token.substr(1) : token);
  if (!index || (from_end ? *index > size || *index == 0 : *index >= size)) return std::nullopt;
  return from_end ? size - *index : *index;
}

using TokenSpan = std::pair<const std::string*, const std::string*>;

// The value there. `index_of` reads a token as an index into that many items.
template <class IndexOf>
const Value* Walk(const Value& root, TokenSpan tokens, const IndexOf& index_of) {
  const Value* at = &root;
  for (auto [token, end] = tokens; at && token != end; ++token) {
    if (!at->IsArray()) {
      at = at->Find(*token);
      continue;
    }
    const std::optional<size_t> index = index_of(*token, at->size());
    at = index ? &at->Items()[*index] : nullptr;
  }
  return at;
}

// How deep it is nested. `steps` grows by the number of values that were looked at.
size_t DepthOf(const Value& value, size_t& steps) {
  size_t deepest = 0;
  steps += 1;
  for (const Value& item : value.Items()) deepest = std::max(deepest, DepthOf(item, steps));
  for (const Member& member : value.Members())
    deepest = std::max(deepest, DepthOf(member.value, steps));
  return value.IsArray() || value.IsObject() ? deepest + 1 : 0;
}

Error Invalid(std::string message) { return {Code::kInvalid, std::move(message)}; }

// One patch at work on its own copy of the document.
class Patching {
 public:
  explicit Patching(Value document) : document_(std::move(document)) {}

  Value Take() { return std::move(document_); }

  Status Apply(const Value& operation) {
    if (steps_ > kMaxSteps)
      return Error{Code::kTooLarge, "the patch moves too much: give less of it at a time"};
    const std::string_view op = operation["op"].AsString();
    if (!operation["path"].IsString()) return Invalid("\"path\" is missing or not a string");
    const Pointer path(operation["path"].AsString());
    if (!path.tokens) return Invalid(fmt::format("\"{}\" is not a JSON pointer", path.text));
    if (op == "remove") {
      Result<Value> removed = Remove(path);
      return removed ? Status() : removed.error();
    }
    if (op == "move" || op == "copy") {
      if (!operation["from"].IsString()) return Invalid("\"from\" is missing or not a string");
      const Pointer from(operation["from"].AsString());
      if (!from.tokens) return Invalid(fmt::format("\"{}\" is not a JSON pointer", from.text));
      return op == "move" ? Move(from, path) : Copy(from, path);
    }
    if (op != "add" && op != "replace" && op != "test")
      return Invalid(fmt::format("unknown \"op\": \"{}\"", op));
    const Value* value = operation.Find("value");
    if (!value) return Invalid("\"value\" is missing");
    if (op == "add") return Add(path, *value);
    return op == "replace" ? Replace(path, *value) : Test(path, *value);
  }

 private:
  struct Pointer {
    explicit Pointer(std::string_view pointer) : text(pointer), tokens(Tokens(pointer)) {}
    TokenSpan All() const { return {tokens->data(), tokens->data() + tokens->size()}; }
    TokenSpan Parent() const { return {tokens->data(), tokens->data() + tokens->size() - 1}; }
    std::string_view text;
    std::optional<std::vector<std::string>> tokens;
  };

  Value* At(TokenSpan tokens) { return const_cast<Value*>(Walk(document_, tokens, PatchIndex)); }

  // What stands for a value that may be absent: null if only the last member of the path is.
  const Value* AtOrAbsent(const Pointer& path) {
    static const Value absent;
    if (const Value* found = At(path.All())) return found;
    if (path.tokens->empty()) return nullptr;
    const Value* parent = At(path.Parent());
    return parent && parent->IsObject() ? &absent : nullptr;
  }

  static Error Missing(const Pointer& path) {
    return Invalid(fmt::format("there is nothing at \"{}\"", path.text));
  }

  static Error Whole() {
    return Invalid(
        "\"\" is the whole object, which only a \"test\" may name: give the member's path");
  }

  // Recursion over the document (printing, destroying) relies on this bound.
  Status CheckDepth(const Pointer& path, const Value& value) {
    if (path.tokens->size() + DepthOf(value, steps_) <= kMaxDepth) return {};
    return Error{Code::kTooLarge,
                 fmt::format("\"{}\" would be nested deeper than {} levels", path.text, kMaxDepth)};
  }

  Status Add(const Pointer& path, Value value) {
    if (Status fits = CheckDepth(path, value); !fits) return fits;
    if (path.tokens->empty()) return Whole();
    Value* parent = At(path.Parent());
    if (parent) steps_ += parent->size();
    const std::string& last = path.tokens->back();
    if (parent && parent->IsObject()) {
      parent->Set(last, std::move(value));
      return {};
    }
    if (!parent || !parent->IsArray())
      return Invalid(fmt::format("the parent of \"{}\" is not an object or array", path.text));
    ArrayItems& items = parent->MutItems();
    const std::optional<size_t> index =
        last == "-" ? items.size() : PatchIndex(last, items.size() + 1);
    if (!index)
      return Invalid(fmt::format("\"{}\" is not an index into an array of {}", last, items.size()));
    items.insert(items.begin() + static_cast<ptrdiff_t>(*index), std::move(value));
    return {};
  }

  // Takes the value out of the document.
  Result<Value> Remove(const Pointer& path) {
    if (path.tokens->empty()) return Whole();
    Value* found = At(path.All());
    if (!found) return Missing(path);
    Value removed = std::move(*found);
    Value* parent = At(path.Parent());
    steps_ += parent->size();
    if (parent->IsObject()) {
      parent->Erase(path.tokens->back());
    } else {
      ArrayItems& items = parent->MutItems();
      items.erase(items.begin() + (found - items.data()));
    }
    return removed;
  }

  Status Replace(const Pointer& path, const Value& value) {
    if (Status fits = CheckDepth(path, value); !fits) return fits;
    if (path.tokens->empty()) return Whole();
    if (Value* found = At(path.All())) {
      *found = value;
      return {};
    }
    return AtOrAbsent(path) ? Add(path, value) : Missing(path);
  }

  Status Move(const Pointer& from, const Pointer& path) {
    if (from.text == path.text) return At(path.All()) ? Status() : Missing(path);
    if (path.text.starts_with(std::string(from.text) + "/"))
      return Invalid(fmt::format("\"{}\" cannot move into itself", from.text));
    Result<Value> value = Remove(from);
    return value ? Add(path, std::move(*value)) : value.error();
  }

  Status Copy(const Pointer& from, const Pointer& path) {
    if (from.tokens->empty()) return Whole();
    const Value* found = AtOrAbsent(from);
    if (!found) return Missing(from);
    copied_ += MemoryOf(*found);
    if (copied_ > kMaxCopied) return Error{Code::kTooLarge, "the patch copies more than 16 MiB"};
    return Add(path, *found);
  }

  Status Test(const Pointer& path, const Value& value) {
    const Value* found = AtOrAbsent(path);
    if (!found) return Missing(path);
    if (*found == value) return {};
    return Invalid(fmt::format("test failed: the value at \"{}\" is another", path.text));
  }

  Value document_;
  size_t copied_ = 0;
  size_t steps_ = 0;
};

}  // namespace

void MergePatch(Value& target, const Value& patch) {
  if (!patch.IsObject()) {
    target = patch;
    return;
  }
  // Both sides are sorted, so one pass does it: a member at a time would be quadratic for patches
  // with very many members.
  ObjectMembers old = target.TakeMembers();
  ObjectMembers merged;
  merged.reserve(old.size() + patch.size());
  auto own = old.begin();
  for (const Member& change : patch.Members()) {
    while (own != old.end() && own->key < change.key) merged.push_back(std::move(*own++));
    const bool known = own != old.end() && own->key == change.key;
    Value value = known ? std::move((own++)->value) : Value();
    if (change.value.IsNull()) continue;
    MergePatch(value, change.value);
    merged.push_back({change.key, std::move(value)});
  }
  merged.insert(merged.end(), std::make_move_iterator(own), std::make_move_iterator(old.end()));
  target = Value(std::move(merged));
}

Status JsonPatch(Value& target, const Value& operations) {
  if (!operations.IsArray()) return Invalid("a JSON patch must be an array of operations");
  if (operations.size() > kMaxOperations)
    return Error{Code::kTooLarge, fmt::format("a JSON patch of {} operations; at most {}",
                                              operations.size(), kMaxOperations)};
  Patching patching(target);
  for (size_t i = 0; i < operations.size(); ++i)
    if (Status done = patching.Apply(operations[i]); !done)
      return done.error().Within(fmt::format("JSON patch operation {}", i));
  target = patching.Take();
  return {};
}

const Value* AtPointer(const Value& value, std::string_view pointer) {
  const auto tokens = Tokens(pointer);
  if (!tokens) return nullptr;
  return Walk(value, {tokens->data(), tokens->data() + tokens->size()},
              [](std::string_view token, size_t size) {
                const std::optional<size_t> index = Index(token);
                return index && *index < size ? index : std::nullopt;
              });
}

}  // namespace leat::json
