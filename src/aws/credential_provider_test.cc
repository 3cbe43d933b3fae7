#include "aws/credential_provider.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "io/file.h"
#include "net/server.h"

namespace leat::aws {
namespace {

using Variables = std::vector<std::pair<std::string, std::string>>;

std::string In(std::chrono::seconds time) {
  return FormatTime(std::chrono::system_clock::now() + time);
}

std::string KeysJson(const std::string& key, std::chrono::seconds lifetime) {
  return fmt::format(
      R"({{"Code":"Success","AccessKeyId":"{}","SecretAccessKey":"s","Token":"t","Expiration":"{}"}})",
      key, In(lifetime));
}

class ProviderTest : public ::testing::Test {
 protected:
  using Answer = std::function<void(net::ServerRequest&, net::ResponseWriter&)>;

  ProviderTest() {
    auto server = net::Server::Start({}, [this](auto& request, auto& response) {
      ++requests_;
      answer_(request, response);
    });
    EXPECT_TRUE(server);
    server_ = std::move(*server);
  }
  std::string Url() const { return fmt::format("http://127.0.0.1:{}", server_->port()); }
  std::string Write(const std::string& name, const std::string& text) {
    EXPECT_TRUE(io::WriteFile(dir_.path() + "/" + name, text));
    return dir_.path() + "/" + name;
  }
  Variables InstanceVariables() const { return {{"AWS_EC2_METADATA_SERVICE_ENDPOINT", Url()}}; }
  Variables WebVariables() {
    return {{"AWS_WEB_IDENTITY_TOKEN_FILE", Write("token", "jwt+/=\n")},
            {"AWS_ROLE_ARN", "arn:aws:iam::1:role/r"},
            {"AWS_ENDPOINT_URL_STS", Url()}};
  }
  // As an instance answers, with the key and its lifetime.
  static Answer Instance(std::string key, std::chrono::seconds lifetime) {
    return [=](net::ServerRequest& request, net::ResponseWriter& response) {
      if (request.method == "PUT") return response.Send(200, "session");
      if (request.headers.Get("X-aws-ec2-metadata-token") != "session") {
        return response.Send(401, "");
      }
      response.Send(200, request.path.ends_with("/role") ? KeysJson(key, lifetime) : "role\n");
    };
  }

