// What only stores that speak S3 have: signatures, regions, credentials that expire.
#include "objectstore/s3_object_store.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>

#include "base/strings.h"
#include "hash/rsa.h"
#include "hash/testing/rsa_key.h"
#include "io/file.h"
#include "json/value.h"
#include "objectstore/s3_session.h"
#include "objectstore/testing/fake_server.h"

namespace leat::objectstore {
namespace {

using namespace std::chrono_literals;
using Variables = std::vector<std::pair<std::string, std::string>>;

std::string Refusal(const std::string& code, const std::string& more = "") {
  return "<Error><Code>" + code + "</Code><Message>because</Message>" + more + "</Error>";
}

class S3StoreTest : public ::testing::Test {
 protected:
  S3StoreTest() {
    server_.Put("k", "bytes");
    options_.endpoint = server_.endpoint();
    options_.retry_for = 0s;
    options_.environment = Variables{{"AWS_ACCESS_KEY_ID", "AKIA"},
                                     {"AWS_SECRET_ACCESS_KEY", "secret"},
                                     {"AWS_EC2_METADATA_DISABLED", "true"}};
  }
  Result<std::unique_ptr<ObjectStore>> Open() {
    return OpenObjectStore("s3://bucket/data", options_);
  }
  // The Authorization headers of the requests that opening makes.
  std::vector<std::string> Authorizations(const std::string& url) {
    std::vector<std::string> seen;
    server_.SetIntercept([&](net::ServerRequest& request, net::ResponseWriter&) {
      seen.emplace_back(request.headers.Get("Authorization"));
      return false;
    });
    const auto store = OpenObjectStore(url, options_);
    EXPECT_TRUE(store) << store.error().message;
    server_.SetIntercept(nullptr);
    return seen;
  }

  FakeServer server_{FakeServer::Kind::kS3};
  StoreOptions options_;
};

TEST_F(S3StoreTest, IsNamedWithoutCredentialsAndWithASlash) {
  EXPECT_EQ((*Open())->Name(), "s3://bucket/data/");
}

TEST_F(S3StoreTest, IsToldFromItsNamesakesAtOtherEndpoints) {
  const auto store = Open();
  EXPECT_EQ("http://" + (*store)->Endpoint(), server_.endpoint());
  const auto endpoint = [](const std::string& source, const std::string& at) {
    return EndpointName(*S3Source::Parse(source), at);
  };
  EXPECT_EQ(endpoint("s3://b/k", "https://MinIO.example:9000"), "minio.example:9000");
  EXPECT_EQ(endpoint("s3://b/k", "https://minio.example:443"), "minio.example");
  // At a provider's own, buckets have their names to themselves, whatever the region.
  EXPECT_EQ(endpoint("s3://b/k", "https://s3.eu-west-1.amazonaws.com"), "");
  EXPECT_EQ(endpoint("gs://b/k", "https://storage.googleapis.com"), "");
  EXPECT_EQ(endpoint("oss://b/k", "https://oss-cn-hangzhou-internal.aliyuncs.com"), "");
  // Not so at another's.
  EXPECT_EQ(endpoint("s3://b/k", "https://storage.googleapis.com"), "storage.googleapis.com");
  EXPECT_EQ(endpoint("s3://b/k", "https://s3.cn-north-1.amazonaws.com.cn"),
            "s3.cn-north-1.amazonaws.com.cn");
}

TEST_F(S3StoreTest, SignsUnlessAnonymous) {
  EXPECT_TRUE(
      Authorizations("s3://bucket/data")[0].starts_with("AWS4-HMAC-SHA256 Credential=AKIA/"));
  options_.anonymous = true;
  EXPECT_EQ(Authorizations("s3://bucket/data")[0], "");
}

TEST_F(S3StoreTest, WithoutCredentialsItSaysWhereItLooked) {
  options_.environment = Variables{{"AWS_EC2_METADATA_DISABLED", "true"}};
  const auto store = Open();
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, Code::kUnauthorized);
  EXPECT_NE(store.error().message.find("AWS_ACCESS_KEY_ID"), std::string::npos);
}

TEST_F(S3StoreTest, ABucketThatIsNotThereIsNotFound) {
  const auto store = OpenObjectStore("s3://none/data", options_);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, Code::kNotFound);
}

