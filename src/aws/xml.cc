#include "aws/xml.h"

#include <fmt/format.h>

#include <cctype>
#include <cstdint>
#include <optional>

#include "base/strings.h"
#include "base/utf8.h"

namespace leat::aws {
namespace {

constexpr int kMaxDepth = 32;

// The number of "#38" or "#x26"; nullopt when it is none or not a character.
std::optional<uint32_t> CharacterReference(std::string_view entity) {
  if (!entity.starts_with('#')) return std::nullopt;
  entity.remove_prefix(1);
  const uint32_t base = entity.starts_with('x') ? 16 : 10;
  if (base == 16) entity.remove_prefix(1);
  if (entity.empty() || entity.size() > 7) return std::nullopt;
  uint32_t rune = 0;
  for (const char c : entity) {
    const auto u = static_cast<unsigned char>(c);
    if (base == 16 ? !std::isxdigit(u) : !std::isdigit(u)) return std::nullopt;
    const uint32_t digit = std::isdigit(u) ? u - '0' : (u | 0x20) - 'a' + 10;
    rune = rune * base + digit;
  }
  const bool surrogate = rune >= 0xd800 && rune <= 0xdfff;
  if (rune == 0 || rune > 0x10ffff || surrogate) return std::nullopt;
  return rune;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<XmlNode> Document() {
    Consume("\xef\xbb\xbf");
    if (auto skipped = SkipMisc(); !skipped) return skipped.error();
    XmlNode root;
    if (auto parsed = Element(root, 0); !parsed) return parsed.error();
    if (auto skipped = SkipMisc(); !skipped) return skipped.error();
    if (at_ != text_.size()) return Fail("text after the root element");
    return root;
  }

 private:
  Error Fail(std::string_view what) const {
    return {Code::kInvalid, fmt::format("XML: {} at byte {}", what, at_)};
  }
  bool At(std::string_view token) const { return text_.substr(at_).starts_with(token); }
  bool Consume(std::string_view token) {
    if (!At(token)) return false;
    at_ += token.size();
    return true;
  }
  void SkipBlanks() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }
  // Moves behind the next `token`.
  Status SkipPast(std::string_view token) {
    const size_t found = text_.find(token, at_);
    if (found == std::string_view::npos) return Fail(fmt::format("no closing \"{}\"", token));
    at_ = found + token.size();
    return {};
  }

  // Blanks, comments and processing instructions outside of the root.
  Status SkipMisc() {
    while (true) {
      SkipBlanks();
      if (Consume("<!--")) {
        if (auto s = SkipPast("-->"); !s) return s;
      } else if (Consume("<?")) {
        if (auto s = SkipPast("?>"); !s) return s;
      } else {
        return {};
      }
    }
  }

  std::string_view Name() {
    const size_t start = at_;
    while (at_ < text_.size() &&
           std::string_view(" \t\r\n/>=<&\"'").find(text_[at_]) == std::string_view::npos) {
      ++at_;
    }
    return text_.substr(start, at_ - start);
  }

  // Attributes up to '>' or "/>"; true when the element is empty.
  Result<bool> Attributes() {
    while (true) {
      SkipBlanks();
      if (Consume("/>")) return true;
      if (Consume(">")) return false;
      if (Name().empty()) return Fail("malformed tag");
      SkipBlanks();
      if (!Consume("=")) return Fail("an attribute without a value");
      SkipBlanks();
      if (!At("\"") && !At("'")) return Fail("an attribute value without quotes");
      const std::string_view quote = text_.substr(at_++, 1);
      if (auto s = SkipPast(quote); !s) return s.error();
    }
  }

  Status Element(XmlNode& node, int depth) {
    if (depth >= kMaxDepth) return Fail("elements nested too deep");
    if (!Consume("<")) return Fail("expected an element");
    const std::string_view name = Name();
    if (name.empty() || name[0] == '!' || name[0] == '?') return Fail("expected an element name");
    const auto prefix = Cut(name, ":");
    node.name = prefix ? prefix->second : name;
    const auto empty = Attributes();
    if (!empty) return empty.error();
    if (*empty) return {};
    if (auto content = Content(node, depth); !content) return content;
    if (Name() != name) return Fail(fmt::format("expected </{}>", name));
    SkipBlanks();
    if (!Consume(">")) return Fail("malformed closing tag");
    return {};
  }

  // Everything up to and including "</".
  Status Content(XmlNode& node, int depth) {
    while (at_ < text_.size()) {
      if (Consume("</")) return {};
      if (Consume("<!--")) {
        if (auto s = SkipPast("-->"); !s) return s;
      } else if (Consume("<![CDATA[")) {
        const size_t start = at_;
        if (auto s = SkipPast("]]>"); !s) return s;
        node.text += text_.substr(start, at_ - 3 - start);
      } else if (Consume("<?")) {
        if (auto s = SkipPast("?>"); !s) return s;
      } else if (At("<")) {
        if (auto s = Element(node.children.emplace_back(), depth + 1); !s) return s;
      } else if (Consume("&")) {
        if (auto s = Reference(node.text); !s) return s;
      } else {
        const size_t end = std::min(text_.find_first_of("<&", at_), text_.size());
        node.text += text_.substr(at_, end - at_);
        at_ = end;
      }
    }
    return Fail(fmt::format("<{}> is not closed", node.name));
  }

  Status Reference(std::string& out) {
    const size_t end = text_.find(';', at_);
    if (end == std::string_view::npos || end - at_ > 10) return Fail("malformed reference");
    const std::string_view entity = text_.substr(at_, end - at_);
    if (entity == "amp") {
      out += '&';
    } else if (entity == "lt") {
      out += '<';
    } else if (entity == "gt") {
      out += '>';
    } else if (entity == "quot") {
      out += '"';
    } else if (entity == "apos") {
      out += '\'';
    } else if (const auto rune = CharacterReference(entity)) {
      AppendUtf8(*rune, &out);
    } else {
      return Fail(fmt::format("unknown entity &{};", entity));
    }
    at_ = end + 1;
    return {};
  }

  const std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

const XmlNode* XmlNode::Child(std::string_view child) const {
  for (const XmlNode& node : children) {
    if (node.name == child) return &node;
  }
  return nullptr;
}

std::string_view XmlNode::ChildText(std::string_view child) const {
  const XmlNode* node = Child(child);
  return node != nullptr ? std::string_view(node->text) : std::string_view();
}

Result<XmlNode> ParseXml(std::string_view text) { return Parser(text).Document(); }

std::string XmlEscape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') {
          out += fmt::format("&#x{:x};", static_cast<unsigned>(c));
        } else {
          out += c;
        }
    }
  }
  return out;
}

XmlWriter::XmlWriter(std::string_view root, std::string_view xmlns)
    : text_("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n") {
  text_ += '<';
  text_ += root;
  if (!xmlns.empty()) text_ += fmt::format(" xmlns=\"{}\"", xmlns);
  text_ += '>';
  open_.emplace_back(root);
}

XmlWriter& XmlWriter::Open(std::string_view name) {
  text_ += fmt::format("<{}>", name);
  open_.emplace_back(name);
  return *this;
}

XmlWriter& XmlWriter::Close() {
  text_ += fmt::format("</{}>", open_.back());
  open_.pop_back();
  return *this;
}

XmlWriter& XmlWriter::Add(std::string_view name, std::string_view text) {
  text_ += fmt::format("<{}>{}</{}>", name, XmlEscape(text), name);
  return *this;
}

std::string XmlWriter::Finish() {
  while (!open_.empty()) Close();
  return std::move(text_);
}

}  // namespace leat::aws