  io::TempDir dir_;
  Answer answer_ = [](auto&, auto& response) { response.Send(500, ""); };
  std::atomic<int> requests_ = 0;
  std::unique_ptr<net::Server> server_;
};

TEST_F(ProviderTest, VariablesComeFirstAndCostNothing) {
  Variables variables = InstanceVariables();
  variables.insert(variables.end(), {{"AWS_ACCESS_KEY_ID", "ENV"}, {"AWS_SECRET_ACCESS_KEY", "s"}});
  CredentialProvider provider(FixedEnvironment(variables));
  EXPECT_EQ(provider.Get()->access_key_id, "ENV");
  EXPECT_EQ(requests_, 0);
}

TEST_F(ProviderTest, TheProfileOfTheHandedInHomeIsRead) {
  ASSERT_TRUE(io::MakeDirs(dir_.path() + "/.aws"));
  Write(".aws/credentials", "[p]\naws_access_key_id=FILE\naws_secret_access_key=s\n");
  CredentialProvider provider(FixedEnvironment({{"HOME", dir_.path()}, {"AWS_PROFILE", "p"}}));
  EXPECT_EQ(provider.Get()->access_key_id, "FILE");
}

TEST_F(ProviderTest, AWebIdentityIsExchangedForKeys) {
  answer_ = [](net::ServerRequest& request, net::ResponseWriter& response) {
    const net::Query form = net::Query::Parse(*request.ReadAll(1 << 16));
    EXPECT_EQ(form.Get("Action"), "AssumeRoleWithWebIdentity");
    EXPECT_EQ(form.Get("WebIdentityToken"), "jwt+/=");
    EXPECT_EQ(form.Get("RoleArn"), "arn:aws:iam::1:role/r");
    response.Send(200, fmt::format("<AssumeRoleWithWebIdentityResponse>"
                                   "<AssumeRoleWithWebIdentityResult><Credentials>"
                                   "<AccessKeyId>WEB</AccessKeyId>"
                                   "<SecretAccessKey>s</SecretAccessKey>"
                                   "<SessionToken>t</SessionToken><Expiration>{}</Expiration>"
                                   "</Credentials></AssumeRoleWithWebIdentityResult>"
                                   "</AssumeRoleWithWebIdentityResponse>",
                                   In(std::chrono::hours(1))));
  };
  CredentialProvider provider(FixedEnvironment(WebVariables()));
  const auto got = provider.Get();
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(*got, (Credentials{"WEB", "s", "t"}));
  EXPECT_TRUE(provider.Get());
  EXPECT_EQ(requests_, 1);
}

TEST_F(ProviderTest, APlaceThatIsSetUpAndRefusesEndsTheSearch) {
  for (const auto& [status, code] : std::vector<std::pair<int, Code>>{
           {403, Code::kUnauthorized}, {404, Code::kUnauthorized}, {500, Code::kUnavailable}}) {
    answer_ = [status = status](auto&, auto& response) { response.Send(status, ""); };
    CredentialProvider provider(FixedEnvironment(WebVariables()));
    const auto got = provider.Get();
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, code);
    EXPECT_NE(got.error().message.find("role/r"), std::string::npos);
  }
}

TEST_F(ProviderTest, AContainerIsAskedWithItsToken) {
  answer_ = [](net::ServerRequest& request, net::ResponseWriter& response) {
    EXPECT_EQ(request.headers.Get("Authorization"), "tok");
    response.Send(200, KeysJson("POD", std::chrono::hours(1)));
  };
  CredentialProvider provider(
      FixedEnvironment({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", Url() + "/v1/credentials"},
                        {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", Write("tok", "tok\n")}}));
  const auto got = provider.Get();
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->access_key_id, "POD");
}

TEST_F(ProviderTest, ContainerCredentialsDoNotTravelInClearToStrangers) {
  CredentialProvider provider(
      FixedEnvironment({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://credentials.example/v1"}}));
  const auto got = provider.Get();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::kUnauthorized);
}

TEST_F(ProviderTest, AnInstanceGivesTheKeysOfItsRole) {
  answer_ = Instance("ROLE", std::chrono::hours(6));
  CredentialProvider provider(FixedEnvironment(InstanceVariables()));
  const auto got = provider.Get();
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->access_key_id, "ROLE");
  EXPECT_TRUE(provider.Get());
  EXPECT_EQ(requests_, 3);
}

TEST_F(ProviderTest, WithoutAnythingItSaysWhereItLooked) {
  CredentialProvider provider(FixedEnvironment({{"AWS_EC2_METADATA_DISABLED", "true"}}));
  const auto got = provider.Get();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::kUnauthorized);
  for (const char* part : {"AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "credentials",
                           "AWS_CONTAINER", "AWS_EC2_METADATA_DISABLED"}) {
    EXPECT_NE(got.error().message.find(part), std::string::npos) << part;
  }
}

TEST_F(ProviderTest, KeysThatEndSoonAreUsedOnWhileNewOnesCannotBeHad) {
  answer_ = Instance("FIRST", std::chrono::minutes(4));
  CredentialProvider provider(FixedEnvironment(InstanceVariables()));
  ASSERT_TRUE(provider.Get());
  answer_ = [](auto&, auto& response) { response.Send(500, ""); };
  provider.Invalidate();
  const auto got = provider.Get();
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->access_key_id, "FIRST");
  EXPECT_EQ(requests_, 4);
}

TEST_F(ProviderTest, ExpiredKeysAreFetchedAgain) {
  answer_ = Instance("FIRST", std::chrono::seconds(-1));
  CredentialProvider provider(FixedEnvironment(InstanceVariables()));
  ASSERT_TRUE(provider.Get());
  answer_ = Instance("SECOND", std::chrono::hours(1));
  EXPECT_EQ(provider.Get()->access_key_id, "SECOND");
  EXPECT_EQ(provider.Get()->access_key_id, "SECOND");
  EXPECT_EQ(requests_, 6);
}

TEST_F(ProviderTest, InvalidKeysAreFetchedAgainButNotInALoop) {
  answer_ = Instance("FIRST", std::chrono::hours(1));
  CredentialProvider provider(FixedEnvironment(InstanceVariables()));
  ASSERT_TRUE(provider.Get());
  answer_ = Instance("SECOND", std::chrono::hours(1));
  for (int i = 0; i < 5; ++i) {
    provider.Invalidate();
    EXPECT_EQ(provider.Get()->access_key_id, "SECOND");
  }
  EXPECT_EQ(requests_, 6);
}

TEST_F(ProviderTest, ManyThreadsMakeOneFetch) {
  answer_ = Instance("ROLE", std::chrono::hours(1));
  CredentialProvider provider(FixedEnvironment(InstanceVariables()));
  std::atomic<int> right = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        const auto got = provider.Get();
        if (got && got->access_key_id == "ROLE") ++right;
      });
    }
  }
  EXPECT_EQ(right, 8);
  EXPECT_EQ(requests_, 3);
}

}  // namespace
}  // namespace leat::aws