TEST_F(S3StoreTest, RefusalsKeepTheirMeaning) {
  const auto store = Open();
  ASSERT_TRUE(store);
  for (const auto& [status, code, meaning] : std::vector<std::tuple<int, std::string, Code>>{
           {403, "AccessDenied", Code::kForbidden},
           {403, "SignatureDoesNotMatch", Code::kUnauthorized},
           {403, "InvalidAccessKeyId", Code::kUnauthorized},
           {400, "ExpiredToken", Code::kUnauthorized},
           {412, "PreconditionFailed", Code::kConflict},
           {404, "NoSuchKey", Code::kNotFound},
           {503, "SlowDown", Code::kUnavailable}}) {
    server_.SetIntercept([&](net::ServerRequest&, net::ResponseWriter& response) {
      response.Send(status, Refusal(code));
      return true;
    });
    const auto got =
        (*store)->Get("k", "v1", 0, 5, [](std::string_view) -> Status { return {}; }, {});
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, meaning) << code;
  }
}

// Readers go on with new keys as soon as the store does not take the old ones any more.
class RefusedCredentials : public S3StoreTest,
                           public ::testing::WithParamInterface<std::pair<int, const char*>> {};

TEST_P(RefusedCredentials, AreReadAnewOnce) {
  const auto [status, code] = GetParam();
  io::TempDir dir;
  const std::string file = dir.path() + "/credentials";
  const auto write_key = [&](const std::string& key) {
    ASSERT_TRUE(
        io::WriteFile(file, "[default]\naws_access_key_id=" + key + "\naws_secret_access_key=s\n"));
  };
  write_key("OLD");
  options_.environment =
      Variables{{"AWS_SHARED_CREDENTIALS_FILE", file}, {"AWS_EC2_METADATA_DISABLED", "true"}};
  const auto store = Open();
  ASSERT_TRUE(store) << store.error().message;
  std::atomic<int> refused = 0;
  server_.SetIntercept([&](net::ServerRequest& request, net::ResponseWriter& response) {
    if (request.headers.Get("Authorization").find("=NEW/") != std::string_view::npos) return false;
    ++refused;
    response.Send(status, *code ? Refusal(code) : "");
    return true;
  });
  write_key("NEW");
  EXPECT_TRUE((*store)->Head("k", {}));
  EXPECT_EQ(refused, 1);
  EXPECT_TRUE((*store)->Head("k", {}));
  EXPECT_EQ(refused, 1);
}

INSTANTIATE_TEST_SUITE_P(ByCode, RefusedCredentials,
                         ::testing::Values(std::pair{400, "ExpiredToken"},
                                           std::pair{403, "InvalidAccessKeyId"},
                                           std::pair{403, "SignatureDoesNotMatch"},
                                           std::pair{400, "InvalidToken"},
                                           std::pair{403, "SecurityTokenExpired"},
                                           std::pair{401, ""}, std::pair{403, ""}));

TEST_F(S3StoreTest, FollowsTheBucketToItsRegion) {
  std::atomic<int> misdirected = 0;
  server_.SetIntercept([&](net::ServerRequest& request, net::ResponseWriter& response) {
    if (request.headers.Get("Authorization").find("/eu-west-1/") != std::string_view::npos) {
      return false;
    }
    ++misdirected;
    response.Send(400, Refusal("AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>"));
    return true;
  });
  const auto store = Open();
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_TRUE((*store)->Head("k", {}));
  EXPECT_EQ(misdirected, 1);
}

