#include "net/client.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <atomic>
#include <future>
#include <latch>
#include <thread>

#include "net/server.h"
#include "net/testing/raw_peer.h"

namespace leat::net {
namespace {

using namespace std::chrono_literals;

Url UrlOf(uint16_t port, const std::string& path = "/") {
  return {.host = "127.0.0.1", .port = port, .path = path};
}

// A server that the test plays itself, one connection at a time.
class Script {
 public:
  Script() : listener_(std::move(*Listen("127.0.0.1", 0))) {}
  uint16_t port() const { return *LocalPort(listener_.get()); }
  RawPeer Accept() {
    pollfd wait{listener_.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&wait, 1, 20'000), 1);
    std::string remote;
    return RawPeer(std::move(*AcceptNext(listener_.get(), &remote)));
  }

 private:
  io::UniqueFd listener_;
};

std::string ReadBody(Result<std::unique_ptr<ClientResponse>>& response) {
  if (!response) return "ERROR " + response.error().message;
  auto body = (*response)->ReadAll();
  return body ? *body : "ERROR " + body.error().message;
}

TEST(Client, SendsMethodPathHeadersAndBody) {
  auto server = Server::Start({}, [](ServerRequest& request, ResponseWriter& response) {
    response.headers.Set("X-Answer", "yes");
    response.Send(201, request.method + " " + request.target + " " +
                           std::string(request.headers.Get("X-Ask")) + " " +
                           std::string(request.headers.Get("Host")) + " " +
                           request.ReadAll(100).value_or("?"));
  });
  ASSERT_TRUE(server);
  const auto client = Client::Make();
  Url url = UrlOf((*server)->port(), "/p");
  url.query = "q=1";
  auto response =
      client->Send({.method = "POST", .url = url, .headers = {{"X-Ask", "why"}}, .body = "body"});
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ((*response)->status, 201);
  EXPECT_EQ((*response)->headers.Get("x-answer"), "yes");
  const std::string expected =
      "POST /p?q=1 why 127.0.0.1:" + std::to_string((*server)->port()) + " body";
  EXPECT_EQ((*response)->content_length, expected.size());
  EXPECT_EQ(ReadBody(response), expected);
}

TEST(Client, KeepsConnectionsAndUsesThemAgain) {
  Mutex mu;
  std::vector<std::string> remotes;
  auto server = Server::Start({}, [&](ServerRequest& request, ResponseWriter& response) {
    {
      MutexLock lock(mu);
      remotes.push_back(request.remote);
    }
    if (request.path == "/chunked") {
      ASSERT_TRUE(response.Start(200, std::nullopt));
      ASSERT_TRUE(response.Write("ok"));
      ASSERT_TRUE(response.Finish());
    } else {
      response.Send(200, request.path == "/empty" ? "" : "ok");
    }
  });
  ASSERT_TRUE(server);
  const auto client = Client::Make();
  for (const char* path : {"/", "/chunked", "/empty", "/"}) {
    auto response = client->Send({.url = UrlOf((*server)->port(), path)});
    ReadBody(response);
  }
  auto head = client->Send({.method = "HEAD", .url = UrlOf((*server)->port())});
  EXPECT_EQ(ReadBody(head), "");
  MutexLock lock(mu);
  ASSERT_EQ(remotes.size(), 5u);
  for (const auto& remote : remotes) EXPECT_EQ(remote, remotes[0]);
}

TEST(Client, AnswersTwoHundredCallsInParallel) {
  auto server = Server::Start({.threads = 8}, [](ServerRequest& request, ResponseWriter& response) {
    response.Send(200, request.ReadAll(1 << 20).value_or("?"));
  });
  ASSERT_TRUE(server);
  const auto client = Client::Make();
  std::atomic<int> right = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 200; ++i)
      threads.emplace_back([&, i] {
        const std::string body = std::to_string(i) + std::string(static_cast<size_t>(i) * 50, 'x');
        auto response =
            client->Send({.method = "POST", .url = UrlOf((*server)->port()), .body = body});
        if (ReadBody(response) == body) ++right;
      });
  }
  EXPECT_EQ(right, 200);
}

TEST(Client, ReadsChunkedAnswersAsTheyCome) {
  auto outbox = std::make_shared<Outbox>();
  auto server = Server::Start(
      {}, [&](ServerRequest&, ResponseWriter& response) { response.Stream(200, outbox); });
  ASSERT_TRUE(server);
  const auto client = Client::Make();
  auto response = client->Send({.url = UrlOf((*server)->port())});
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_FALSE((*response)->content_length);
  std::array<char, 100> buffer;
  for (const std::string line : {"one\n", "two\n"}) {
    outbox->Push(line);
    const auto n = (*response)->Read(buffer);
    ASSERT_TRUE(n);
    EXPECT_EQ(std::string(buffer.data(), *n), line);
  }
  outbox->Close();
  EXPECT_EQ((*response)->Read(buffer).value_or(99), 0u);
}

TEST(Client, DroppingAStreamClosesTheConnection) {
  auto outbox = std::make_shared<Outbox>();
  std::promise<void> closed;
  outbox->OnClosed([&] { closed.set_value(); });
  auto server = Server::Start(
      {}, [&](ServerRequest&, ResponseWriter& response) { response.Stream(200, outbox); });
  ASSERT_TRUE(server);
  const auto client = Client::Make();
  ASSERT_TRUE(client->Send({.url = UrlOf((*server)->port())}));
  closed.get_future().get();
  EXPECT_TRUE(outbox->closed());
}

TEST(Client, AStopCancelsACallAtOnce) {
  Script server;
  const auto client = Client::Make();
  std::stop_source stop;
  auto call =
      InBackground([&] { return client->Send({.url = UrlOf(server.port())}, stop.get_token()); });
  RawPeer peer = server.Accept();
  peer.HearUntil("\r\n\r\n");
  stop.request_stop();
  EXPECT_EQ(call.get().error().code, Code::kCancelled);
  EXPECT_EQ(client->Send({.url = UrlOf(server.port())}, stop.get_token()).error().code,
            Code::kCancelled);
}

TEST(Client, AStopCancelsAStreamThatIsBeingRead) {
  auto outbox = std::make_shared<Outbox>();
  auto server = Server::Start(
      {}, [&](ServerRequest&, ResponseWriter& response) { response.Stream(200, outbox); });
  ASSERT_TRUE(server);
  const auto client = Client::Make();
  std::stop_source stop;
  auto response = client->Send({.url = UrlOf((*server)->port())}, stop.get_token());
  ASSERT_TRUE(response);
  std::latch reading(1);
  auto read = InBackground([&] {
    std::array<char, 10> buffer;
    reading.count_down();
    return (*response)->Read(buffer);
  });
  reading.wait();
  stop.request_stop();
  EXPECT_EQ(read.get().error().code, Code::kCancelled);
}

// A listener whose queue is full lets further connects hang, as a host that drops packets does.
class FullListener {
 public:
  FullListener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(fd_.get(), 0), 0);
    while (auto fd = ConnectTo("127.0.0.1", port(), 100ms, {})) queued_.push_back(std::move(*fd));
  }
  uint16_t port() const { return *LocalPort(fd_.get()); }

 private:
  io::UniqueFd fd_;
  std::vector<io::UniqueFd> queued_;
};

