#include "aws/json_client.h"

#include <gtest/gtest.h>

#include "net/server.h"

namespace leat::aws {
namespace {

class JsonClient : public ::testing::Test {
 protected:
  JsonClient() {
    auto server = net::Server::Start({}, [this](auto& request, auto& response) {
      target_ = request.headers.Get("X-Amz-Target");
      authorization_ = request.headers.Get("Authorization");
      const auto body = request.ReadAll(1 << 20);
      body_ = body ? *body : "";
      response.headers.Set("Content-Type", "application/x-amz-json-1.1");
      if (!error_type_.empty()) response.headers.Set("x-amzn-ErrorType", error_type_);
      response.Send(status_, answer_);
    });
    if (!server) {
      ADD_FAILURE() << server.error().message;
      return;
    }
    server_ = std::move(*server);
    service_.endpoint = "http://127.0.0.1:" + std::to_string(server_->port());
  }
  Result<json::Value> CallIt(ServiceError* error = nullptr) {
    return Call(*http_, service_, "DescribeTrainingJob", json::Object({{"TrainingJobName", "j"}}),
                {}, error);
  }
  void Refuse(int status, const std::string& type, const std::string& message) {
    status_ = status;
    answer_ = json::Print(json::Object({{"__type", type}, {"message", message}}));
  }

  int status_ = 200;
  std::string answer_ = "{}";
  std::string error_type_;
  std::string target_, authorization_, body_;
  JsonService service_{.endpoint = "",
                       .region = "eu-west-1",
                       .signing_name = "sagemaker",
                       .target_prefix = "SageMaker",
                       .credentials = {"AKIA", "secret", ""}};
  std::unique_ptr<net::Client> http_ = net::Client::Make();
  std::unique_ptr<net::Server> server_;
};

TEST_F(JsonClient, SendsASignedCallAndReadsItsAnswer) {
  answer_ = R"({"TrainingJobStatus": "Completed"})";
  const auto answer = CallIt();
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ((*answer)["TrainingJobStatus"].AsString(), "Completed");
  EXPECT_EQ(target_, "SageMaker.DescribeTrainingJob");
  EXPECT_EQ(body_, R"({"TrainingJobName":"j"})");
  EXPECT_NE(authorization_.find("/eu-west-1/sagemaker/aws4_request"), std::string::npos);
  EXPECT_NE(authorization_.find("SignedHeaders=content-type;host;x-amz-date;x-amz-target"),
            std::string::npos);
}

TEST_F(JsonClient, RefusalsBecomeCodesAndKeepTheirParts) {
  const struct {
    int status;
    const char* type;
    const char* message;
    Code code;
  } kCases[] = {
      {400, "ValidationException", "bad name", Code::kInvalid},
      {400, "ValidationException", "Could not find requested job", Code::kNotFound},
      {400, "ResourceNotFound", "x", Code::kNotFound},
      {400, "com.amazonaws.logs#ResourceNotFoundException", "x", Code::kNotFound},
      {400, "ResourceNotFound:http://internal.amazon.com/x/", "x", Code::kNotFound},
      {400, "ResourceInUse", "x", Code::kAlreadyExists},
      {400, "ResourceAlreadyExistsException", "x", Code::kAlreadyExists},
      {400, "ConflictException", "x", Code::kConflict},
      {400, "AccessDeniedException", "x", Code::kForbidden},
      {400, "UnrecognizedClientException", "x", Code::kForbidden},
      {400, "InvalidSignatureException", "x", Code::kForbidden},
      {400, "ThrottlingException", "x", Code::kUnavailable},
      {429, "Odd", "x", Code::kUnavailable},
      {400, "UnknownOperationException", "x", Code::kUnimplemented},
      {400, "ResourceLimitExceeded", "x", Code::kExhausted},
      {500, "InternalFailure", "x", Code::kUnavailable},
  };
  for (const auto& c : kCases) {
    Refuse(c.status, c.type, c.message);
    ServiceError parts;
    const auto answer = CallIt(&parts);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, c.code) << c.type;
    EXPECT_EQ(answer.error().message, c.message);
    EXPECT_EQ(parts.http_status, c.status);
    EXPECT_EQ(parts.message, c.message);
    EXPECT_EQ(parts.type.find_first_of("#:"), std::string::npos) << parts.type;
    EXPECT_NE(std::string_view(c.type).find(parts.type), std::string_view::npos) << parts.type;
  }
}

TEST_F(JsonClient, AnAnswerThatIsNotJsonIsStillAnError) {
  status_ = 502;
  answer_ = "<html>";
  const auto answer = CallIt();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::kUnavailable);
  EXPECT_EQ(answer.error().message, "the service answered HTTP 502");
}

TEST_F(JsonClient, TheTypeMayStandInAHeader) {
  status_ = 400;
  answer_ = R"({"Message": "no such job"})";
  error_type_ = "ResourceNotFound:http://internal.amazon.com/x/";
  ServiceError parts;
  const auto answer = CallIt(&parts);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::kNotFound);
  EXPECT_EQ(parts.type, "ResourceNotFound");
  EXPECT_EQ(parts.message, "no such job");
}

TEST_F(JsonClient, AnEmptyAnswerIsAnEmptyObjectAndABrokenOneAnError) {
  answer_ = "";
  const auto empty = CallIt();
  ASSERT_TRUE(empty) << empty.error().message;
  EXPECT_EQ(json::Print(*empty), "{}");
  answer_ = "{\"a\":";
  const auto broken = CallIt();
  ASSERT_FALSE(broken);
  EXPECT_TRUE(broken.error().message.starts_with("the answer to DescribeTrainingJob"))
      << broken.error().message;
}

TEST_F(JsonClient, ATemporaryKeysTokenIsSigned) {
  service_.credentials.session_token = "token";
  ASSERT_TRUE(CallIt());
  EXPECT_NE(authorization_.find(";x-amz-security-token;"), std::string::npos) << authorization_;
}

TEST_F(JsonClient, AnEndpointThatIsNoUrlIsSaidToBeOne) {
  service_.endpoint = "localhost:9000";
  const auto answer = CallIt();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::kInvalid);
  EXPECT_TRUE(answer.error().message.starts_with("sagemaker endpoint")) << answer.error().message;
}

TEST_F(JsonClient, AStopEndsTheCall) {
  std::stop_source stop;
  stop.request_stop();
  const auto answer = Call(*http_, service_, "X", json::Object(), stop.get_token());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::kCancelled);
}

TEST_F(JsonClient, AServiceThatIsAwayIsUnavailable) {
  server_.reset();
  const auto answer = CallIt();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::kUnavailable);
  EXPECT_TRUE(answer.error().message.starts_with("DescribeTrainingJob at " + service_.endpoint))
      << answer.error().message;
}

}  // namespace
}  // namespace leat::aws
