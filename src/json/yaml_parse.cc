// Builds values straight from the YAML library's events: its own node graph would take several
// times the memory and would hide duplicate keys and quoting.
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <sstream>

#include "base/strings.h"
#include "json/yaml.h"
#include "json/yaml_scalar.h"

namespace leat::json {
namespace {

constexpr size_t kMaxDepth = 200;
constexpr size_t kMaxWeight = 1'000'000;
constexpr std::string_view kTagPrefix = "tag:yaml.org,2002:";

// Thrown through the library, which knows no other way to stop, and caught in ParseYaml.
struct TooLarge {};

[[noreturn]] void Fail(const YAML::Mark& mark, const std::string& problem) {
  throw YAML::ParserException(mark, problem);
}

// What a value costs to copy: one for each value and each 64 bytes of text.
struct Extent {
  size_t weight = 1;
  size_t depth = 0;
};

Extent ExtentOf(const Value& value) {
  Extent extent{.weight = 1 + value.AsString().size() / 64};
  const auto add = [&](const Value& child, size_t key_size) {
    const Extent inner = ExtentOf(child);
    extent.weight += inner.weight + key_size / 64;
    extent.depth = std::max(extent.depth, inner.depth + 1);
  };
  for (const Value& item : value.Items()) add(item, 0);
  for (const Member& member : value.Members()) add(member.value, member.key.size());
  return extent;
}

// The collection that is being read.
struct Frame {
  struct Entry {
    Member member;
    YAML::Mark mark;
    bool merged;  // came by <<: gives way to a member of its own
  };
  bool is_map = false;
  YAML::anchor_t anchor = 0;
  ArrayItems items;
  std::vector<Entry> entries;
  std::vector<Value> merges;  // the values of <<, in order
  bool has_key = false;       // the next value belongs to `key`, or to <<
  bool key_is_merge = false;
  std::string key;
  YAML::Mark key_mark;
};

class Builder : public YAML::EventHandler {
 public:
  explicit Builder(std::string_view text) : text_(text) {}

  std::vector<Value> Take() { return std::move(documents_); }

  // The library goes on after the end of a document with whatever comes, and stands still at some
  // characters; so only a new mark begins a new document.
  void OnDocumentStart(const YAML::Mark& mark) override {
    const size_t at = std::min(static_cast<size_t>(mark.pos), text_.size());
    if (!first_ && !text_.substr(at).starts_with("---"))
      Fail(mark, "text after the end of the document; a new one begins with ---");
    first_ = false;
    root_ = Value();
    anchored_.clear();
  }

  void OnDocumentEnd() override {
    if (!root_.IsNull()) documents_.push_back(std::move(root_));
  }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (WantsKey()) return SetKey(mark, "null", false);
    Finish(Value(), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchored_.find(anchor);
    if (found == anchored_.end()) Fail(mark, "an alias must not refer to what contains it");
    const auto& [value, extent] = found->second;
    if (WantsKey()) {
      if (!value.IsString()) Fail(mark, "a key must be a string");
      return SetKey(mark, value.Str(), false);
    }
    if (stack_.size() + extent.depth > kMaxDepth) Fail(mark, "nested deeper than 200 levels");
    Charge(extent.weight);
    Finish(value, 0);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    Charge(1 + text.size() / 64);
    // The library writes these two as bytes of Latin-1.
    if (!IsUtf8(text)) Fail(mark, R"(write the escapes \N and \_ as \u0085 and \u00a0)");
    if (!WantsKey()) return Finish(Typed(mark, tag, text), anchor);
    if (anchor != 0) Remember(anchor, Value(text));
    SetKey(mark, text, tag == "?" && text == "<<");
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(mark, tag, "seq", Frame{.is_map = false, .anchor = anchor});
  }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(mark, tag, "map", Frame{.is_map = true, .anchor = anchor});
  }

  void OnSequenceEnd() override {
    Frame frame = Close();
    Finish(Value(std::move(frame.items)), frame.anchor);
  }

