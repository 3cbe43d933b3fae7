#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/strings.h"
#include "json/value.h"

namespace leat::json {
namespace {

// Each byte that does not begin a UTF-8 sequence becomes U+FFFD.
std::string Repaired(std::string_view text) {
  std::string repaired;
  while (!text.empty()) {
    size_t length = 1;
    while (length <= 4 && !IsUtf8(text.substr(0, length))) ++length;
    if (length > 4) {
      repaired += "\uFFFD";
      length = 1;
    } else {
      repaired += text.substr(0, length);
    }
    text.remove_prefix(std::min(length, text.size()));
  }
  return repaired;
}

class Printer {
 public:
  explicit Printer(bool pretty) : pretty_(pretty) {}

  std::string Run(const Value& value) {
    PrintValue(value);
    return std::move(out_);
  }

 private:
  void PrintValue(const Value& value) {
    switch (value.kind()) {
      case Kind::kNull:
        out_ += "null";
        return;
      case Kind::kBool:
        out_ += value.AsBool() ? "true" : "false";
        return;
      case Kind::kInt:
        PrintNumber(value.AsInt());
        return;
      case Kind::kDouble:
        PrintDouble(value.AsDouble());
        return;
      case Kind::kString:
        PrintString(value.AsString());
        return;
      case Kind::kArray:
        PrintArray(value.Items());
        return;
      case Kind::kObject:
        PrintObject(value.Members());
        return;
    }
  }

  template <class Number>
  void PrintNumber(Number number) {
    char text[32];  // the longest shortest double has 24 characters
    out_.append(text, std::to_chars(text, text + sizeof text, number).ptr);
  }

  void PrintDouble(double number) {
    if (!std::isfinite(number)) {
      out_ += "null";
    } else if (number == 0 && std::signbit(number)) {
      out_ += "-0.0";  // "-0" would read back as the integer 0
    } else if (std::abs(number) < 9e18 && number == std::trunc(number)) {
      PrintNumber(static_cast<int64_t>(number));  // 1000000, not 1e+06
    } else {
      PrintNumber(number);
    }
  }

  void PrintArray(const ArrayItems& items) {
    Open('[');
    for (size_t i = 0; i < items.size(); ++i) {
      Separate(i == 0);
      PrintValue(items[i]);
    }
    Close(']', items.empty());
  }

  void PrintObject(const ObjectMembers& members) {
    Open('{');
    for (size_t i = 0; i < members.size(); ++i) {
      Separate(i == 0);
      PrintString(members[i].key);
      out_ += pretty_ ? ": " : ":";
      PrintValue(members[i].value);
    }
    Close('}', members.empty());
  }

  void Open(char bracket) {
    out_ += bracket;
    ++depth_;
  }

  void Separate(bool first) {
    if (!first) out_ += ',';
    if (pretty_) out_.append("\n").append(2 * depth_, ' ');
  }

  void Close(char bracket, bool empty) {
    --depth_;
    if (pretty_ && !empty) out_.append("\n").append(2 * depth_, ' ');
    out_ += bracket;
  }

  void PrintString(std::string_view text) {
    bool ascii = true;
    for (const char c : text) ascii = ascii && static_cast<signed char>(c) >= 0;
    out_ += '"';
    if (ascii || IsUtf8(text)) {
      PrintEscaped(text);
    } else {
      PrintEscaped(Repaired(text));
    }
    out_ += '"';
  }

  void PrintEscaped(std::string_view text) {
    size_t run = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      const unsigned char c = static_cast<unsigned char>(text[i]);
      if (c >= 0x20 && c != '"' && c != '\\') continue;
      out_.append(text, run, i - run);
      run = i + 1;
      PrintEscape(c);
    }
    out_.append(text, run);
  }

  void PrintEscape(unsigned char c) {
    switch (c) {
      case '"':
        out_ += "\\\"";
        return;
      case '\\':
        out_ += "\\\\";
        return;
      case '\b':
        out_ += "\\b";
        return;
      case '\f':
        out_ += "\\f";
        return;
      case '\n':
        out_ += "\\n";
        return;
      case '\r':
        out_ += "\\r";
        return;
      case '\t':
        out_ += "\\t";
        return;
      default:
        out_ += "\\u00";
        out_ += "0123456789abcdef"[c >> 4];
        out_ += "0123456789abcdef"[c & 15];
    }
  }

  const bool pretty_;
  size_t depth_ = 0;
  std::string out_;
};

}  // namespace

std::string Print(const Value& value) { return Printer(false).Run(value); }
std::string PrintPretty(const Value& value) { return Printer(true).Run(value); }

}  // namespace leat::json
