#include "awsserver/authenticator.h"

#include "aws/amz_time.h"
#include "aws/sigv2.h"
#include "aws/sigv4.h"
#include "awsserver/testing/endpoint_fixture.h"
#include "base/strings.h"
#include "hash/hash.h"
#include "json/value.h"
#include "net/testing/raw_peer.h"

namespace leat::awsserver {
namespace {

class Authentication : public EndpointTest {
 protected:
  Authentication() {
    Put("/bucket", "");
    Put("/bucket/in/a", "input");
    Put("/bucket/other", "secret");
  }
  std::string Presigned(const std::string& method, const std::string& path,
                        const aws::Credentials& credentials, int seconds) {
    const net::ClientRequest request = Request({.target = path});
    return path + "?" +
           aws::PresignV4(method, request.url,
                          {.credentials = credentials,
                           .region = "eu-west-1",
                           .service = "s3",
                           .now = clock_.Now(),
                           .payload_hash = aws::kUnsignedPayload},
                          std::chrono::seconds(seconds));
  }
  HttpAnswer Json(const std::string& target, const std::string& body,
                  const aws::Credentials& credentials, const std::string& service = "sagemaker") {
    net::ClientRequest request = Request({.method = "POST", .target = "/", .body = body});
    request.headers.Set("X-Amz-Target", target);
    request.headers.Set("Content-Type", "application/x-amz-json-1.1");
    aws::SignV4(request, {.credentials = credentials,
                          .region = "us-east-1",
                          .service = service,
                          .now = clock_.Now(),
                          .payload_hash = HexEncode(hash::Digest(hash::Algorithm::kSha256, body))});
    return Send(std::move(request));
  }
};

TEST_F(Authentication, UnsignedRequestsAreDenied) {
  const HttpAnswer answer = Send(Request({.target = "/bucket/in/a"}));
  EXPECT_EQ(answer.status, 403);
  EXPECT_EQ(answer.Code(), "AccessDenied");
}

TEST_F(Authentication, WrongSecretsAndUnknownKeysAreTold) {
  const HttpAnswer wrong =
      S3({.target = "/bucket/in/a", .credentials = aws::Credentials{"AKIALEATROOT", "guess", ""}});
  EXPECT_EQ(wrong.status, 403);
  EXPECT_EQ(wrong.Code(), "SignatureDoesNotMatch");
  EXPECT_TRUE(wrong.Xml("StringToSign").starts_with("AWS4-HMAC-SHA256\n20200913T122640Z\n"));
  EXPECT_TRUE(wrong.Xml("CanonicalRequest").starts_with("GET\n/bucket/in/a\n"));
  EXPECT_EQ(wrong.body.find("root-secret"), std::string::npos);
  const HttpAnswer unknown =
      S3({.target = "/bucket/in/a", .credentials = aws::Credentials{"AKIAUNKNOWN", "x", ""}});
  EXPECT_EQ(unknown.Code(), "InvalidAccessKeyId");
}

TEST_F(Authentication, SkewedClocksAreTold) {
  net::ClientRequest request = Request({.target = "/bucket/in/a"});
  aws::SignV4(request, {.credentials = root_,
                        .region = "us-east-1",
                        .service = "s3",
                        .now = clock_.Now() - std::chrono::minutes(16),
                        .payload_hash = aws::kEmptySha256});
  const HttpAnswer answer = Send(std::move(request));
  EXPECT_EQ(answer.Code(), "RequestTimeTooSkewed");
  EXPECT_EQ(answer.Xml("MaxAllowedSkewMilliseconds"), "900000");
}

TEST_F(Authentication, HeadersAddedOnTheWayAreRefused) {
  net::ClientRequest request = Request({.method = "PUT", .target = "/bucket/x"});
  aws::SignV4(request, {.credentials = root_,
                        .region = "us-east-1",
                        .service = "s3",
                        .now = clock_.Now(),
                        .payload_hash = aws::kEmptySha256});
  request.headers.Set("x-amz-copy-source", "bucket/other");
  const HttpAnswer answer = Send(std::move(request));
  EXPECT_EQ(answer.Code(), "AccessDenied");
  EXPECT_EQ(answer.Xml("HeadersNotSigned"), "x-amz-copy-source");
}

TEST_F(Authentication, PresignedUrlsWorkUntilTheyExpire) {
  const std::string url = Presigned("GET", "/bucket/in/a", root_, 60);
  EXPECT_EQ(Send(Request({.target = url})).body, "input");
  EXPECT_EQ(Send(Request({.method = "DELETE", .target = url})).Code(), "SignatureDoesNotMatch");
  const std::string put = Presigned("PUT", "/bucket/up", root_, 60);
  EXPECT_EQ(Send(Request({.method = "PUT", .target = put, .body = "sent"})).status, 200);
  EXPECT_EQ(Get("/bucket/up").body, "sent");
  clock_.Advance(std::chrono::seconds(61));
  const HttpAnswer late = Send(Request({.target = url}));
  EXPECT_EQ(late.Code(), "AccessDenied");
  EXPECT_EQ(late.Xml("Message"), "Request has expired");
}

TEST_F(Authentication, Version2LinksAndHeadersWork) {
  const std::string expires = "1600000060";
  const auto sign = [&](const std::string& method, const std::string& date,
                        const net::Headers& headers) {
    return aws::SignatureV2(root_.secret_access_key,
                            aws::StringToSignV2(method, "/bucket/in/a", {}, headers, date));
  };
  const std::string link = "/bucket/in/a?AWSAccessKeyId=AKIALEATROOT&Expires=" + expires +
                           "&Signature=" + PercentEncode(sign("GET", expires, {}));
  EXPECT_EQ(Send(Request({.target = link})).body, "input");
  const std::string date = aws::FormatHttpDate(clock_.Now());
  const HttpAnswer header =
      Send(Request({.target = "/bucket/in/a",
                    .headers = {{"Date", date},
                                {"Authorization", "AWS AKIALEATROOT:" + sign("GET", date, {})}}}));
  EXPECT_EQ(header.body, "input");
  EXPECT_EQ(Send(Request({.target = "/bucket/in/a",
                          .headers = {{"Date", date}, {"Authorization", "AWS AKIALEATROOT:x"}}}))
                .Code(),
            "SignatureDoesNotMatch");
  clock_.Advance(std::chrono::seconds(61));
  EXPECT_EQ(Send(Request({.target = link})).Xml("Message"), "Request has expired");
}

TEST_F(Authentication, Version2TakesASlashForGrantedAfterABucketOnly) {
  const auto get = [&](const std::string& path) {
    const std::string expires = "1600000060";
    const std::string signature = aws::SignatureV2(
        root_.secret_access_key, aws::StringToSignV2("GET", path + "/", {}, {}, expires));
    return Send(Request({.target = path + "?AWSAccessKeyId=AKIALEATROOT&Expires=" + expires +
                                   "&Signature=" + PercentEncode(signature)}));
  };
  EXPECT_EQ(get("/bucket").status, 200);
  EXPECT_EQ(get("/bucket/in/a").Code(), "SignatureDoesNotMatch");
}

TEST_F(Authentication, ServicesLookAtTheKeyBeforeTheBody) {
  // A body that never comes: whoever waited for it would not answer.
  const auto ask = [&](const std::string& authorization, const std::string& more) {
    net::RawPeer peer(server_->port());
    peer.Say("POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: SageMaker.ListTrainingJobs\r\n" + more +
             "Authorization: " + authorization + "\r\n\r\n");
    return peer.HearUntil("}");
  };
  const std::string too_large = "Content-Length: 99999999\r\n";
  EXPECT_NE(ask("AWS4-HMAC-SHA256 Credential=AKIANONE/20200913/us-east-1/sagemaker/aws4_request, "
                "SignedHeaders=host;x-amz-date;x-amz-target, Signature=00",
                too_large + "X-Amz-Date: 20200913T122640Z\r\n")
                .find("UnrecognizedClientException"),
            std::string::npos);
  const std::string known =
      "AWS4-HMAC-SHA256 Credential=AKIALEATROOT/20200913/us-east-1/sagemaker/aws4_request, "
      "SignedHeaders=host;x-amz-date;x-amz-target, Signature=00";
  EXPECT_NE(ask(known, too_large + "X-Amz-Date: 20200913T122640Z\r\nx-amz-content-sha256: " +
                           std::string(64, '0') + "\r\n")
                .find("InvalidSignatureException"),
            std::string::npos);
  EXPECT_NE(ask(known, too_large + "X-Amz-Date: 20200913T122640Z\r\n").find("413"),
            std::string::npos);
}

TEST_F(Authentication, ADeclaredHashThatIsNotTheBodysIsRefused) {
  net::ClientRequest request = Request({.method = "POST", .target = "/", .body = "{ }"});
  request.headers.Set("X-Amz-Target", "SageMaker.ListTrainingJobs");
  const std::string hash = HexEncode(hash::Digest(hash::Algorithm::kSha256, "{}"));
  request.headers.Set("x-amz-content-sha256", hash);
  aws::SignV4(request, {.credentials = root_,
                        .region = "us-east-1",
                        .service = "sagemaker",
                        .now = clock_.Now(),
                        .payload_hash = hash});
  EXPECT_NE(Send(std::move(request)).body.find("InvalidSignatureException"), std::string::npos);
}

TEST_F(Authentication, JobKeysReachOnlyWhatTheirPolicySays) {
  const aws::Credentials job =
      MakeJobKey("ASIAJOB1", R"({"read": ["bucket/in/"], "write": ["bucket/out/"]})");
  const auto status = [&](const std::string& method, const std::string& target) {
    return S3({.method = method, .target = target, .credentials = job}).status;
  };
  EXPECT_EQ(S3({.target = "/bucket/in/a", .credentials = job}).body, "input");
  EXPECT_EQ(status("GET", "/bucket/other"), 403);
  EXPECT_EQ(status("PUT", "/bucket/in/a"), 403);
  EXPECT_EQ(status("DELETE", "/bucket/in/a"), 403);
  EXPECT_EQ(status("PUT", "/bucket/out/model"), 200);
  EXPECT_EQ(status("GET", "/bucket/out/model"), 200);
  EXPECT_EQ(status("GET", "/bucket?list-type=2&prefix=in%2F"), 200);
  EXPECT_EQ(status("GET", "/bucket?list-type=2"), 403);
  EXPECT_EQ(status("GET", "/bucket?list-type=2&prefix=i"), 403);
  EXPECT_EQ(status("GET", "/bucket?versions"), 403);
  EXPECT_EQ(status("GET", "/bucket?uploads"), 403);
  EXPECT_EQ(status("POST", "/bucket/out/m?uploads"), 200);
  EXPECT_EQ(status("POST", "/bucket/in/m?uploads"), 403);
  EXPECT_EQ(status("HEAD", "/bucket"), 200);
  EXPECT_EQ(status("DELETE", "/bucket"), 403);
  EXPECT_EQ(status("GET", "/"), 403);
  EXPECT_EQ(status("PUT", "/another"), 403);
  EXPECT_EQ(status("HEAD", "/another"), 403);
  EXPECT_EQ(S3({.method = "PUT",
                .target = "/bucket/out/steal",
                .headers = {{"x-amz-copy-source", "/bucket/other"}},
                .credentials = job})
                .status,
            403);
  const HttpAnswer deleted = S3({.method = "POST",
                                 .target = "/bucket?delete",
                                 .body = "<Delete><Object><Key>out/model</Key></Object>"
                                         "<Object><Key>other</Key></Object></Delete>",
                                 .credentials = job});
  EXPECT_NE(deleted.body.find("<Deleted><Key>out/model"), std::string::npos);
  EXPECT_NE(deleted.body.find("<Error><Key>other</Key><Code>AccessDenied"), std::string::npos);
  EXPECT_EQ(Get("/bucket/other").body, "secret");
}

TEST_F(Authentication, JobKeysNeedTheirTokenAndDieWithTheirSecret) {
  aws::Credentials job = MakeJobKey("ASIAJOB1", R"({"read": ["bucket/in/"]})");
  EXPECT_EQ(S3({.target = "/bucket/in/a", .credentials = job}).status, 200);
  aws::Credentials bare = job;
  bare.session_token = "";
  EXPECT_EQ(S3({.target = "/bucket/in/a", .credentials = bare}).Code(), "InvalidToken");
  EXPECT_EQ(Send(Request({.target = Presigned("GET", "/bucket/in/a", job, 60)})).status, 200);
  ASSERT_TRUE(
      objects_.Delete(api::gvr::kSecrets, {kEngineNamespace, KeySecretName("ASIAJOB1")}, {}));
  clock_.Advance(std::chrono::seconds(3));
  EXPECT_EQ(S3({.target = "/bucket/in/a", .credentials = job}).Code(), "InvalidAccessKeyId");
}

TEST_F(Authentication, AClusterThatIsAwayIsNotAWrongKey) {
  const aws::Credentials job = MakeJobKey("ASIAJOB1", R"({"read": ["bucket/in/"]})");
  objects_.GoAway();
  EXPECT_EQ(S3({.target = "/bucket/in/a", .credentials = job}).status, 503);
  EXPECT_EQ(Get("/bucket/in/a").status, 200);
}

TEST_F(Authentication, JsonServicesHaveTheirOwnErrorNames) {
  const auto type = [](const HttpAnswer& answer) {
    const auto parsed = json::Parse(answer.body);
    return parsed ? (*parsed)["__type"].Str() : answer.body;
  };
  EXPECT_EQ(type(Json("SageMaker.Nonsense", "{}", root_)), "UnknownOperationException");
  EXPECT_EQ(type(Json("SageMaker.ListTrainingJobs", "{}", {"AKIALEATROOT", "guess", ""})),
            "InvalidSignatureException");
  EXPECT_EQ(type(Json("SageMaker.ListTrainingJobs", "{}", {"AKIANOBODY", "guess", ""})),
            "UnrecognizedClientException");
  EXPECT_EQ(type(Json("SageMaker.ListTrainingJobs", "[]", root_)), "SerializationException");
  const aws::Credentials job = MakeJobKey("ASIAJOB1", R"({"read": ["bucket/in/"]})");
  EXPECT_EQ(type(Json("SageMaker.ListTrainingJobs", "{}", job)), "AccessDeniedException");
  net::ClientRequest unsigned_request = Request({.method = "POST", .target = "/", .body = "{}"});
  unsigned_request.headers.Set("X-Amz-Target", "SageMaker.ListTrainingJobs");
  EXPECT_EQ(type(Send(std::move(unsigned_request))), "MissingAuthenticationTokenException");
}

TEST_F(Authentication, UnknownServicesAreNamed) {
  const HttpAnswer dynamo = Json("DynamoDB_20120810.ListTables", "{}", root_, "dynamodb");
  EXPECT_EQ(dynamo.status, 400);
  EXPECT_NE(dynamo.body.find("UnknownOperationException"), std::string::npos);
  EXPECT_NE(dynamo.body.find("DynamoDB_20120810:ListTables"), std::string::npos);
  net::ClientRequest lambda = Request({.target = "/2015-03-31/functions/"});
  aws::SignV4(lambda, {.credentials = root_,
                       .region = "us-east-1",
                       .service = "lambda",
                       .now = clock_.Now(),
                       .payload_hash = aws::kEmptySha256});
  const HttpAnswer answer = Send(std::move(lambda));
  EXPECT_NE(answer.body.find("UnknownOperationException"), std::string::npos);
  EXPECT_NE(answer.body.find("lambda"), std::string::npos);
}

TEST_F(Authentication, GetCallerIdentityAnswers) {
  const std::string body = "Action=GetCallerIdentity&Version=2011-06-15";
  net::ClientRequest request = Request({.method = "POST", .target = "/", .body = body});
  request.headers.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
  aws::SignV4(request, {.credentials = root_,
                        .region = "us-east-1",
                        .service = "sts",
                        .now = clock_.Now(),
                        .payload_hash = HexEncode(hash::Digest(hash::Algorithm::kSha256, body))});
  const HttpAnswer answer = Send(std::move(request));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.Xml("Account"), "000000000000");
  EXPECT_EQ(answer.Xml("Arn"), "arn:aws:iam::000000000000:root");
}

TEST_F(Authentication, ANameThatIsNotAKeyIsNeverLookedUp) {
  objects_.GoAway();
  for (const char* id : {"../../x", "asia", "ASIA-X", ""}) {
    const HttpAnswer answer =
        S3({.target = "/bucket/in/a", .credentials = aws::Credentials{id, "x", ""}});
    EXPECT_NE(answer.status, 503) << id;
    EXPECT_NE(answer.status, 200) << id;
  }
}

}  // namespace
}  // namespace leat::awsserver
