#include <algorithm>

#include "base/strings.h"
#include "json/yaml.h"
#include "json/yaml_scalar.h"

namespace leat::json {
namespace {

constexpr size_t kStep = 2;
// YAML takes a key on one line only up to 1024 characters.
constexpr size_t kMaxSimpleKey = 1000;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsPrintable(char c) { return c >= 0x20 && c <= 0x7E; }

// Whether any reader takes the unquoted text as this same string. It errs on the side of no.
bool IsSafePlain(std::string_view text) {
  if (text.empty() || !std::all_of(text.begin(), text.end(), IsPrintable)) return false;
  const char first = text.front();
  if (!IsDigit(first) && !IsLetter(first) && std::string_view("_/.-+$(").find(first) == text.npos)
    return false;
  if (text.starts_with("- ") || text == "-" || text.starts_with("---") || text.starts_with("..."))
    return false;
  if (text.back() == ' ' || text.back() == ':' || text.find(": ") != text.npos ||
      text.find(" #") != text.npos)
    return false;
  // YAML 1.1 reads 12:30:45 as a number and 2024-05-01 as a date.
  const bool number_like = IsDigit(first) || first == '-' || first == '+';
  if (number_like && text.find(':') != text.npos) return false;
  if (std::all_of(text.begin(), text.begin() + std::min<ptrdiff_t>(4, std::ssize(text)), IsDigit) &&
      text.size() > 4 && text[4] == '-')
    return false;
  return PlainScalar(text).IsString();
}

// Whether a `|` block holds the text as it is.
bool IsSafeBlock(std::string_view text) {
  if (text.find('\n') == text.npos || text.front() == '\n' || text.front() == ' ') return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return IsPrintable(c) || c == '\n'; });
}

// JSON's quoting is also YAML's, but for some characters that YAML wants escaped.
std::string Quoted(std::string_view text) {
  static constexpr std::pair<std::string_view, std::string_view> kEscapes[] = {
      {"\x7F", "\\u007f"},         {"\xE2\x80\xA8", "\\u2028"}, {"\xE2\x80\xA9", "\\u2029"},
      {"\xEF\xBB\xBF", "\\ufeff"}, {"\xEF\xBF\xBE", "\\ufffe"}, {"\xEF\xBF\xBF", "\\uffff"}};
  const std::string json = Print(Value(text));
  std::string quoted;
  for (std::string_view rest = json; !rest.empty();) {
    const auto* const escape =
        std::find_if(std::begin(kEscapes), std::end(kEscapes),
                     [&](const auto& known) { return rest.starts_with(known.first); });
    if (escape != std::end(kEscapes)) {
      quoted += escape->second;
      rest.remove_prefix(escape->first.size());
    } else if (rest.starts_with('\xC2') && static_cast<unsigned char>(rest[1]) < 0xA0) {
      quoted += "\\u00" + HexEncode(rest.substr(1, 1));  // U+0080 to U+009F
      rest.remove_prefix(2);
    } else {
      quoted += rest.front();
      rest.remove_prefix(1);
    }
  }
  return quoted;
}

std::string OneLine(std::string_view text) {
  return IsSafePlain(text) ? std::string(text) : Quoted(text);
}

class YamlPrinter {
 public:
  std::string Run(const Value& value) {
    if (value.IsObject() && !value.empty()) {
      PrintMembers(value, 0);
    } else if (value.IsArray() && !value.empty()) {
      PrintItems(value, 0);
    } else {
      PrintScalar(value, kStep);
    }
    return std::move(out_);
  }

 private:
  // Both begin where the reader stands and indent from the second line on.
  void PrintMembers(const Value& object, size_t indent) {
    bool first = true;
    for (const Member& member : object.Members()) {
      if (!first) out_.append(indent, ' ');
      first = false;
      const std::string key = OneLine(member.key);
      if (key.size() <= kMaxSimpleKey) {
        out_.append(key).append(":");
      } else {
        out_.append("? ").append(key).append("\n").append(indent, ' ').append(":");
      }
      PrintAfterKey(member.value, indent);
    }
  }

  void PrintItems(const Value& array, size_t indent) {
    bool first = true;
    for (const Value& item : array.Items()) {
      if (!first) out_.append(indent, ' ');
      first = false;
      out_ += "- ";
      if (item.IsObject() && !item.empty()) {
        PrintMembers(item, indent + kStep);
      } else if (item.IsArray() && !item.empty()) {
        PrintItems(item, indent + kStep);
      } else {
        PrintScalar(item, indent + kStep);
      }
    }
  }

  void PrintAfterKey(const Value& value, size_t indent) {
    if (value.IsObject() && !value.empty()) {
      out_.append("\n").append(indent + kStep, ' ');
      PrintMembers(value, indent + kStep);
    } else if (value.IsArray() && !value.empty()) {
      out_.append("\n").append(indent, ' ');
      PrintItems(value, indent);
    } else {
      out_ += ' ';
      PrintScalar(value, indent + kStep);
    }
  }

  void PrintScalar(const Value& value, size_t block_indent) {
    if (!value.IsString()) {
      out_.append(Print(value)).append("\n");
    } else if (IsSafeBlock(value.AsString())) {
      PrintBlock(value.AsString(), block_indent);
    } else {
      out_.append(OneLine(value.AsString())).append("\n");
    }
  }

  void PrintBlock(std::string_view text, size_t indent) {
    const bool ends = text.ends_with('\n');
    out_ += !ends ? "|-\n" : text.ends_with("\n\n") ? "|+\n" : "|\n";
    if (ends) text.remove_suffix(1);
    for (const std::string_view line : Split(text, '\n')) {
      if (!line.empty()) out_.append(indent, ' ').append(line);
      out_ += '\n';
    }
  }

  std::string out_;
};

}  // namespace

std::string PrintYaml(const Value& value) { return YamlPrinter().Run(value); }

}  // namespace leat::json
