#include "aws/sigv2.h"
#include "aws/sigv4.h"
#include "awsserver/form_reader.h"
#include "awsserver/post_policy.h"
#include "awsserver/testing/endpoint_fixture.h"
#include "base/strings.h"
#include "net/testing/raw_peer.h"

namespace leat::awsserver {
namespace {

constexpr char kBoundary[] = "----form";

std::string FormBody(const Fields& fields, const std::string& file,
                     const std::string& filename = "photo.jpg") {
  std::string body;
  for (const auto& [name, value] : fields) {
    body += std::string("--") + kBoundary + "\r\nContent-Disposition: form-data; name=\"" + name +
            "\"\r\n\r\n" + value + "\r\n";
  }
  return body + "--" + kBoundary +
         "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + filename +
         "\"\r\nContent-Type: image/jpeg\r\n\r\n" + file + "\r\n--" + kBoundary + "--\r\n";
}

class S3Post : public EndpointTest {
 protected:
  S3Post() { Put("/bucket", ""); }

  // A form signed with the root key; `conditions` is the inside of the policy's list.
  Fields Signed(const std::string& conditions, Fields fields) {
    const aws::Scope scope{"20200913", "us-east-1", "s3"};
    const std::string credential = root_.access_key_id + "/" + scope.ToString();
    const std::string policy = Base64Encode(
        R"({"expiration": "2020-09-13T13:00:00.000Z", "conditions": [{"bucket": "bucket"}, )"
        R"(["starts-with", "$x-amz-algorithm", ""], ["starts-with", "$x-amz-credential", ""], )"
        R"(["starts-with", "$x-amz-date", ""], )" +
        conditions + "]}");
    fields.emplace_back("policy", policy);
    fields.emplace_back("x-amz-algorithm", "AWS4-HMAC-SHA256");
    fields.emplace_back("x-amz-credential", credential);
    fields.emplace_back("x-amz-date", "20200913T122640Z");
    fields.emplace_back("x-amz-signature",
                        aws::Signature(aws::SigningKey(root_.secret_access_key, scope), policy));
    return fields;
  }
  HttpAnswer Post(const std::string& body) {
    return Send(
        Request({.method = "POST",
                 .target = "/bucket",
                 .body = body,
                 .headers = {{"Content-Type",
                              std::string("multipart/form-data; boundary=") + kBoundary}}}));
  }
};

TEST_F(S3Post, ASignedFormUploadsItsFile) {
  const std::string file = "binary\r\n--\r\n----for not a boundary\r\n";
  const HttpAnswer posted =
      Post(FormBody(Signed(R"(["starts-with", "$key", "up/"], {"content-type": "image/jpeg"})",
                           {{"key", "up/${filename}"}, {"Content-Type", "image/jpeg"}}),
                    file));
  EXPECT_EQ(posted.status, 204) << posted.body;
  const HttpAnswer get = Get("/bucket/up/photo.jpg");
  EXPECT_EQ(get.body, file);
  EXPECT_EQ(get.headers.Get("Content-Type"), "image/jpeg");
}

TEST_F(S3Post, AnswersAsTheFormWishes) {
  const std::string conditions =
      R"(["starts-with", "$key", ""], ["starts-with", "$success_action_status", ""], )"
      R"(["starts-with", "$success_action_redirect", ""])";
  const HttpAnswer created =
      Post(FormBody(Signed(conditions, {{"key", "k"}, {"success_action_status", "201"}}), "x"));
  EXPECT_EQ(created.status, 201);
  EXPECT_EQ(created.Xml("Key"), "k");
  const HttpAnswer redirected = Post(FormBody(
      Signed(conditions, {{"key", "k"}, {"success_action_redirect", "http://h/done?x=1"}}), "x"));
  EXPECT_EQ(redirected.status, 303);
  EXPECT_TRUE(redirected.headers.Get("Location").starts_with("http://h/done?x=1&bucket=bucket"));
}

TEST_F(S3Post, ThePolicyIsEnforced) {
  const std::string any_key = R"(["starts-with", "$key", ""])";
  EXPECT_EQ(Post(FormBody(Signed(R"({"key": "a"})", {{"key", "b"}}), "x")).status, 403);
  const HttpAnswer extra =
      Post(FormBody(Signed(any_key, {{"key", "b"}, {"x-amz-meta-a", "1"}}), "x"));
  EXPECT_EQ(extra.Xml("Message"), "Invalid according to Policy: Extra input fields: x-amz-meta-a");
  const std::string sized = any_key + R"(, ["content-length-range", 2, 4])";
  EXPECT_EQ(Post(FormBody(Signed(sized, {{"key", "k"}}), "x")).Code(), "EntityTooSmall");
  EXPECT_EQ(Post(FormBody(Signed(sized, {{"key", "k"}}), "xxxxx")).Code(), "EntityTooLarge");
  EXPECT_EQ(Post(FormBody(Signed(sized, {{"key", "k"}}), "xxxx")).status, 204);
  EXPECT_EQ(FilesOnDisk(), 1);
  clock_.Advance(std::chrono::hours(1));
  EXPECT_EQ(Post(FormBody(Signed(any_key, {{"key", "k"}}), "x")).Xml("Message"),
            "Invalid according to Policy: Policy expired.");
}

TEST_F(S3Post, UnsignedAndForgedFormsAreDenied) {
  EXPECT_EQ(Post(FormBody({{"key", "k"}}, "x")).Code(), "AccessDenied");
  Fields forged = Signed(R"(["starts-with", "$key", ""])", {{"key", "k"}});
  forged.back().second[0] = forged.back().second[0] == '0' ? '1' : '0';
  EXPECT_EQ(Post(FormBody(forged, "x")).Code(), "SignatureDoesNotMatch");
  EXPECT_EQ(Get("/bucket/k").status, 404);
}

TEST_F(S3Post, WhatIsAskedBesideTheFormIsObeyedOrRefused) {
  Put("/bucket/k", "original");
  const std::string any = R"(["starts-with", "$key", ""])";
  const auto post = [&](const std::string& target, const Fields& more, const Fields& headers) {
    Fields fields{{"key", "k"}};
    std::string conditions = any;
    for (const auto& [name, value] : more) {
      fields.emplace_back(name, value);
      conditions += R"(, ["starts-with", "$)" + name + R"(", ""])";
    }
    net::Headers all{{"Content-Type", std::string("multipart/form-data; boundary=") + kBoundary}};
    for (const auto& [name, value] : headers) all.Add(name, value);
    return Send(Request({.method = "POST",
                         .target = target,
                         .body = FormBody(Signed(conditions, fields), "x"),
                         .headers = all}));
  };
  for (const auto& header : Fields{{"If-None-Match", "*"},
                                   {"x-amz-tagging", "a=b"},
                                   {"x-amz-acl", "private"},
                                   {"Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA=="}}) {
    EXPECT_EQ(post("/bucket", {}, {header}).status, 501) << header.first;
  }
  EXPECT_EQ(post("/bucket", {}, {{"x-amz-expected-bucket-owner", "111122223333"}}).status, 403);
  EXPECT_EQ(post("/bucket", {{"If-None-Match", "*"}}, {}).status, 501);
  EXPECT_EQ(post("/bucket", {{"Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA=="}}, {}).status, 501);
  EXPECT_EQ(post("/bucket?tagging", {}, {}).status, 501);
  EXPECT_EQ(post("/bucket?delete", {}, {}).status, 501);
  EXPECT_EQ(Get("/bucket/k").body, "original");
  EXPECT_EQ(post("/bucket", {}, {}).status, 204);
}

TEST_F(S3Post, Version2FormsWork) {
  const std::string policy =
      Base64Encode(R"({"expiration": "2020-09-13T13:00:00Z", "conditions": [{"bucket": "bucket"}, )"
                   R"(["eq", "$key", "k"]]})");
  const HttpAnswer posted =
      Post(FormBody({{"key", "k"},
                     {"AWSAccessKeyId", root_.access_key_id},
                     {"policy", policy},
                     {"signature", aws::SignatureV2(root_.secret_access_key, policy)}},
                    "two"));
  EXPECT_EQ(posted.status, 204) << posted.body;
  EXPECT_EQ(Get("/bucket/k").body, "two");
}

TEST_F(S3Post, AFieldGivenTwiceIsRefused) {
  const std::string typed = R"({"key": "k"}, {"content-type": "image/png"})";
  const Fields fields =
      Signed(typed, {{"key", "k"}, {"Content-Type", "image/png"}, {"content-type", "text/html"}});
  const HttpAnswer answer = Post(FormBody(fields, "<script>"));
  EXPECT_EQ(answer.Code(), "InvalidArgument");
  EXPECT_EQ(answer.Xml("ArgumentName"), "content-type");
  EXPECT_EQ(Get("/bucket/k").status, 404);
}

TEST_F(S3Post, APolicyIsForItsOwnBucketOnly) {
  const std::string policy = Base64Encode(
      R"({"expiration": "2020-09-13T13:00:00Z", "conditions": [["eq", "$key", "k"]]})");
  const HttpAnswer posted =
      Post(FormBody({{"key", "k"},
                     {"AWSAccessKeyId", root_.access_key_id},
                     {"policy", policy},
                     {"signature", aws::SignatureV2(root_.secret_access_key, policy)}},
                    "x"));
  EXPECT_EQ(posted.status, 403);
  EXPECT_EQ(posted.Xml("Message"), "Invalid according to Policy: Extra input fields: bucket");
}

TEST_F(S3Post, WhatAFormAsksForIsDoneOrRefused) {
  const auto ask = [&](const std::string& field, const std::string& value) {
    return Post(FormBody(Signed(R"({"key": "k"}, ["starts-with", "$)" + field + R"(", ""])",
                                {{"key", "k"}, {field, value}}),
                         "x"));
  };
  for (const auto& [field, value] : Fields{{"tagging", "<Tagging/>"},
                                           {"acl", "public-read"},
                                           {"x-amz-server-side-encryption", "AES256"},
                                           {"x-amz-of-tomorrow", "1"}}) {
    EXPECT_EQ(ask(field, value).status, 501) << field;
  }
  EXPECT_EQ(ask("x-amz-checksum-md5", "AAAA").Code(), "InvalidRequest");
  EXPECT_EQ(ask("x-amz-expected-bucket-owner", "111122223333").status, 403);
  EXPECT_EQ(ask("x-amz-meta-a\rset-cookie", "evil").Code(), "InvalidArgument");
  EXPECT_EQ(ask("x-amz-meta-b: c", "d").Code(), "InvalidArgument");
  EXPECT_EQ(Get("/bucket/k").status, 404);
  EXPECT_EQ(ask("acl", "private").status, 204);
}

TEST_F(S3Post, AFormWithoutItsSignatureSaysSo) {
  const HttpAnswer answer = Post(FormBody(
      {{"key", "k"}, {"AWSAccessKeyId", root_.access_key_id}, {"policy", Base64Encode("{}")}},
      "x"));
  EXPECT_EQ(answer.Code(), "InvalidArgument");
  EXPECT_EQ(answer.Xml("ArgumentName"), "Signature");
}

TEST_F(S3Post, MalformedFormsAreRefused) {
  EXPECT_EQ(Post("nonsense").Code(), "MalformedPOSTRequest");
  EXPECT_EQ(Post(FormBody({}, "x")).Code(), "InvalidArgument");
  EXPECT_EQ(Post(FormBody({{"key", "k"}}, "x").substr(0, 60)).Code(), "MalformedPOSTRequest");
  EXPECT_EQ(Post(FormBody({{"a", std::string(30'000, 'x')}}, "x")).Code(),
            "MaxPostPreDataLengthExceededError");
}

TEST_F(S3Post, WhatComesBeforeTheFileIsBounded) {
  EXPECT_EQ(Post(std::string(30'000, 'x') + "\r\n" + FormBody({{"key", "k"}}, "x")).Code(),
            "MaxPostPreDataLengthExceededError");
  EXPECT_EQ(Post(FormBody(Fields(300, {"a", ""}), "x")).Code(),
            "MaxPostPreDataLengthExceededError");
}

TEST_F(S3Post, NobodyWaitsForTheFileOfAFormThatIsNotSigned) {
  const std::string fields = FormBody({{"key", "k"}, {"policy", "e30="}}, std::string(70'000, 'x'));
  net::RawPeer peer(server_->port());
  peer.Say(std::string("POST /bucket HTTP/1.1\r\nHost: h\r\nContent-Length: 900000\r\n"
                       "Content-Type: multipart/form-data; boundary=") +
           kBoundary + "\r\n\r\n" + fields.substr(0, 66'000));
  EXPECT_NE(peer.HearUntil("</Error>").find("AccessDenied"), std::string::npos);
}

TEST(PostPolicy, MayLastForAges) {
  const WallTime now{std::chrono::seconds(1'600'000'000)};
  EXPECT_TRUE(
      CheckPostPolicy(R"({"expiration": "9999-12-31T00:00:00Z", "conditions": []})", {}, now));
  EXPECT_FALSE(
      CheckPostPolicy(R"({"expiration": "1999-12-31T00:00:00Z", "conditions": []})", {}, now));
  EXPECT_FALSE(CheckPostPolicy(R"({"expiration": "someday", "conditions": []})", {}, now));
}

TEST(FormReader, FindsItsBoundary) {
  EXPECT_EQ(FormReader::Boundary("multipart/form-data; boundary=abc"), "abc");
  EXPECT_EQ(FormReader::Boundary("Multipart/Form-Data; charset=x; boundary=\"a b\\\"c\""),
            "a b\"c");
  EXPECT_EQ(FormReader::Boundary("text/plain; boundary=abc"), "");
  EXPECT_EQ(FormReader::Boundary(""), "");
}

}  // namespace
}  // namespace leat::awsserver