std::string Contents(const std::string& key) {
  return "<Contents><Key>" + key + "</Key><Size>1</Size></Contents>";
}

std::string ListXml(const std::string& inside, const std::string& truncated = "false") {
  return "<ListBucketResult>" + inside + "<IsTruncated>" + truncated +
         "</IsTruncated></ListBucketResult>";
}

TEST_F(S3StoreTest, AListingOutOfOrderIsCorruptAndSaysSo) {
  const auto store = Open();
  ASSERT_TRUE(store);
  server_.SetIntercept([](net::ServerRequest&, net::ResponseWriter& response) {
    response.Send(200, ListXml(Contents("data/b") + Contents("data/a")));
    return true;
  });
  const auto listed = (*store)->List("", "", [](const ObjectInfo&) { return true; }, {});
  ASSERT_FALSE(listed);
  EXPECT_EQ(listed.error().code, Code::kCorrupt);
  EXPECT_NE(listed.error().message.find("does not list in the order"), std::string::npos);
}

TEST_F(S3StoreTest, EmptyPagesThatLeadInCirclesEnd) {
  const auto store = Open();
  ASSERT_TRUE(store);
  int pages = 0;
  const auto token = [](const std::string& name) {
    return "<NextContinuationToken>" + name + "</NextContinuationToken>";
  };
  server_.SetIntercept([&](net::ServerRequest&, net::ResponseWriter& response) {
    response.Send(200, ListXml(token(++pages % 2 == 0 ? "a" : "b"), "true"));
    return true;
  });
  const auto listed = (*store)->List("", "", [](const ObjectInfo&) { return true; }, {});
  ASSERT_FALSE(listed);
  EXPECT_EQ(listed.error().code, Code::kCorrupt);
  EXPECT_EQ(pages, 3);
  // Ten that lead on are none, and the last page ends them.
  pages = 0;
  server_.SetIntercept([&](net::ServerRequest&, net::ResponseWriter& response) {
    response.Send(200, ++pages <= 10 ? ListXml(token(std::to_string(pages)), "true")
                                     : ListXml(Contents("data/a")));
    return true;
  });
  EXPECT_TRUE((*store)->List("", "", [](const ObjectInfo&) { return true; }, {}));
  EXPECT_EQ(pages, 11);
}

TEST_F(S3StoreTest, WhatIsNoWholeListingIsAnError) {
  const auto store = Open();
  ASSERT_TRUE(store);
  for (const std::string& body :
       {std::string(), std::string("<html><body>Please log in</body></html>"),
        std::string("<!DOCTYPE html><html><br></html>"), Refusal("InternalError"),
        std::string("<ListBucketResult/>"),
        "<ListBucketResult>" + Contents("data/a") + "</ListBucketResult>",
        ListXml(Contents("data/a"), "perhaps"), ListXml("", "true"),
        ListXml("<Contents><Size>1</Size></Contents>"),
        ListXml(Contents("data/a")).substr(0, 60)}) {
    server_.SetIntercept([&](net::ServerRequest&, net::ResponseWriter& response) {
      response.Send(200, body);
      return true;
    });
    EXPECT_FALSE((*store)->List("", "", [](const ObjectInfo&) { return true; }, {})) << body;
    EXPECT_FALSE((*store)->ListLevel("", 100, {})) << body;
    EXPECT_FALSE(Open()) << body;
  }
}

TEST_F(S3StoreTest, AListingIsAskedForAgainWhenSomethingElseAnswers) {
  options_.retry_for = 60s;
  const auto store = Open();
  ASSERT_TRUE(store);
  for (const std::string& body :
       {std::string("<html/>"), Refusal("SlowDown"), std::string("<a>"),
        std::string("<ListBucketResult/>"), ListXml("<Contents><Size>1</Size></Contents>"),
        ListXml("<Contents><Key>data/k</Key></Contents>")}) {
    std::atomic<bool> first = true;
    server_.SetIntercept([&](net::ServerRequest&, net::ResponseWriter& response) {
      if (!first.exchange(false)) return false;
      response.Send(200, body);
      return true;
    });
    int seen = 0;
    EXPECT_TRUE((*store)->List("", "", [&](const ObjectInfo&) { return ++seen > 0; }, {})) << body;
    EXPECT_EQ(seen, 1) << body;
  }
}