  void OnMapEnd() override {
    Frame frame = Close();
    AddMerged(&frame);
    std::vector<Frame::Entry>& entries = frame.entries;
    std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
      return a.member.key.compare(b.member.key) < 0;
    });
    ObjectMembers members;
    members.reserve(entries.size());
    for (Frame::Entry& entry : entries) {
      if (members.empty() || members.back().key != entry.member.key) {
        members.push_back(std::move(entry.member));
      } else if (!entry.merged) {
        Fail(entry.mark, "the key \"" + entry.member.key + "\" is there twice");
      }
    }
    Finish(Value(std::move(members)), frame.anchor);
  }

 private:
  bool WantsKey() const {
    return !stack_.empty() && stack_.back().is_map && !stack_.back().has_key;
  }

  void Charge(size_t weight) {
    weight_ += weight;
    if (weight_ > kMaxWeight) throw TooLarge();
  }

  void SetKey(const YAML::Mark& mark, std::string text, bool is_merge) {
    Frame& frame = stack_.back();
    frame.has_key = true;
    frame.key_is_merge = is_merge;
    frame.key = std::move(text);
    frame.key_mark = mark;
  }

  void Open(const YAML::Mark& mark, const std::string& tag, std::string_view own_tag, Frame frame) {
    if (WantsKey()) Fail(mark, "a key must be a string, not a list or a map");
    if (stack_.size() == kMaxDepth) Fail(mark, "nested deeper than 200 levels");
    if (!tag.empty() && tag != "?" && tag != "!" &&
        tag != std::string(kTagPrefix) + std::string(own_tag))
      Fail(mark, "the tag " + tag + " is not supported here");
    Charge(1);
    stack_.push_back(std::move(frame));
  }

  Frame Close() {
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    return frame;
  }

  static void AddMerged(Frame* frame) {
    const auto add = [&](Value& map) {
      if (!map.IsObject()) Fail(frame->key_mark, "<< needs a map or a list of maps");
      for (const Member& member : map.Members())
        frame->entries.push_back({member, YAML::Mark::null_mark(), true});
    };
    for (Value& merge : frame->merges) {
      if (!merge.IsArray()) {
        add(merge);
        continue;
      }
      for (Value& item : merge.MutItems()) add(item);
    }
  }

  // A whole value was read: it goes to where the reader stands.
  void Finish(Value value, YAML::anchor_t anchor) {
    if (anchor != 0) Remember(anchor, value);
    if (stack_.empty()) {
      root_ = std::move(value);
      return;
    }
    Frame& frame = stack_.back();
    if (!frame.is_map) {
      frame.items.push_back(std::move(value));
      return;
    }
    frame.has_key = false;
    if (frame.key_is_merge) {
      frame.merges.push_back(std::move(value));
    } else {
      frame.entries.push_back({{std::move(frame.key), std::move(value)}, frame.key_mark, false});
    }
  }

  void Remember(YAML::anchor_t anchor, Value value) {
    const Extent extent = ExtentOf(value);
    Charge(extent.weight);
    anchored_[anchor] = {std::move(value), extent};
  }

  static Value Typed(const YAML::Mark& mark, const std::string& tag, const std::string& text) {
    if (tag == "!") return text;  // quoted or a block
    Value value = PlainScalar(text);
    const bool finite = value.kind() != Kind::kDouble || std::isfinite(value.AsDouble());
    if (tag == "?" || tag.empty()) {
      if (!finite) Fail(mark, text + " is not a number that JSON can hold; quote it to mean text");
      return value;
    }
    std::string_view type = tag;
    if (type.starts_with(kTagPrefix)) type.remove_prefix(kTagPrefix.size());
    if (type == "str" || type == "timestamp") return text;
    if (type == "float" && value.IsNumber() && finite) return value.AsDouble();
    if ((type == "int" && value.IsInt()) || (type == "bool" && value.IsBool()) ||
        (type == "null" && value.IsNull()))
      return value;
    Fail(mark, "\"" + text + "\" cannot be read as " + tag);
  }

  const std::string_view text_;
  bool first_ = true;
  std::vector<Value> documents_;
  Value root_;
  std::vector<Frame> stack_;
  std::map<YAML::anchor_t, std::pair<Value, Extent>> anchored_;
  size_t weight_ = 0;
};

Error Invalid(int line_from_0, const std::string& problem) {
  return {Code::kInvalid, "YAML line " + std::to_string(line_from_0 + 1) + ": " + problem};
}

// The library takes some control characters for the end of the text, and any bytes for text.
Status CheckCharacters(std::string_view text) {
  int line = 0;
  for (const std::string_view row : Split(text, '\n')) {
    for (const unsigned char c : row)
      if (c < 0x20 && c != '\t' && c != '\r') return Invalid(line, "control character");
    if (!IsUtf8(row)) return Invalid(line, "not UTF-8");
    ++line;
  }
  return {};
}

// The library takes a quoted text that a line end and then nothing follow for complete; an explicit
// end of the document makes it notice the missing quote.
std::string WithEnd(std::string_view text) {
  const size_t last = text.find_last_not_of(" \t");
  std::string ended(text);
  if (last != text.npos && (text[last] == '\n' || text[last] == '\r'))
    ended += text.back() == '\n' ? "...\n" : "\n...\n";
  return ended;
}

}  // namespace

Result<std::vector<Value>> ParseYaml(std::string_view text, size_t max_bytes) {
  if (text.size() > max_bytes)
    return Error{Code::kTooLarge, "YAML of " + std::to_string(text.size()) + " bytes; at most " +
                                      std::to_string(max_bytes)};
  if (text.starts_with("\uFEFF")) text.remove_prefix(3);
  if (Status characters = CheckCharacters(text); !characters) return characters.error();
  // JSON is almost YAML: a manifest in JSON is read as such, fast and with its own escapes.
  if (Trim(text).starts_with('{')) {
    std::vector<std::string> duplicates;
    Result<Value> value = Parse(text, max_bytes, &duplicates);
    if (value && duplicates.empty()) return std::vector<Value>{std::move(*value)};
    if (value) return Error{Code::kInvalid, "the key \"" + duplicates[0] + "\" is there twice"};
  }
  try {
    std::istringstream stream(WithEnd(text));
    YAML::Parser parser(stream);
    Builder builder(text);
    while (parser.HandleNextDocument(builder)) {
    }
    return builder.Take();
  } catch (const TooLarge&) {
    return Error{Code::kTooLarge, "YAML of more than 1,000,000 values (aliases count in full)"};
  } catch (const YAML::Exception& e) {
    return Invalid(e.mark.line, e.msg);
  }
}

}  // namespace leat::json
