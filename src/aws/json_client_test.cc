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
      response.Send(status_, answer_);
    });
    EXPECT_TRUE(server);
    server_ = std::move(*server);
  }
  Result<json::Value> CallIt(ServiceError* error = nullptr) {
    return Call(*http_,
                {.endpoint = "http://127.0.0.1:" + std::to_string(server_->port()),
                 .region = "eu-west-1",
                 .signing_name = "sagemaker",
                 .target_prefix = "SageMaker",
                 .credentials = {"AKIA", "secret", ""}},
                "DescribeTrainingJob", json::Object({{"TrainingJobName", "j"}}), {}, error);
  }
  void Refuse(int status, const std::string& type, const std::string& message) {
    status_ = status;
    answer_ = json::Print(json::Object({{"__type", type}, {"message", message}}));
  }

  int status_ = 200;
  std::string answer_ = "{}";
  std::string target_, authorization_, body_;
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
      {400, "ResourceInUse", "x", Code::kAlreadyExists},
      {400, "AccessDeniedException", "x", Code::kForbidden},
      {400, "UnrecognizedClientException", "x", Code::kForbidden},
      {400, "ThrottlingException", "x", Code::kUnavailable},
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
    EXPECT_TRUE(std::string_view(c.type).ends_with(parts.type)) << parts.type;
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

TEST_F(JsonClient, AServiceThatIsAwayIsUnavailable) {
  server_.reset();
  const auto answer =
      Call(*http_, {.endpoint = "http://127.0.0.1:1", .credentials = {"A", "s", ""}}, "X",
           json::Object());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::kUnavailable);
}

}  // namespace
}  // namespace leat::aws
