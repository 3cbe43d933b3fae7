#include "net/tls.h"

#include <gtest/gtest.h>

#include <future>

#include "base/strings.h"
#include "net/client.h"
#include "net/server.h"
#include "net/socket.h"
#include "net/testing/raw_peer.h"
#include "net/tls_context.h"

namespace leat::net {
namespace {

using namespace std::chrono_literals;

std::string Describe(const std::optional<PeerIdentity>& peer) {
  if (!peer) return "anonymous";
  return peer->common_name + " of " + Join(peer->organizations, ",");
}

// A server that answers who its client is.
class TlsTest : public testing::Test {
 protected:
  void SetUp() override {
    ca_ = *MakeCertificateAuthority("leat-ca");
    identity_ = *IssueCertificate(ca_, {.common_name = "server",
                                        .dns_names = {"localhost"},
                                        .ip_addresses = {"127.0.0.1", "::1"}});
    auto server = Server::Start(
        {.tls = TlsServerOptions{.identity = identity_, .client_ca_pem = ca_.certificate_pem},
         .threads = 4},
        [](ServerRequest& request, ResponseWriter& response) {
          auto body = request.ReadAll(1u << 30);
          const size_t size = body ? body->size() : 0;
          response.Send(200, Describe(request.peer) + " " + std::to_string(size));
        });
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
  }

  Url UrlFor(const std::string& host) {
    return {.scheme = "https", .host = host, .port = server_->port()};
  }

  Result<std::string> Ask(TlsClientOptions options, const std::string& host = "127.0.0.1") {
    const auto client = Client::Make({.tls = std::move(options)});
    auto response = client->Send({.url = UrlFor(host)});
    if (!response) return response.error();
    return (*response)->ReadAll();
  }

  KeyPair ca_, identity_;
  std::unique_ptr<Server> server_;
};

TEST_F(TlsTest, VerifiesAddressesAndNamesOfTheServer) {
  EXPECT_EQ(Ask({.ca_pem = ca_.certificate_pem}).value_or("failed"), "anonymous 0");
  EXPECT_EQ(Ask({.ca_pem = ca_.certificate_pem}, "localhost").value_or("failed"), "anonymous 0");
}

TEST_F(TlsTest, TellsTheServerWhoAClientWithACertificateIs) {
  const auto admin = IssueCertificate(ca_, {.common_name = "kubernetes-admin",
                                            .organizations = {"system:masters", "staff"},
                                            .server = false});
  ASSERT_TRUE(admin);
  EXPECT_EQ(Ask({.ca_pem = ca_.certificate_pem, .identity = *admin}).value_or("failed"),
            "kubernetes-admin of system:masters,staff 0");
}

TEST_F(TlsTest, RefusesAServerOfAnotherAuthority) {
  const auto other = MakeCertificateAuthority("other");
  const auto answer = Ask({.ca_pem = other->certificate_pem});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::kUnauthorized) << answer.error().message;
  EXPECT_TRUE(Ask({.ca_pem = other->certificate_pem, .insecure_skip_verify = true}));
}

TEST_F(TlsTest, RefusesAServerWithAnotherName) {
  const auto elsewhere = IssueCertificate(
      ca_, {.common_name = "127.0.0.1", .dns_names = {"elsewhere"}, .ip_addresses = {"127.0.0.2"}});
  auto server = Server::Start({.tls = TlsServerOptions{.identity = *elsewhere}},
                              [](ServerRequest&, ResponseWriter&) {});
  ASSERT_TRUE(server);
  server_ = std::move(*server);
  const auto answer = Ask({.ca_pem = ca_.certificate_pem});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::kUnauthorized) << answer.error().message;
}

TEST_F(TlsTest, EndsTheHandshakeOfAClientWithAForeignCertificate) {
  const auto other = MakeCertificateAuthority("leat-ca");  // the same name, another key
  const auto forged = IssueCertificate(
      *other,
      {.common_name = "kubernetes-admin", .organizations = {"system:masters"}, .server = false});
  const auto answer = Ask({.ca_pem = ca_.certificate_pem, .identity = *forged});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::kUnauthorized) << answer.error().message;
}

TEST_F(TlsTest, ShowsARenewedCertificateToTheNextConnection) {
  const auto elsewhere = IssueCertificate(ca_, {.common_name = "x", .dns_names = {"elsewhere"}});
  Mutex mu;
  Result<KeyPair> current = *elsewhere;
  auto server =
      Server::Start({.tls = TlsServerOptions{.identity = {},
                                             .current_identity =
                                                 [&] {
                                                   MutexLock lock(mu);
                                                   return current;
                                                 }}},
                    [](ServerRequest&, ResponseWriter& response) { response.Send(200, "hello"); });
  ASSERT_TRUE(server) << server.error().message;
  server_ = std::move(*server);
  EXPECT_FALSE(Ask({.ca_pem = ca_.certificate_pem}));
  {
    MutexLock lock(mu);
    current = identity_;
  }
  EXPECT_EQ(Ask({.ca_pem = ca_.certificate_pem}).value_or("failed"), "hello");
  {
    MutexLock lock(mu);
    current = Error{Code::kInternal, "no new one can be made"};
  }
  EXPECT_EQ(Ask({.ca_pem = ca_.certificate_pem}).value_or("failed"), "hello");
  server_.reset();
}

TEST_F(TlsTest, TellsAClientThatForgotTheS) {
  RawPeer peer(server_->port());
  peer.Say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  const std::string answer = peer.HearAll();
  EXPECT_TRUE(answer.starts_with("HTTP/1.0 400 ")) << answer;
  EXPECT_NE(answer.find("use https://"), std::string::npos);
}

