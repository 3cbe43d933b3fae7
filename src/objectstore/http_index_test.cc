#include "objectstore/http_index.h"

#include <gtest/gtest.h>

namespace leat::objectstore {
namespace {

using Names = std::vector<std::string>;

Names Parse(std::string_view html) {
  const auto names = ParseIndex(html, {"h:80", "/a%20b/"}, 100);
  EXPECT_TRUE(names);
  return names ? *names : Names();
}

TEST(ParseIndex, ReadsNginx) {
  EXPECT_EQ(Parse("<html>\r\n<head><title>Index of /a b/</title></head>\r\n<body>\r\n"
                  "<h1>Index of /a b/</h1><hr><pre><a href=\"../\">../</a>\r\n"
                  "<a href=\"sub/\">sub/</a>            22-Nov-2026 08:00       -\r\n"
                  "<a href=\"sp%20ace%2Btxt\">sp ace+txt</a> 22-Nov-2026 08:00  12\r\n"
                  "<a href=\"long-name\">long-n..&gt;</a>  22-Nov-2026 08:00  12\r\n"
                  "</pre><hr></body></html>"),
            (Names{"long-name", "sp ace+txt", "sub/"}));
}

TEST(ParseIndex, ReadsApache) {
  EXPECT_EQ(Parse("<table><tr><th><a href=\"?C=N;O=D\">Name</a></th></tr>"
                  "<tr><td><img src=\"/icons/back.gif\" alt=\"[PARENTDIR]\"></td>"
                  "<td><a href=\"/\">Parent Directory</a></td></tr>"
                  "<tr><td><a href=\"x&amp;y.rec\">x&amp;y.rec</a></td></tr>"
                  "<tr><td><a href=\"./c:d\">c:d</a></td></tr></table>"
                  "<ul><li><a href=\"plain/\"> plain/</a></li></ul>"),
            (Names{"c:d", "plain/", "x&y.rec"}));
}

TEST(ParseIndex, ReadsPython) {
  EXPECT_EQ(Parse("<!DOCTYPE HTML>\n<ul>\n<li><a href=\"link\">link@</a></li>\n"
                  "<li><a href=\"%C3%BC%23%3F\">\xc3\xbc#?</a></li>\n</ul>"),
            (Names{"link", "\xc3\xbc#?"}));
}

TEST(ParseIndex, TakesLinksThatNameTheDirectoryInFull) {
  EXPECT_EQ(Parse("<a href='/a%20b/one'>1</a><A class=x HREF=/a%20b/two>2</A>"
                  "<a\nhref = \"http://h:80/a%20b/three/\">3</a><a href='//h:80/a%20b/four'>"),
            (Names{"four", "one", "three/", "two"}));
}

TEST(ParseIndex, NeverLeavesTheDirectory) {
  EXPECT_EQ(Parse("<a href='..'><a href='.'><a href='../x'><a href='/x'><a href='x/y'>"
                  "<a href='%2e%2e/'><a href='..%2fx'><a href='a%2f'><a href='a%00b'><a href=''>"
                  "<a href='http://other/a%20b/x'><a href='mailto:x'><a href='x?y'><a href='#f'>"
                  "<a href='javascript:alert(1)'><a href='/a%20b/../x'><a href='http:x'>"
                  "<a name=x><abbr href=y><!-- <a href='hidden'> --><a href='unclosed"),
            Names());
}

TEST(ParseIndex, EachNameComesOnce) { EXPECT_EQ(Parse("<a href=x><a href=x>"), Names{"x"}); }

TEST(ParseIndex, TooManyLinksAreTooLarge) {
  const auto names = ParseIndex("<a href=a><a href=b><a href=c>", {"h", "/"}, 2);
  ASSERT_FALSE(names);
  EXPECT_EQ(names.error().code, Code::kTooLarge);
}

}  // namespace
}  // namespace leat::objectstore
