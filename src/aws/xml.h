// The small XML that S3 and the query protocol speak: elements and text. Attributes, comments and
// processing instructions are read over; namespaces prefixes are dropped; no DTDs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace leat::aws {

struct XmlNode {
  std::string name;
  std::string text;  // all character data directly inside, unescaped
  std::vector<XmlNode> children;

  // The first child of that name, or null.
  const XmlNode* Child(std::string_view child) const;
  // Its text, or "".
  std::string_view ChildText(std::string_view child) const;
};

// The root element. kInvalid with the offset; depth at most 32.
Result<XmlNode> ParseXml(std::string_view text);

// Writes elements in order, with the XML declaration first.
class XmlWriter {
 public:
  // `xmlns` may be empty.
  explicit XmlWriter(std::string_view root, std::string_view xmlns = {});
  XmlWriter& Open(std::string_view name);
  XmlWriter& Close();  // the innermost open element
  // <name>text</name>, escaped.
  XmlWriter& Add(std::string_view name, std::string_view text);
  // Closes what is open and gives the document.
  std::string Finish();

 private:
  std::string text_;
  std::vector<std::string> open_;
};

// & < > " and control characters as references.
std::string XmlEscape(std::string_view text);

}  // namespace leat::aws