TEST(Client, AConnectThatHangsTimesOutOrIsCancelled) {
  const FullListener listener;
  const auto hasty = Client::Make({.connect_timeout = 50ms});
  EXPECT_EQ(hasty->Send({.url = UrlOf(listener.port())}).error().code, Code::kTimeout);
  const auto patient = Client::Make({.connect_timeout = 60s});
  std::stop_source stop;
  std::latch calling(1);
  InBackground call([&] {
    calling.count_down();
    return patient->Send({.url = UrlOf(listener.port())}, stop.get_token());
  });
  calling.wait();
  stop.request_stop();
  EXPECT_EQ(call.get().error().code, Code::kCancelled);
}

TEST(Client, TimesOutWithoutProgress) {
  Script server;
  const auto client = Client::Make();
  const auto response = client->Send({.url = UrlOf(server.port()), .timeout = 50ms});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Code::kTimeout) << response.error().message;
}

TEST(Client, SaysWhatItCouldNotReach) {
  uint16_t port;
  {
    Script nobody;
    port = nobody.port();
  }
  const auto client = Client::Make();
  const auto response = client->Send({.url = UrlOf(port, "/x")});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Code::kUnavailable);
  const std::string at = "127.0.0.1:" + std::to_string(port);
  EXPECT_EQ(response.error().message,
            "GET http://" + at + "/x: connect to " + at + ": Connection refused");
}