TEST_F(TlsTest, StreamsFromAnOutbox) {
  auto outbox = std::make_shared<Outbox>();
  auto server = Server::Start(
      {.tls = TlsServerOptions{.identity = identity_}},
      [&](ServerRequest&, ResponseWriter& response) { response.Stream(200, outbox); });
  ASSERT_TRUE(server);
  const auto client = Client::Make({.tls = {.ca_pem = ca_.certificate_pem}});
  auto response =
      client->Send({.url = {.scheme = "https", .host = "127.0.0.1", .port = (*server)->port()}});
  ASSERT_TRUE(response) << response.error().message;
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    const std::string line = std::string(static_cast<size_t>(i) * 100, 'x') + "\n";
    expected += line;
    outbox->Push(line);
  }
  outbox->Close();
  EXPECT_TRUE((*response)->ReadAll().value_or("failed") == expected);
}

TEST_F(TlsTest, AnAnswerToAClientThatHasClosedFails) {
  std::promise<Error> failure;
  auto server = Server::Start({.tls = TlsServerOptions{.identity = identity_}},
                              [&](ServerRequest& request, ResponseWriter& response) {
                                // Its end within the body: the close_notify has been read.
                                EXPECT_FALSE(request.ReadAll(100));
                                const std::string piece(64 << 10, 'x');
                                Status put = response.Start(400, std::nullopt);
                                while (put) put = response.Write(piece);
                                failure.set_value(put.error());
                              });
  ASSERT_TRUE(server);
  auto socket = ConnectTo("127.0.0.1", (*server)->port(), 10s, {});
  ASSERT_TRUE(socket);
  const auto context = TlsContext::ForClient({.ca_pem = ca_.certificate_pem});
  auto peer = (*context)->Connect(std::move(*socket), "127.0.0.1");
  ASSERT_TRUE(HandshakeAll(**peer, {10s, {}}));
  ASSERT_TRUE(WriteAll(**peer, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhello",
                       Flush::kNow, {10s, {}}));
  (*peer)->CloseWrite();
  peer->reset();
  auto failed = failure.get_future();
  ASSERT_EQ(failed.wait_for(20s), std::future_status::ready);
  EXPECT_EQ(failed.get().code, Code::kUnavailable);
}

TEST_F(TlsTest, CarriesALargeUpload) {
  const auto client = Client::Make({.tls = {.ca_pem = ca_.certificate_pem}});
  uint64_t given = 0;
  auto response = client->Send({.method = "PUT",
                                .url = UrlFor("127.0.0.1"),
                                .body_source = [&](std::span<char> buffer) -> Result<size_t> {
                                  std::fill(buffer.begin(), buffer.end(), 'x');
                                  given += buffer.size();
                                  return buffer.size();
                                },
                                .body_size = 5'000'000});
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ((*response)->ReadAll().value_or("failed"), "anonymous 5000000");
  EXPECT_EQ(given, 5'000'000u);
}

TEST_F(TlsTest, UsesAConnectionAgain) {
  const auto client = Client::Make({.tls = {.ca_pem = ca_.certificate_pem}});
  for (int i = 0; i < 5; ++i) {
    auto response = client->Send({.method = "POST", .url = UrlFor("localhost"), .body = "abc"});
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ((*response)->ReadAll().value_or("failed"), "anonymous 3");
  }
}

TEST(Certificates, ExpireWhenAskedTo) {
  const auto ca = MakeCertificateAuthority("ca");
  ASSERT_TRUE(ca);
  const auto seconds_after = [](WallTime begin, const std::string& pem) {
    return std::chrono::duration<double>(CertificateValidity(pem)->end - begin).count();
  };
  const WallTime now = std::chrono::system_clock::now();
  const auto leaf = IssueCertificate(*ca, {.common_name = "x", .lifetime = 48h});
  ASSERT_TRUE(leaf);
  EXPECT_NEAR(seconds_after(now, leaf->certificate_pem), 48 * 3600, 60);
  EXPECT_NEAR(seconds_after(now, ca->certificate_pem), 3650.0 * 86400, 60);
  const WallTime later = now + 1000h;
  const auto coming = IssueCertificate(*ca, {.common_name = "x", .lifetime = 48h, .now = later});
  ASSERT_TRUE(coming);
  EXPECT_NEAR(seconds_after(later, coming->certificate_pem), 48 * 3600, 1);
  EXPECT_GT(CertificateValidity(coming->certificate_pem)->begin, now + 999h);
  EXPECT_EQ(CertificateValidity("no certificate").error().code, Code::kInvalid);
}

TEST(Certificates, KeysArePkcs8Pem) {
  const auto ca = MakeCertificateAuthority("ca");
  ASSERT_TRUE(ca);
  EXPECT_TRUE(ca->key_pem.starts_with("-----BEGIN PRIVATE KEY-----\n"));
  EXPECT_TRUE(ca->certificate_pem.starts_with("-----BEGIN CERTIFICATE-----\n"));
}

TEST(Certificates, AreNotIssuedForNamesThatAreNone) {
  const auto ca = MakeCertificateAuthority("ca");
  ASSERT_TRUE(ca);
  const CertificateRequest smuggled{.common_name = "x", .dns_names = {"a,DNS:b"}};
  EXPECT_EQ(IssueCertificate(*ca, smuggled).error().code, Code::kInvalid);
  const CertificateRequest no_address{.common_name = "x", .ip_addresses = {"300.1.1.1"}};
  EXPECT_EQ(IssueCertificate(*ca, no_address).error().code, Code::kInvalid);
  const KeyPair broken{"nonsense", "nonsense"};
  EXPECT_EQ(IssueCertificate(broken, {.common_name = "x"}).error().code, Code::kInvalid);
}

}  // namespace
}  // namespace leat::net
