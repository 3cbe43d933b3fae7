#include "aws/xml.h"

#include <gtest/gtest.h>

#include "aws/checksum.h"

namespace leat::aws {
namespace {

TEST(Xml, ReadsElementsTextAndEntities) {
  const auto root = ParseXml(
      "<?xml version='1.0'?><!-- c --><Delete xmlns=\"http://s3\"><Quiet>true</Quiet>"
      "<Object><Key>a&amp;b &lt;&#x41;&#66;<![CDATA[<x>]]></Key></Object><n:Empty/></Delete>\n");
  ASSERT_TRUE(root) << root.error().message;
  EXPECT_EQ(root->name, "Delete");
  EXPECT_EQ(root->ChildText("Quiet"), "true");
  EXPECT_EQ(root->Child("Object")->ChildText("Key"), "a&b <AB<x>");
  EXPECT_NE(root->Child("Empty"), nullptr);
  EXPECT_EQ(root->ChildText("Absent"), "");
}

TEST(Xml, RefusesWhatIsNotWellFormed) {
  for (const char* text :
       {"", "x", "<", "<a", "<a>", "<a></b>", "<a/><b/>", "<a b></a>", "<a b=c></a>", "<a>&no;</a>",
        "<a>&#0;</a>", "<a>&#xd800;</a>", "<a>&#9999999;</a>", "<a>&", "<!DOCTYPE a><a/>",
        "<a><!-- </a>", "<a><![CDATA[ </a>", "<a>&#;</a>"}) {
    EXPECT_FALSE(ParseXml(text)) << text;
  }
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "<a>";
  EXPECT_FALSE(ParseXml(deep));
}

TEST(Xml, WhatIsWrittenReadsBack) {
  const std::string nasty = "a<b>&\"c\"\x01\r\n\t\xc3\xa4";
  const std::string text =
      XmlWriter("Root", "http://x/").Add("Key", nasty).Open("In").Add("N", "1").Finish();
  const auto root = ParseXml(text);
  ASSERT_TRUE(root) << text;
  EXPECT_EQ(root->ChildText("Key"), nasty);
  EXPECT_EQ(root->Child("In")->ChildText("N"), "1");
}

TEST(Checksum, CombinedCrcsEqualTheCrcOfTheWhole) {
  const std::string a = "the first part, ", b(100'000, 'x');
  for (const hash::Algorithm algorithm : kChecksumAlgorithms) {
    if (!IsCrc(algorithm)) continue;
    EXPECT_EQ(
        CombineCrc(algorithm, hash::Digest(algorithm, a), hash::Digest(algorithm, b), b.size()),
        hash::Digest(algorithm, a + b))
        << ChecksumName(algorithm);
    EXPECT_EQ(CombineCrc(algorithm, hash::Digest(algorithm, a), hash::Digest(algorithm, ""), 0),
              hash::Digest(algorithm, a));
  }
}

}  // namespace
}  // namespace leat::aws