TEST(Client, TriesAgainWhenAKeptConnectionHasDied) {
  Script server;
  const auto client = Client::Make();
  auto play = InBackground([&] {
    {
      RawPeer first = server.Accept();
      first.HearUntil("\r\n\r\n");
      first.Say("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1");
      first.HearUntil("abc");  // takes the second request and dies
    }
    RawPeer second = server.Accept();
    EXPECT_TRUE(second.HearUntil("abc").starts_with("PUT"));
    second.Say("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2");
  });
  auto first = client->Send({.url = UrlOf(server.port())});
  EXPECT_EQ(ReadBody(first), "1");
  auto second = client->Send({.method = "PUT", .url = UrlOf(server.port()), .body = "abc"});
  EXPECT_EQ(ReadBody(second), "2");
  play.get();
}

TEST(Client, DoesNotSendAPostTwice) {
  Script server;
  const auto client = Client::Make();
  auto play = InBackground([&] {
    RawPeer kept = server.Accept();
    kept.HearUntil("\r\n\r\n");
    kept.Say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    kept.HearUntil("abc");  // takes the second request, may have done it, and dies
  });
  EXPECT_TRUE(client->Send({.url = UrlOf(server.port())}));
  const auto posted = client->Send({.method = "POST", .url = UrlOf(server.port()), .body = "abc"});
  ASSERT_FALSE(posted);
  EXPECT_EQ(posted.error().code, Code::kUnavailable);
  play.get();
}

TEST(Client, DoesNotTryAgainOnAFreshConnectionOrWithASpentBody) {
  Script server;
  const auto client = Client::Make();
  auto play = InBackground([&] {
    server.Accept().HearUntil("\r\n\r\n");
    RawPeer kept = server.Accept();
    kept.HearUntil("\r\n\r\n");
    kept.Say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    kept.HearUntil("source");
  });
  EXPECT_EQ(client->Send({.url = UrlOf(server.port())}).error().code, Code::kUnavailable);
  EXPECT_TRUE(client->Send({.url = UrlOf(server.port())}));
  const auto source = [](std::span<char> buffer) -> Result<size_t> {
    std::copy_n("source", 6, buffer.begin());
    return 6;
  };
  EXPECT_EQ(
      client
          ->Send(
              {.method = "PUT", .url = UrlOf(server.port()), .body_source = source, .body_size = 6})
          .error()
          .code,
      Code::kUnavailable);
  play.get();
}

