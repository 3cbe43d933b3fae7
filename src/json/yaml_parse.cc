// Builds values straight from the YAML library's events, which come while it reads: what is nested
// too deep, or grows too large, is refused as soon as it is seen.
#include <yaml.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/strings.h"
#include "json/yaml.h"
#include "json/yaml_scalar.h"

namespace leat::json {
namespace {

constexpr size_t kMaxDepth = 200;
constexpr size_t kMaxWeight = 1'000'000;
// The library compares each %TAG with all before it.
constexpr size_t kMaxTagDirectives = 100;
constexpr std::string_view kTagPrefix = "tag:yaml.org,2002:";

Error Invalid(size_t line_from_0, const std::string& problem) {
  return {Code::kInvalid, "YAML line " + std::to_string(line_from_0 + 1) + ": " + problem};
}
Error Invalid(const yaml_mark_t& mark, const std::string& problem) {
  return Invalid(mark.line, problem);
}

std::string Text(const yaml_char_t* text) {
  return text == nullptr ? "" : reinterpret_cast<const char*>(text);
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
    yaml_mark_t mark;
    bool merged;  // came by <<: gives way to a member of its own
  };
  bool is_map = false;
  std::string anchor;  // "" without one
  ArrayItems items;
  std::vector<Entry> entries;
  std::vector<Value> merges;  // the values of <<, in order
  bool has_key = false;       // the next value belongs to `key`, or to <<
  bool key_is_merge = false;
  std::string key;
  yaml_mark_t key_mark{};
};

class Builder {
 public:
  std::vector<Value> Take() { return std::move(documents_); }

  Status Add(const yaml_event_t& event) {
    const yaml_mark_t& mark = event.start_mark;
    switch (event.type) {
      case YAML_DOCUMENT_START_EVENT:
        root_ = Value();
        anchored_.clear();
        return {};
      case YAML_DOCUMENT_END_EVENT:
        if (!root_.IsNull()) documents_.push_back(std::move(root_));
        return {};
      case YAML_ALIAS_EVENT:
        return OnAlias(mark, Text(event.data.alias.anchor));
      case YAML_SCALAR_EVENT:
        return OnScalar(mark, event);
      case YAML_SEQUENCE_START_EVENT:
        return Open(mark, Text(event.data.sequence_start.tag), "seq",
                    {.is_map = false, .anchor = Text(event.data.sequence_start.anchor)});
      case YAML_MAPPING_START_EVENT:
        return Open(mark, Text(event.data.mapping_start.tag), "map",
                    {.is_map = true, .anchor = Text(event.data.mapping_start.anchor)});
      case YAML_SEQUENCE_END_EVENT: {
        Frame frame = Close();
        return Finish(Value(std::move(frame.items)), frame.anchor);
      }
      case YAML_MAPPING_END_EVENT:
        return OnMapEnd();
      case YAML_STREAM_START_EVENT:
      case YAML_STREAM_END_EVENT:
      case YAML_NO_EVENT:
        return {};
    }
    return {};
  }

 private:
  Status OnAlias(const yaml_mark_t& mark, const std::string& anchor) {
    const bool open = std::any_of(stack_.begin(), stack_.end(),
                                  [&](const Frame& frame) { return frame.anchor == anchor; });
    if (open) return Invalid(mark, "an alias must not refer to what contains it");
    const auto found = anchored_.find(anchor);
    if (found == anchored_.end())
      return Invalid(mark, "the alias *" + anchor + " refers to nothing before it");
    const auto& [value, extent] = found->second;
    if (WantsKey()) {
      if (!value.IsString()) return Invalid(mark, "a key must be a string");
      if (auto room = Charge(extent.weight); !room) return room;
      SetKey(mark, value.Str(), false);
      return {};
    }
    if (stack_.size() + extent.depth > kMaxDepth) return TooDeep(mark);
    if (auto room = Charge(extent.weight); !room) return room;
    return Finish(value, "");
  }