// Answers as stores do that know only version 1 of listing, three names a page.
class Version1 {
 public:
  Version1(FakeServer& server, std::vector<std::string> keys, bool next_marker)
      : keys_(std::move(keys)), next_marker_(next_marker) {
    server.SetIntercept([this](net::ServerRequest& request, net::ResponseWriter& response) {
      response.Send(200, Page(request.query));
      return true;
    });
  }

 private:
  std::string Page(const net::Query& query) const {
    const std::string prefix(query.Get("prefix")), marker(query.Get("marker"));
    std::string inside, last;
    int names = 0;
    for (const std::string& key : keys_) {
      const size_t end = query.Has("delimiter") ? key.find('/', prefix.size()) : key.npos;
      const std::string name = end == key.npos ? key : key.substr(0, end + 1);
      if (!key.starts_with(prefix) || key <= marker || name == last) continue;
      if (names++ == 3) {
        if (next_marker_) inside += "<NextMarker>" + PercentEncode(last) + "</NextMarker>";
        return ListXml(inside, "true");
      }
      last = name;
      const std::string encoded = PercentEncode(name);
      inside += name == key ? Contents(encoded)
                            : "<CommonPrefixes><Prefix>" + encoded + "</Prefix></CommonPrefixes>";
    }
    return ListXml(inside);
  }
  // What every page says of how its keys are written.
  static std::string ListXml(const std::string& inside, const std::string& truncated = "false") {
    return leat::objectstore::ListXml("<EncodingType>url</EncodingType>" + inside, truncated);
  }

  const std::vector<std::string> keys_;
  const bool next_marker_;
};

TEST_F(S3StoreTest, AStoreThatKnowsOnlyVersion1IsListedWhole) {
  const auto store = Open();
  ASSERT_TRUE(store);
  const std::vector<std::string> keys{"a b", "a/1", "a/2", "a/3", "a/4", "b",
                                      "c+&", "d/1", "e",   "f/1", "g"};
  std::vector<std::string> full;
  for (const std::string& key : keys) full.push_back("data/" + key);
  for (const bool next_marker : {true, false}) {
    Version1 answers(server_, full, next_marker);
    std::vector<std::string> seen;
    const auto add = [&](const ObjectInfo& info) {
      seen.push_back(info.key);
      return true;
    };
    const auto listed = (*store)->List("", "", add, {});
    ASSERT_TRUE(listed) << listed.error().message;
    EXPECT_EQ(seen, keys);
    seen.clear();
    ASSERT_TRUE((*store)->List("", "a/3", add, {}));
    EXPECT_EQ(seen, std::vector<std::string>(keys.begin() + 4, keys.end()));
    const auto level = (*store)->ListLevel("", 100, {});
    ASSERT_TRUE(level) << level.error().message;
    EXPECT_EQ(level->prefixes, (std::vector<std::string>{"a/", "d/", "f/"}));
    EXPECT_EQ(level->objects.size(), 5u);
  }
}

TEST_F(S3StoreTest, AnArchivedObjectSaysSo) {
  const auto store = Open();
  ASSERT_TRUE(store);
  server_.SetIntercept([](net::ServerRequest&, net::ResponseWriter& response) {
    response.Send(403, Refusal("InvalidObjectState"));
    return true;
  });
  const auto got =
      (*store)->Get("k", "v1", 0, 5, [](std::string_view) -> Status { return {}; }, {});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::kForbidden);
  EXPECT_NE(got.error().message.find("restore it in the store"), std::string::npos);
}

