#include "net/http.h"

#include <gtest/gtest.h>

#include <array>

#include "net/client.h"
#include "net/message_parser.h"

namespace leat::net {
namespace {

TEST(Headers, CompareNamesWithoutCase) {
  Headers headers{{"Content-Type", "a"}, {"X-Amz-Date", "b"}};
  headers.Add("content-type", "c");
  EXPECT_EQ(headers.Get("CONTENT-TYPE"), "a");
  headers.Set("Content-type", "d");
  EXPECT_EQ(headers.Get("content-type"), "d");
  EXPECT_EQ(headers.all().size(), 2u);
  headers.Remove("x-amz-date");
  EXPECT_FALSE(headers.Has("X-Amz-Date"));
}

TEST(Query, DecodesInOrderAndTellsEmptyFromAbsent) {
  const Query query = Query::Parse("prefix=a%2Fb+c&uploads&x=1&x=2&&y=a=b");
  EXPECT_EQ(query.Get("prefix"), "a/b c");
  EXPECT_TRUE(query.Has("uploads"));
  EXPECT_EQ(query.Get("uploads"), "");
  EXPECT_EQ(query.Get("x"), "1");
  EXPECT_EQ(query.Get("y"), "a=b");
  EXPECT_FALSE(query.Has("z"));
  EXPECT_EQ(query.all().size(), 5u);
}

TEST(Url, TakesItsPartsApart) {
  const auto url = Url::Parse("HTTPS://Example.com:8443/a%20b?x=1&y#frag");
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->scheme, "https");
  EXPECT_EQ(url->host, "Example.com");
  EXPECT_EQ(url->port, 8443);
  EXPECT_EQ(url->path, "/a%20b");
  EXPECT_EQ(url->query, "x=1&y");
  EXPECT_EQ(url->HostHeader(), "Example.com:8443");
}

TEST(Url, FillsInTheSchemesPortAndTheRootPath) {
  EXPECT_EQ(Url::Parse("https://h")->port, 443);
  EXPECT_EQ(Url::Parse("http://h?q")->path, "/");
  EXPECT_EQ(Url::Parse("http://h:80/")->HostHeader(), "h");
}

TEST(Url, KeepsIpv6AddressesInBracketsOnlyInText) {
  const auto url = Url::Parse("http://[::1]:9000/x");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->host, "::1");
  EXPECT_EQ(url->HostHeader(), "[::1]:9000");
}

TEST(Url, RefusesWhatItCannotUse) {
  for (const char* bad :
       {"", "h/x", "ftp://h", "http://", "http://:80", "http://h:0", "http://h:x", "http://h:70000",
        "http://u:p@h/", "http://[::1", "http://[::1]x", "http://h/a b", "http://h/a\r\nX: y"})
    EXPECT_EQ(Url::Parse(bad).error().code, Code::kInvalid) << bad;
}

TEST(MessageParser, TakesAnEmptyChunkedBodyByteByByte) {
  InputBuffer input;
  const auto parser = MessageParser::ForRequest(4096);
  input.Append("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  ASSERT_TRUE(parser->ParseHead(input).value_or(false));
  std::array<char, 10> buffer;
  for (const char c : std::string_view("0\r\nA: b\r\n\r\n")) {
    EXPECT_FALSE(parser->body_done());
    input.Append({&c, 1});
    EXPECT_EQ(parser->ParseChunked(input, buffer).value_or(99), 0u);
  }
  EXPECT_TRUE(parser->body_done());
}

}  // namespace
}  // namespace leat::net