  Status OnScalar(const yaml_mark_t& mark, const yaml_event_t& event) {
    const auto& scalar = event.data.scalar;
    std::string text(reinterpret_cast<const char*>(scalar.value), scalar.length);
    if (auto room = Charge(1 + text.size() / 64); !room) return room;
    const bool plain = scalar.style == YAML_PLAIN_SCALAR_STYLE && scalar.tag == nullptr;
    const std::string anchor = Text(scalar.anchor);
    if (!WantsKey()) {
      auto value = plain ? TypedPlain(mark, text) : Tagged(mark, Text(scalar.tag), text);
      if (!value) return value.error();
      return Finish(std::move(*value), anchor);
    }
    if (plain && PlainScalar(text).IsNull()) text = "null";
    if (!anchor.empty())
      if (auto kept = Remember(anchor, Value(text)); !kept) return kept;
    const bool is_merge = plain && text == "<<";
    SetKey(mark, std::move(text), is_merge);
    return {};
  }

  Status OnMapEnd() {
    Frame frame = Close();
    if (auto merged = AddMerged(&frame); !merged) return merged;
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
        return Invalid(entry.mark, "the key \"" + entry.member.key + "\" is there twice");
      }
    }
    return Finish(Value(std::move(members)), frame.anchor);
  }

  bool WantsKey() const {
    return !stack_.empty() && stack_.back().is_map && !stack_.back().has_key;
  }

  static Error TooDeep(const yaml_mark_t& mark) {
    return Invalid(mark, "nested deeper than 200 levels");
  }

  Status Charge(size_t weight) {
    weight_ += weight;
    if (weight_ <= kMaxWeight) return {};
    return Error{Code::kTooLarge, "YAML of more than 1,000,000 values (aliases count in full)"};
  }

  void SetKey(const yaml_mark_t& mark, std::string text, bool is_merge) {
    Frame& frame = stack_.back();
    frame.has_key = true;
    frame.key_is_merge = is_merge;
    frame.key = std::move(text);
    frame.key_mark = mark;
  }

  Status Open(const yaml_mark_t& mark, const std::string& tag, std::string_view own_tag,
              Frame frame) {
    if (WantsKey()) return Invalid(mark, "a key must be a string, not a list or a map");
    if (stack_.size() == kMaxDepth) return TooDeep(mark);
    if (!tag.empty() && tag != "!" && tag != std::string(kTagPrefix) + std::string(own_tag))
      return Invalid(mark, "the tag " + tag + " is not supported here");
    if (auto room = Charge(1); !room) return room;
    stack_.push_back(std::move(frame));
    return {};
  }

  Frame Close() {
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    return frame;
  }

  static Status AddMerged(Frame* frame) {
    for (Value& merge : frame->merges) {
      ArrayItems one;
      if (!merge.IsArray()) one.push_back(std::move(merge));
      for (Value& map : merge.IsArray() ? merge.MutItems() : one) {
        if (!map.IsObject()) return Invalid(frame->key_mark, "<< needs a map or a list of maps");
        for (const Member& member : map.Members())
          frame->entries.push_back({member, yaml_mark_t{}, true});
      }
    }
    return {};
  }

  // A whole value was read: it goes to where the reader stands.
  Status Finish(Value value, const std::string& anchor) {
    if (!anchor.empty())
      if (auto kept = Remember(anchor, value); !kept) return kept;
    if (stack_.empty()) {
      root_ = std::move(value);
      return {};
    }
    Frame& frame = stack_.back();
    if (!frame.is_map) {
      frame.items.push_back(std::move(value));
      return {};
    }
    frame.has_key = false;
    if (frame.key_is_merge) {
      frame.merges.push_back(std::move(value));
    } else {
      frame.entries.push_back({{std::move(frame.key), std::move(value)}, frame.key_mark, false});
    }
    return {};
  }

  Status Remember(const std::string& anchor, Value value) {
    const Extent extent = ExtentOf(value);
    if (auto room = Charge(extent.weight); !room) return room;
    anchored_[anchor] = {std::move(value), extent};
    return {};
  }

  static Result<Value> TypedPlain(const yaml_mark_t& mark, const std::string& text) {
    Value value = PlainScalar(text);
    if (value.kind() == Kind::kDouble && !std::isfinite(value.AsDouble()))
      return Invalid(mark, text + " is not a number that JSON can hold; quote it to mean text");
    return value;
  }

  // Quoted, a block, or with a tag of its own.
  static Result<Value> Tagged(const yaml_mark_t& mark, const std::string& tag,
                              const std::string& text) {
    std::string_view type = tag;
    if (type.starts_with(kTagPrefix)) type.remove_prefix(kTagPrefix.size());
    if (type.empty() || type == "!" || type == "str" || type == "timestamp") return Value(text);
    const Value value = PlainScalar(text);
    if (type == "float" && value.IsNumber() && std::isfinite(value.AsDouble()))
      return Value(value.AsDouble());
    if ((type == "int" && value.IsInt()) || (type == "bool" && value.IsBool()) ||
        (type == "null" && value.IsNull()))
      return value;
    return Invalid(mark, "\"" + text + "\" cannot be read as " + tag);
  }

  std::vector<Value> documents_;
  Value root_;
  std::vector<Frame> stack_;
  std::map<std::string, std::pair<Value, Extent>> anchored_;
  size_t weight_ = 0;
};

