// XML documents. What parses reads back the same after it was written.
#include <cstdint>

#include "aws/xml.h"

using namespace leat;

namespace {

// Names that the parser takes and the writer would write are the writer's callers' own.
void Write(const aws::XmlNode& node, aws::XmlWriter& xml) {
  for (const aws::XmlNode& child : node.children) {
    xml.Open("child").Add("text", child.text);
    Write(child, xml);
    xml.Close();
  }
}

void Compare(const aws::XmlNode& node, const aws::XmlNode& again) {
  size_t at = 0;
  for (const aws::XmlNode& child : again.children) {
    if (child.name != "child") continue;
    LEAT_CHECK(at < node.children.size(), "an element too many");
    LEAT_CHECK(child.ChildText("text") == node.children[at].text, "text does not read back");
    Compare(node.children[at++], child);
  }
  LEAT_CHECK(at == node.children.size(), "an element was lost");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto root = aws::ParseXml({reinterpret_cast<const char*>(data), size});
  if (!root) return 0;
  aws::XmlWriter xml("root", "http://example/");
  Write(*root, xml);
  const auto again = aws::ParseXml(xml.Finish());
  // One level more than what was parsed may be one too many.
  if (again) Compare(*root, *again);
  return 0;
}