TEST_F(S3StoreTest, AnotherEndpointIsNamed) {
  server_.SetIntercept([](net::ServerRequest&, net::ResponseWriter& response) {
    response.headers.Set("x-amz-bucket-region", "us-east-1");
    response.Send(301, Refusal("PermanentRedirect", "<Endpoint>bucket.s3.example</Endpoint>"));
    return true;
  });
  const auto store = Open();
  ASSERT_FALSE(store);
  EXPECT_NE(store.error().message.find("endpoint \"bucket.s3.example\", region \"us-east-1\""),
            std::string::npos)
      << store.error().message;
}

TEST_F(S3StoreTest, ATemporaryRedirectIsFollowedAndSignedForItsHost) {
  FakeServer other{FakeServer::Kind::kS3};
  other.Put("k", "bytes");
  std::vector<std::string> signatures;
  other.SetIntercept([&](net::ServerRequest& request, net::ResponseWriter&) {
    signatures.emplace_back(request.headers.Get("Authorization"));
    return false;
  });
  std::string first;
  server_.SetIntercept([&](net::ServerRequest& request, net::ResponseWriter& response) {
    first = request.headers.Get("Authorization");
    response.headers.Set("Location", other.endpoint() + std::string(request.path));
    response.Send(307, Refusal("TemporaryRedirect"));
    return true;
  });
  const auto store = Open();
  ASSERT_TRUE(store) << store.error().message;
  ASSERT_EQ(signatures.size(), 1u);
  EXPECT_TRUE(signatures[0].starts_with("AWS4-HMAC-SHA256 Credential=AKIA/"));
  EXPECT_NE(signatures[0], first);
  EXPECT_TRUE((*store)->Head("k", {}));
}

TEST_F(S3StoreTest, RedirectsInCirclesAndToNowhereAreErrors) {
  for (const std::string& location :
       {std::string("/bucket"), std::string("gopher://x/"), std::string()}) {
    server_.SetIntercept([&](net::ServerRequest&, net::ResponseWriter& response) {
      if (!location.empty()) response.headers.Set("Location", location);
      response.Send(307, Refusal("TemporaryRedirect"));
      return true;
    });
    const auto store = Open();
    ASSERT_FALSE(store);
    EXPECT_NE(store.error().message.find("TemporaryRedirect"), std::string::npos);
  }
}

TEST(S3RequestUrl, PutsTheBucketInThePathOrTheHost) {
  const S3Call call{.method = "GET", .bucket = "b", .key = "a b/c"};
  const auto path = S3RequestUrl({}, "http://h:9", call);
  EXPECT_EQ(path->host + path->path, "h/b/a%20b/c");
  const auto host = S3RequestUrl({.virtual_host = true}, "https://h", call);
  EXPECT_EQ(host->host + host->path, "b.h/a%20b/c");
  const auto list = S3RequestUrl({.virtual_host = true}, "https://h", {.bucket = "b"});
  EXPECT_EQ(list->host + list->path, "b.h/");
  const auto dotted = S3RequestUrl({.virtual_host = true}, "https://h", {.bucket = "b.c"});
  EXPECT_EQ(dotted->host + dotted->path, "h/b.c");
}

TEST(EndpointInRegion, OnlyAmazonsOwnMove) {
  EXPECT_EQ(EndpointInRegion("https://s3.us-east-1.amazonaws.com", "us-east-1", "eu-west-1"),
            "https://s3.eu-west-1.amazonaws.com");
  EXPECT_EQ(EndpointInRegion("http://127.0.0.1:9", "us-east-1", "eu-west-1"), "http://127.0.0.1:9");
}

TEST_F(S3StoreTest, GoogleTakesHmacKeysOrNone) {
  EXPECT_TRUE(
      Authorizations("gs://bucket/data")[0].starts_with("AWS4-HMAC-SHA256 Credential=AKIA/"));
  options_.environment.emplace();
  EXPECT_EQ(Authorizations("gs://bucket/data")[0], "");
}

