#include "api/builtin.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/strings.h"

namespace leat::api {
namespace {

using Words = std::vector<std::string_view>;

// Blank-separated words; "quoted text" is one word without the quotes; '#' starts a comment.
Words SplitWords(std::string_view line) {
  Words words;
  for (size_t i = 0; i < line.size();) {
    if (line[i] == ' ' || line[i] == '\t') {
      ++i;
      continue;
    }
    if (line[i] == '#') break;
    const bool quoted = line[i] == '"';
    const size_t start = quoted ? i + 1 : i;
    const size_t end = std::min(line.find(quoted ? '"' : ' ', start), line.size());
    words.push_back(line.substr(start, end - start));
    i = end + 1;
  }
  return words;
}

// A block of the text: an object, or a kind with its group.
struct Block {
  std::string_view group_version;
  Words head;  // "object Name {" or "kind Name plural attrs... {"
  std::vector<Words> lines;
};

std::vector<Block> SplitBlocks(std::string_view text) {
  std::vector<Block> blocks;
  std::string_view group;
  bool open = false;
  for (const std::string_view line : Split(text, '\n')) {
    Words words = SplitWords(line);
    if (words.empty()) continue;
    if (open && words[0] == "}") {
      open = false;
    } else if (open) {
      blocks.back().lines.push_back(std::move(words));
    } else if (words[0] == "group") {
      group = words.at(1);
    } else {
      LEAT_CHECK(words.back() == "{", fmt::format("built-in row: {}", line));
      words.pop_back();
      blocks.push_back({group, std::move(words), {}});
      open = true;
    }
  }
  LEAT_CHECK(!open, "a built-in row is not closed");
  return blocks;
}

json::Value ParseLiteral(std::string_view text) {
  Result<json::Value> value = json::Parse(text);
  LEAT_CHECK(value.has_value(), fmt::format("built-in rows: bad literal {}", text));
  return std::move(*value);
}

const std::map<std::string_view, SchemaType>& Scalars() {
  static const std::map<std::string_view, SchemaType> scalars = {
      {"string", SchemaType::kString},      {"bool", SchemaType::kBoolean},
      {"int32", SchemaType::kInteger},      {"int64", SchemaType::kInteger},
      {"double", SchemaType::kNumber},      {"time", SchemaType::kTime},
      {"bytes", SchemaType::kBytes},        {"quantity", SchemaType::kQuantity},
      {"intstr", SchemaType::kIntOrString}, {"any", SchemaType::kAny}};
  return scalars;
}

// What Go writes for a member that nobody set; null for all but the simple types.
json::Value ZeroOf(SchemaType type) {
  if (type == SchemaType::kString) return "";
  if (type == SchemaType::kInteger) return 0;
  return type == SchemaType::kBoolean ? json::Value(false) : json::Value();
}

class RowParser {
 public:
  explicit RowParser(const std::vector<std::string_view>& texts) {
    for (const std::string_view text : texts)
      for (Block& block : SplitBlocks(text)) blocks_.push_back(std::move(block));
    for (const Block& block : blocks_)
      if (block.head[0] == "object") objects_[block.head.at(1)] = &block;
  }
  SchemaPtr Object(std::string_view name);
  std::vector<TypePtr> Rows();

 private:
  SchemaPtr TypeOf(std::string_view type);
  SchemaPtr WithAttributes(std::string_view type, const Words& words, Field& field);
  void AddField(const Words& words, Schema& schema);
  void AddKind(const Block& block, std::vector<std::shared_ptr<Type>>& rows);
  std::shared_ptr<Schema> Fields(const Block& block);