TEST(Client, GetsAnAnswerThatComesBeforeTheBodyIsSent) {
  Script server;
  auto play = InBackground([&] {
    RawPeer peer = server.Accept();
    peer.HearUntil("\r\n\r\n");
    peer.Say("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
  });  // and hangs up with most of the body unread
  const auto client = Client::Make();
  auto response = client->Send(
      {.method = "PUT", .url = UrlOf(server.port()), .body = std::string(50'000'000, 'x')});
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ((*response)->status, 403);
  EXPECT_EQ(ReadBody(response), "no");
  play.get();
}

TEST(Client, SkipsInformationalAnswers) {
  Script server;
  auto play = InBackground([&] {
    RawPeer peer = server.Accept();
    peer.HearUntil("\r\n\r\n");
    peer.Say(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  });
  const auto client = Client::Make();
  auto response = client->Send({.url = UrlOf(server.port())});
  EXPECT_EQ(ReadBody(response), "ok");
  play.get();
}

TEST(Client, ReadsUntilTheEndWhenTheServerSaysNoLength) {
  Script server;
  auto play = InBackground([&] {
    RawPeer peer = server.Accept();
    peer.HearUntil("\r\n\r\n");
    peer.Say("HTTP/1.0 200 OK\r\n\r\nall of it");
  });
  const auto client = Client::Make();
  auto response = client->Send({.url = UrlOf(server.port())});
  EXPECT_EQ(ReadBody(response), "all of it");
  play.get();
}

TEST(Client, ABodyThatIsCutOffIsAnError) {
  Script server;
  auto play = InBackground([&] {
    for (const char* framing : {"Content-Length: 10", "Transfer-Encoding: chunked"}) {
      RawPeer peer = server.Accept();
      peer.HearUntil("\r\n\r\n");
      peer.Say("HTTP/1.1 200 OK\r\n" + std::string(framing) + "\r\n\r\n3\r\nab");
    }
  });
  const auto client = Client::Make();
  for (int i = 0; i < 2; ++i) {
    auto response = client->Send({.url = UrlOf(server.port())});
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ((*response)->ReadAll().error().code, Code::kUnavailable);
  }
  play.get();
}

TEST(Client, RefusesAnswersThatAreNotHttp) {
  Script server;
  auto play = InBackground([&] {
    RawPeer peer = server.Accept();
    peer.HearUntil("\r\n\r\n");
    peer.Say("SSH-2.0-OpenSSH_9.2\r\n");
  });
  const auto client = Client::Make();
  const auto response = client->Send({.url = UrlOf(server.port())});
  ASSERT_FALSE(response);
  EXPECT_NE(response.error().message.find("the answer is not HTTP/1.1"), std::string::npos)
      << response.error().message;
  play.get();
}

TEST(Client, StreamsAnUploadFromItsSource) {
  auto server = Server::Start({}, [](ServerRequest& request, ResponseWriter& response) {
    std::vector<char> buffer(100'000);
    uint64_t size = 0, sum = 0;
    while (true) {
      const auto n = request.Read(buffer);
      if (!n || *n == 0) break;
      for (size_t i = 0; i < *n; ++i)
        sum += static_cast<unsigned char>(buffer[i]) * ((size + i) % 251 + 1);
      size += *n;
    }
    response.Send(200, std::to_string(size) + " " + std::to_string(sum));
  });
  ASSERT_TRUE(server);
  constexpr uint64_t kSize = 64u << 20;
  uint64_t given = 0, sum = 0;
  const auto source = [&](std::span<char> buffer) -> Result<size_t> {
    const size_t n = std::min<size_t>(buffer.size(), 70'001);
    for (size_t i = 0; i < n; ++i) {
      buffer[i] = static_cast<char>((given + i) * 7);
      sum += static_cast<unsigned char>(buffer[i]) * ((given + i) % 251 + 1);
    }
    given += n;
    return n;
  };
  const auto client = Client::Make();
  auto response = client->Send({.method = "PUT",
                                .url = UrlOf((*server)->port()),
                                .body_source = source,
                                .body_size = kSize});
  EXPECT_EQ(ReadBody(response), std::to_string(kSize) + " " + std::to_string(sum));
}

TEST(Client, ASourceThatEndsEarlyAbortsTheRequest) {
  auto server = Server::Start({}, [](ServerRequest& request, ResponseWriter& response) {
    if (request.ReadAll(100)) response.Send(200, "");
  });
  ASSERT_TRUE(server);
  const auto client = Client::Make();
  const auto source = [](std::span<char>) -> Result<size_t> { return 0; };
  const auto response = client->Send(
      {.method = "PUT", .url = UrlOf((*server)->port()), .body_source = source, .body_size = 10});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Code::kInvalid) << response.error().message;
}

TEST(Client, RefusesToSendWhatWouldBreakOutOfItsLine) {
  const auto client = Client::Make();
  EXPECT_EQ(client->Send({.url = UrlOf(1, "/a b")}).error().code, Code::kInvalid);
  EXPECT_EQ(client->Send({.url = UrlOf(1), .headers = {{"X", "a\r\nY: b"}}}).error().code,
            Code::kInvalid);
}

}  // namespace
}  // namespace leat::net
