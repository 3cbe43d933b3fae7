#include "aws/credentials.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "io/file.h"

namespace leat::aws {
namespace {

// Gives each test an environment of its own, and puts the old one back.
class CredentialChain : public ::testing::Test {
 protected:
  CredentialChain() {
    for (const char* name : kNames) {
      const char* value = ::getenv(name);
      old_.emplace_back(name, value != nullptr ? std::optional<std::string>(value) : std::nullopt);
      ::unsetenv(name);
    }
    ::setenv("HOME", dir_.path().c_str(), 1);
    EXPECT_TRUE(io::MakeDirs(dir_.path() + "/.aws"));
  }
  ~CredentialChain() override {
    for (const auto& [name, value] : old_) {
      value ? ::setenv(name.c_str(), value->c_str(), 1) : ::unsetenv(name.c_str());
    }
  }
  void Write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(io::WriteFile(dir_.path() + "/.aws/" + name, text));
  }

  static constexpr const char* kNames[] = {"HOME",
                                           "AWS_ACCESS_KEY_ID",
                                           "AWS_SECRET_ACCESS_KEY",
                                           "AWS_SESSION_TOKEN",
                                           "AWS_PROFILE",
                                           "AWS_SHARED_CREDENTIALS_FILE",
                                           "AWS_CONFIG_FILE",
                                           "AWS_ENDPOINT_URL",
                                           "AWS_ENDPOINT_URL_S3",
                                           "AWS_REGION",
                                           "AWS_DEFAULT_REGION"};
  io::TempDir dir_;
  std::vector<std::pair<std::string, std::optional<std::string>>> old_;
};

TEST_F(CredentialChain, TheEnvironmentComesFirst) {
  Write("credentials", "[default]\naws_access_key_id=FILE\naws_secret_access_key=f\n");
  ::setenv("AWS_ACCESS_KEY_ID", "ENV", 1);
  ::setenv("AWS_SECRET_ACCESS_KEY", "e", 1);
  EXPECT_EQ(FindCredentials()->access_key_id, "ENV");
}

TEST_F(CredentialChain, TheProfileOfTheFileIsUsed) {
  Write("credentials",
        "# c\n[default]\naws_access_key_id = A\naws_secret_access_key = a\n\n[other]\n"
        "aws_access_key_id=B\naws_secret_access_key=b=c\naws_session_token=t\n");
  EXPECT_EQ(FindCredentials()->access_key_id, "A");
  ::setenv("AWS_PROFILE", "other", 1);
  EXPECT_EQ(FindCredentials()->secret_access_key, "b=c");
  EXPECT_EQ(FindCredentials()->session_token, "t");
}

TEST_F(CredentialChain, SaysWhereItLooked) {
  const auto none = FindCredentials();
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::kNotFound);
  EXPECT_NE(none.error().message.find(dir_.path()), std::string::npos);
}

TEST_F(CredentialChain, EndpointsComeFromEnvironmentThenConfigThenAws) {
  EXPECT_EQ(FindEndpoint("s3", "eu-west-1"), "https://s3.eu-west-1.amazonaws.com");
  EXPECT_EQ(FindEndpoint("sagemaker", "us-east-1"),
            "https://api.sagemaker.us-east-1.amazonaws.com");
  Write("config",
        "[default]\nregion = eu-central-1\ns3 =\n  endpoint_url = http://nested\n"
        "endpoint_url = http://127.0.0.1:9\n");
  EXPECT_EQ(FindEndpoint("s3", "x"), "http://127.0.0.1:9");
  EXPECT_EQ(FindRegion(), "eu-central-1");
  ::setenv("AWS_ENDPOINT_URL", "http://all", 1);
  EXPECT_EQ(FindEndpoint("s3", "x"), "http://all");
  ::setenv("AWS_ENDPOINT_URL_S3", "http://s3", 1);
  EXPECT_EQ(FindEndpoint("s3", "x"), "http://s3");
  EXPECT_EQ(FindEndpoint("logs", "x"), "http://all");
}

}  // namespace
}  // namespace leat::aws