  std::vector<Block> blocks_;
  std::map<std::string_view, const Block*> objects_;
  std::map<std::string, SchemaPtr, std::less<>> made_;
  std::set<std::string_view> making_;
};

SchemaPtr RowParser::Object(std::string_view name) {
  if (const auto at = made_.find(name); at != made_.end()) return at->second;
  const auto block = objects_.find(name);
  LEAT_CHECK(block != objects_.end(), fmt::format("built-in rows: no object {}", name));
  // A type inside itself (JSONSchemaProps) is anything there.
  if (!making_.insert(name).second) return std::make_shared<Schema>();
  SchemaPtr schema = Fields(*block->second);
  making_.erase(name);
  made_[std::string(name)] = schema;
  return schema;
}

SchemaPtr RowParser::TypeOf(std::string_view type) {
  if (const auto at = made_.find(type); at != made_.end()) return at->second;
  auto schema = std::make_shared<Schema>();
  if (const auto scalar = Scalars().find(type); scalar != Scalars().end()) {
    schema->type = scalar->second;
    if (type == "int32" || type == "int64") schema->format = type;
  } else if (type.starts_with("[]")) {
    schema->type = SchemaType::kArray;
    schema->items = TypeOf(type.substr(2));
  } else if (type.starts_with("map[")) {
    schema->type = SchemaType::kMap;
    auto items = std::make_shared<Schema>(*TypeOf(type.substr(4, type.size() - 5)));
    // In Go, null leaves a string as it was made.
    if (items->type == SchemaType::kString) items->default_value = "";
    schema->items = std::move(items);
  } else {
    return Object(type);
  }
  made_[std::string(type)] = schema;
  return schema;
}

SchemaPtr RowParser::WithAttributes(std::string_view type, const Words& words, Field& field) {
  const SchemaPtr plain = TypeOf(type);
  if (words.size() <= 3) return plain;
  auto schema = std::make_shared<Schema>(*plain);
  for (size_t i = 3; i < words.size(); ++i) {
    const auto [name, value] = Cut(words[i], "=").value_or(std::pair(words[i], ""));
    if (name == "required") {
      field.required = true;
    } else if (name == "always") {
      field.always = true;
      schema->default_value = ZeroOf(schema->type);
    } else if (name == "default") {
      schema->default_value = ParseLiteral(value);
    } else if (name == "enum") {
      for (const std::string_view one : Split(value, '|')) schema->enum_values.emplace_back(one);
    } else if (name == "min") {
      schema->minimum = ParseLiteral(value).AsDouble();
    } else if (name == "max") {
      schema->maximum = ParseLiteral(value).AsDouble();
    } else if (name == "merge") {
      schema->merge_key = value;
    } else if (name == "map") {
      for (const std::string_view key : Split(value, ',')) schema->map_keys.emplace_back(key);
    } else if (name == "primitives") {
      schema->merge_primitives = true;
    } else if (name == "retain") {
      schema->replace_keys = true;
    } else if (name == "set") {
      schema->is_set = true;
    } else if (name == "nullable") {
      schema->nullable = true;
    } else if (name == "embedded") {
      schema->embedded_object = true;
    } else {
      LEAT_CHECK(false, fmt::format("built-in rows: no attribute {}", words[i]));
    }
  }
  return schema;
}

void RowParser::AddField(const Words& words, Schema& schema) {
  LEAT_CHECK(words.size() >= 3, fmt::format("built-in rows: field {}", Join(words, " ")));
  if (words[0] == "inline") {
    const Result<int64_t> number = ParseInt(words[2]);
    LEAT_CHECK(number.has_value(), fmt::format("built-in rows: {}", Join(words, " ")));
    for (Field field : Object(words[1])->fields) {
      field.inline_number = static_cast<int>(*number);
      schema.fields.push_back(std::move(field));
    }
    return;
  }
  const Result<int64_t> number = ParseInt(words[1]);
  LEAT_CHECK(number.has_value(), fmt::format("built-in rows: {}", Join(words, " ")));
  Field field{.name = std::string(words[0]), .number = static_cast<int>(*number)};
  field.schema = WithAttributes(words[2], words, field);
  schema.fields.push_back(std::move(field));
}

std::shared_ptr<Schema> RowParser::Fields(const Block& block) {
  auto schema = std::make_shared<Schema>();
  schema->type = SchemaType::kObject;
  for (const Words& words : block.lines)
    if (words[0] != "column") AddField(words, *schema);
  std::sort(schema->fields.begin(), schema->fields.end(),
            [](const Field& a, const Field& b) { return a.name < b.name; });
  return schema;
}

// `column NAME TYPE [wide] DESCRIPTION`
std::vector<PrinterColumn> ColumnsOf(const Block& block) {
  std::vector<PrinterColumn> columns;
  for (const Words& words : block.lines) {
    if (words[0] != "column") continue;
    PrinterColumn column{.name = std::string(words.at(1)), .type = std::string(words.at(2))};
    const bool wide = words.at(3) == "wide";
    column.priority = wide ? 1 : 0;
    column.format = column.name == "Name" ? "name" : "";
    column.description = words.at(wide ? 4 : 3);
    columns.push_back(std::move(column));
  }
  return columns;
}

std::vector<std::string> Strings(std::string_view list) {
  std::vector<std::string> strings;
  for (const std::string_view one : Split(list, ',')) strings.emplace_back(one);
  return strings;
}

void RowParser::AddKind(const Block& block, std::vector<std::shared_ptr<Type>>& rows) {
  const auto [group, version] =
      Cut(block.group_version, "/").value_or(std::pair("", block.group_version));
  TypeVersion made{.name = std::string(version)};
  std::shared_ptr<Schema> schema = Fields(block);
  for (const char* key : {"apiVersion", "kind"})
    schema->fields.push_back({.name = key, .schema = TypeOf("string")});
  schema->fields.push_back({.name = "metadata", .number = 1, .schema = Object("ObjectMeta")});
  std::sort(schema->fields.begin(), schema->fields.end(),
            [](const Field& a, const Field& b) { return a.name < b.name; });
  made.schema = std::move(schema);
  made.columns = ColumnsOf(block);

  Type type;
  type.group = group;
  type.kind = block.head.at(1);
  type.list_kind = type.kind + "List";
  type.plural = block.head.at(2);
  type.singular = Lower(type.kind);
  type.namespaced = false;
  for (size_t i = 3; i < block.head.size(); ++i) {
    const auto [name, value] = Cut(block.head[i], "=").value_or(std::pair(block.head[i], ""));
    if (name == "short") type.short_names = Strings(value);
    if (name == "category") type.categories = Strings(value);
    if (name == "namespaced") type.namespaced = true;
    if (name == "status") made.status_subresource = true;
    if (name == "served-only") made.storage = false;
    if (name == "body-only") made.served = made.storage = false;
  }
  for (const std::shared_ptr<Type>& row : rows) {
    if (row->group != type.group || row->kind != type.kind) continue;
    row->versions.push_back(std::move(made));
    return;
  }
  type.versions.push_back(std::move(made));
  rows.push_back(std::make_shared<Type>(std::move(type)));
}

std::vector<TypePtr> RowParser::Rows() {
  std::vector<std::shared_ptr<Type>> rows;
  for (const Block& block : blocks_)
    if (block.head[0] == "kind") AddKind(block, rows);
  return {rows.begin(), rows.end()};
}

}  // namespace

std::vector<TypePtr> ParseRows(const std::vector<std::string_view>& texts) {
  return RowParser(texts).Rows();
}

SchemaPtr ObjectMetaSchema() {
  static const SchemaPtr schema = RowParser({MetaRows()}).Object("ObjectMeta");
  return schema;
}

}  // namespace leat::api