// What the library would read otherwise than it is meant, or slowly.
Status CheckText(std::string_view text) {
  size_t line = 0, tag_directives = 0;
  for (const std::string_view row : Split(text, '\n')) {
    for (const unsigned char c : row)
      if (c < 0x20 && c != '\t' && c != '\r') return Invalid(line, "control character");
    if (!IsUtf8(row)) return Invalid(line, "not UTF-8");
    if (row.starts_with("%TAG") && ++tag_directives > kMaxTagDirectives)
      return Invalid(line, "more than " + std::to_string(kMaxTagDirectives) + " %TAG directives");
    ++line;
  }
  return {};
}

// The library's parser, and the event it gave last.
class Events {
 public:
  explicit Events(std::string_view text) {
    LEAT_CHECK(yaml_parser_initialize(&parser_) == 1, "out of memory");
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                 text.size());
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
  }
  ~Events() {
    yaml_event_delete(&event_);
    yaml_parser_delete(&parser_);
  }
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  // Valid until the next call.
  Result<const yaml_event_t*> Next() {
    yaml_event_delete(&event_);
    if (yaml_parser_parse(&parser_, &event_) == 1) return &event_;
    const char* const problem = parser_.problem == nullptr ? "malformed" : parser_.problem;
    if (std::string_view(problem) == "did not find expected <document start>")
      return Invalid(parser_.problem_mark,
                     "text after the end of the document; a new one begins with ---");
    return Invalid(parser_.problem_mark, problem);
  }

 private:
  yaml_parser_t parser_{};
  yaml_event_t event_{};
};

}  // namespace

Result<std::vector<Value>> ParseYaml(std::string_view text, size_t max_bytes) {
  if (text.size() > max_bytes)
    return Error{Code::kTooLarge, "YAML of " + std::to_string(text.size()) + " bytes; at most " +
                                      std::to_string(max_bytes)};
  if (text.starts_with("\uFEFF")) text.remove_prefix(3);
  if (Status checked = CheckText(text); !checked) return checked.error();
  // JSON is almost YAML: a manifest in JSON is read as such, fast and with its own escapes.
  if (Trim(text).starts_with('{')) {
    std::vector<std::string> duplicates;
    Result<Value> value = Parse(text, max_bytes, &duplicates);
    if (value && duplicates.empty()) return std::vector<Value>{std::move(*value)};
    if (value) return Error{Code::kInvalid, "the key \"" + duplicates[0] + "\" is there twice"};
  }
  Events events(text);
  Builder builder;
  while (true) {
    const auto event = events.Next();
    if (!event) return event.error();
    if ((*event)->type == YAML_STREAM_END_EVENT) return builder.Take();
    if (auto added = builder.Add(**event); !added) return added.error();
  }
}

}  // namespace leat::json