TEST_F(S3StoreTest, GoogleServiceAccountsExchangeASignedTokenForAnAccessToken) {
  std::atomic<int> exchanges = 0;
  auto tokens = net::Server::Start({}, [&](net::ServerRequest& request, auto& response) {
    ++exchanges;
    const net::Query form = net::Query::Parse(*request.ReadAll(1 << 16));
    EXPECT_EQ(form.Get("grant_type"), "urn:ietf:params:oauth:grant-type:jwt-bearer");
    const auto parts = Split(form.Get("assertion"), '.');
    if (parts.size() != 3) return response.Send(400, "{}");
    const auto decode = [](std::string_view part) {
      std::string text(part);
      for (char& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c;
      while (text.size() % 4 != 0) text += '=';
      return Base64Decode(text).value_or("");
    };
    const std::string text = std::string(parts[0]) + "." + std::string(parts[1]);
    EXPECT_TRUE(*hash::VerifyRsaSha256(hash::kTestPublicKey, text, decode(parts[2])));
    EXPECT_EQ((*json::Parse(decode(parts[1])))["iss"].AsString(), "who@example.com");
    response.Send(200, "{\"access_token\": \"T\", \"expires_in\": 3600}");
  });
  ASSERT_TRUE(tokens);
  io::TempDir dir;
  const std::string file = dir.path() + "/key.json";
  const json::Value account =
      json::Object({{"type", "service_account"},
                    {"client_email", "who@example.com"},
                    {"private_key", hash::kTestPrivateKey},
                    {"token_uri", fmt::format("http://127.0.0.1:{}/token", (*tokens)->port())}});
  ASSERT_TRUE(io::WriteFile(file, json::Print(account)));
  options_.environment = Variables{{"GOOGLE_APPLICATION_CREDENTIALS", file}};
  EXPECT_EQ(Authorizations("gs://bucket/data"), (std::vector<std::string>{"Bearer T"}));
  EXPECT_EQ(exchanges, 1);
  // A token is good at any host: it goes to none that the user did not name.
  FakeServer other{FakeServer::Kind::kS3};
  std::atomic<int> strangers = 0;
  other.SetIntercept([&](net::ServerRequest&, net::ResponseWriter&) { return ++strangers < 0; });
  server_.SetIntercept([&](net::ServerRequest& request, net::ResponseWriter& response) {
    response.headers.Set("Location", other.endpoint() + std::string(request.path));
    response.Send(307, Refusal("TemporaryRedirect"));
    return true;
  });
  EXPECT_FALSE(OpenObjectStore("gs://bucket/data", options_));
  EXPECT_EQ(strangers, 0);
}

TEST_F(S3StoreTest, AFileOfOtherGoogleCredentialsIsRefusedByName) {
  io::TempDir dir;
  const std::string file = dir.path() + "/key.json";
  options_.environment = Variables{{"GOOGLE_APPLICATION_CREDENTIALS", file}};
  for (const char* text : {"", "{}", "{\"type\": \"authorized_user\"}",
                           "{\"type\": \"service_account\", \"private_key\": \"x\"}"}) {
    ASSERT_TRUE(io::WriteFile(file, text));
    const auto store = OpenObjectStore("gs://bucket/data", options_);
    ASSERT_FALSE(store) << text;
    EXPECT_EQ(store.error().code, Code::kInvalid);
    EXPECT_NE(store.error().message.find(file), std::string::npos);
  }
}

TEST_F(S3StoreTest, OssNeedsAnEndpoint) {
  options_.endpoint.clear();
  const auto store = OpenObjectStore("oss://bucket/data", options_);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, Code::kInvalid);
  EXPECT_NE(store.error().message.find("OSS_ENDPOINT"), std::string::npos);
}

}  // namespace
}  // namespace leat::objectstore
