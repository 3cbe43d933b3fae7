#include "net/server.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <future>
#include <latch>
#include <thread>

#include "base/mutex.h"
#include "io/file.h"
#include "net/testing/raw_peer.h"

namespace leat::net {
namespace {

using namespace std::chrono_literals;

constexpr auto kSoon = 20s;  // more than any of this takes, also under a sanitizer

std::unique_ptr<Server> Serve(Handler handler, ServerOptions options = {}) {
  auto server = Server::Start(std::move(options), std::move(handler));
  EXPECT_TRUE(server) << server.error().message;
  return server ? std::move(*server) : nullptr;
}

void Echo(ServerRequest& request, ResponseWriter& response) {
  auto body = request.ReadAll(1u << 20);
  if (!body) return response.Send(body.error().code == Code::kTooLarge ? 413 : 400, "");
  response.Send(200, request.method + " " + request.path + " [" + *body + "]");
}

std::string Ask(uint16_t port, std::string_view request) {
  RawPeer peer(port);
  peer.Say(request);
  return peer.HearAll();
}

std::string Body(const std::string& response) {
  const size_t end = response.find("\r\n\r\n");
  return end == std::string::npos ? "NO HEAD: " + response : response.substr(end + 4);
}

TEST(Server, AnswersWithALengthADateAndNoServerHeader) {
  const auto server = Serve(Echo);
  const std::string answer =
      Ask(server->port(), "GET /a?b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_NE(answer.find("\r\nContent-Length: 9\r\n"), std::string::npos) << answer;
  EXPECT_NE(answer.find("\r\nDate: "), std::string::npos);
  EXPECT_NE(answer.find(" GMT\r\n"), std::string::npos);
  EXPECT_EQ(answer.find("\r\nServer:"), std::string::npos);
  EXPECT_EQ(Body(answer), "GET /a []");
}

TEST(Server, GivesTheHandlerTheParts) {
  const auto server = Serve([](ServerRequest& request, ResponseWriter& response) {
    response.headers.Set("X-Remote", request.remote.substr(0, 10));
    response.Send(200, request.target + "|" + request.path + "|" + request.raw_query + "|" +
                           std::string(request.query.Get("x")) + "|" +
                           std::string(request.headers.Get("host")) + "|" +
                           std::to_string(request.ContentLength().value_or(99)));
  });
  const std::string answer = Ask(server->port(), "GET /a%20b?x=1%2B HTTP/1.0\r\nhost: q\r\n\r\n");
  EXPECT_EQ(Body(answer), "/a%20b?x=1%2B|/a%20b|x=1%2B|1+|q|0");
  EXPECT_NE(answer.find("X-Remote: 127.0.0.1:"), std::string::npos);
}

TEST(Server, TakesAbsoluteTargets) {
  const auto server = Serve([](ServerRequest& request, ResponseWriter& response) {
    response.Send(200, request.path + "|" + request.raw_query + "|" +
                           std::string(request.headers.Get("Host")));
  });
  EXPECT_EQ(Body(Ask(server->port(),
                     "GET http://other:81/p?q HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")),
            "/p|q|other:81");
}

TEST(Server, ServesRequestsOnOneConnectionInTurnAlsoWhenPipelined) {
  const auto server = Serve(Echo);
  RawPeer peer(server->port());
  peer.Say(
      "POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\nHost: "
      "h\r\n\r\n");
  EXPECT_EQ(peer.HearUntil("]").substr(0, 15), "HTTP/1.1 200 OK");
  EXPECT_NE(peer.HearUntil("]").find("GET /2 []"), std::string::npos);
  peer.Say("GET /3 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(Body(peer.HearAll()), "GET /3 []");
}

TEST(Server, DecodesChunkedBodiesHoweverTheyArrive) {
  const auto server = Serve(Echo);
  RawPeer peer(server->port());
  const std::string request =
      "PUT /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
      "5;ext=1\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nTrailer: x\r\n\r\n";
  for (const char c : request) peer.Say({&c, 1});
  EXPECT_EQ(Body(peer.HearAll()), "PUT /c [hello world]");
}

TEST(Server, RefusesBodiesBeyondTheHandlersLimit) {
  const auto server = Serve(Echo);
  const std::string answer =
      Ask(server->port(), "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\nabc");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 413 ")) << answer;
  EXPECT_NE(answer.find("Connection: close"), std::string::npos);
}

TEST(Server, Http10WithoutKeepAliveClosesAfterTheAnswer) {
  const auto server = Serve([](ServerRequest&, ResponseWriter& response) {
    ASSERT_TRUE(response.Start(200, std::nullopt));
    ASSERT_TRUE(response.Write("not "));
    ASSERT_TRUE(response.Write("chunked"));
    ASSERT_TRUE(response.Finish());
  });
  EXPECT_EQ(Body(Ask(server->port(), "GET / HTTP/1.0\r\n\r\n")), "not chunked");
}

TEST(Server, HeadHasTheLengthButNoBody) {
  const auto server = Serve([](ServerRequest& request, ResponseWriter& response) {
    if (request.path == "/send") return response.Send(200, "12345");
    ASSERT_TRUE(response.Start(200, 5));
    ASSERT_TRUE(response.Write("12345"));
    ASSERT_TRUE(response.Finish());
  });
  for (const char* path : {"/send", "/start"}) {
    const std::string answer =
        Ask(server->port(),
            "HEAD " + std::string(path) + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    EXPECT_NE(answer.find("Content-Length: 5\r\n"), std::string::npos) << answer;
    EXPECT_EQ(Body(answer), "");
  }
}

TEST(Server, AnswersMalformedRequestsWith400AndCloses) {
  const auto server = Serve(Echo);
  for (const char* bad :
       {"GET / HTTP/1.1\nHost: h\n\n", "GET / HTTP/1.0\n\n", "GARBAGE\r\n\r\n", "GET /\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding:\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:\r\n\r\n",
        "\x16\x03\x01\x02 a TLS hello\r\n\r\n"}) {
    const std::string answer = Ask(server->port(), bad);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 Bad Request\r\n")) << bad << "\n" << answer;
    EXPECT_NE(answer.find("Connection: close"), std::string::npos);
  }
}

TEST(Server, NamesTheVersionsItSpeaks) {
  const auto server = Serve(Echo);
  EXPECT_TRUE(Ask(server->port(), "GET / HTTP/2.0\r\n\r\n").starts_with("HTTP/1.1 505 "));
}

TEST(Server, BrokenChunksEndTheConnectionAfterTheAnswer) {
  const auto server = Serve(Echo);
  EXPECT_TRUE(
      Ask(server->port(), "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
          .starts_with("HTTP/1.1 400 "));
}

TEST(Server, RefusesHeadsThatAreTooLargeWith431) {
  const auto server = Serve(Echo, {.max_header_bytes = 4096});
  const std::string answer =
      Ask(server->port(), "GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(8000, 'x') + "\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 431 ")) << answer.substr(0, 200);
}

TEST(Server, ClosesConnectionsThatTakeTooLongOverTheirHead) {
  const auto server = Serve(Echo, {.header_timeout = 1s});
  RawPeer peer(server->port());
  peer.Say("GET / HT");
  EXPECT_EQ(peer.HearAll(), "");
}

TEST(Server, ClosesIdleConnections) {
  const auto server = Serve(Echo, {.idle_timeout = 1s});
  RawPeer peer(server->port());
  peer.Say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(Body(peer.HearAll()), "GET / []");
}

TEST(Server, SaysContinueOnlyWhenTheHandlerReads) {
  const auto server = Serve([](ServerRequest& request, ResponseWriter& response) {
    if (request.path == "/no") return response.Send(403, "no");
    Echo(request, response);
  });
  const std::string head =
      " HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";
  RawPeer reader(server->port());
  reader.Say("PUT /yes" + head);
  EXPECT_EQ(reader.HearUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  reader.Say("abc");
  EXPECT_NE(reader.HearUntil("]").find("[abc]"), std::string::npos);

  RawPeer refused(server->port());
  refused.Say("PUT /no" + head);
  const std::string answer = refused.HearAll();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 403 ")) << answer;
  EXPECT_NE(answer.find("Connection: close"), std::string::npos);
}

TEST(Server, SaysContinueBeforeAnEmptyBodyTooWhenTheHandlerReads) {
  const auto server =
      Serve([](ServerRequest& request, ResponseWriter& response) { Echo(request, response); });
  RawPeer peer(server->port());
  peer.Say("PUT /empty HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(peer.HearUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_NE(peer.HearUntil("]").find("[]"), std::string::npos);
}

TEST(Server, DrainsASmallUnreadBodyAndKeepsTheConnection) {
  const auto server = Serve([](ServerRequest& request, ResponseWriter& response) {
    response.Send(200, "[" + request.path + "]");
  });
  RawPeer peer(server->port());
  peer.Say("PUT /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n");
  EXPECT_NE(peer.HearUntil("]").find("[/1]"), std::string::npos);
  peer.Say(std::string(100000, 'x'));
  peer.Say("PUT /2 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  EXPECT_NE(peer.HearUntil("]").find("[/2]"), std::string::npos);
  peer.Say("GET /3 HTTP/1.0\r\n\r\n");
  EXPECT_NE(peer.HearAll().find("[/3]"), std::string::npos);
}

TEST(Server, AClientThatUploadsWithoutListeningStillGetsAnEarlyAnswer) {
  const auto server =
      Serve([](ServerRequest&, ResponseWriter& response) { response.Send(403, "no"); });
  RawPeer peer(server->port());
  peer.Say("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 8000000\r\n\r\n");
  EXPECT_TRUE(peer.Say(std::string(8000000, 'x')));
  EXPECT_TRUE(peer.HearAll().starts_with("HTTP/1.1 403 "));
}

TEST(Server, TakesALargeUpload) {
  constexpr uint64_t kSize = 64u << 20;
  const auto server = Serve([](ServerRequest& request, ResponseWriter& response) {
    std::vector<char> buffer(256 << 10);
    uint64_t size = 0, sum = 0;
    while (true) {
      const auto n = request.Read(buffer);
      if (!n) return response.Send(400, n.error().message);
      if (*n == 0) break;
      size += *n;
      for (size_t i = 0; i < *n; i += 4096) sum += static_cast<unsigned char>(buffer[i]) > 0;
    }
    response.Send(200, std::to_string(size));
  });
  RawPeer peer(server->port());
  peer.Say("PUT / HTTP/1.0\r\nContent-Length: " + std::to_string(kSize) + "\r\n\r\n");
  const std::string piece(1 << 20, 'x');
  for (uint64_t sent = 0; sent < kSize; sent += piece.size()) ASSERT_TRUE(peer.Say(piece));
  EXPECT_EQ(Body(peer.HearAll()), std::to_string(kSize));
}

TEST(Server, SendsWholeFilesAndRangesOfThem) {
  const io::TempDir dir;
  std::string content;
  for (int i = 0; i < 300'000; ++i) content += std::to_string(i) + ",";
  const std::string path = dir.path() + "/file";
  ASSERT_TRUE(io::WriteFile(path, content));
  const auto server = Serve([&](ServerRequest& request, ResponseWriter& response) {
    const auto file = io::Open(path, O_RDONLY);
    ASSERT_TRUE(file);
    if (request.path == "/chunked") {
      ASSERT_TRUE(response.Start(200, std::nullopt));
      ASSERT_TRUE(response.WriteFile(file->get(), 10, 20));
    } else {
      ASSERT_TRUE(response.Start(200, content.size()));
      ASSERT_TRUE(response.WriteFile(file->get(), 0, content.size()));
    }
    ASSERT_TRUE(response.Finish());
  });
  EXPECT_TRUE(Body(Ask(server->port(), "GET / HTTP/1.0\r\n\r\n")) == content);
  EXPECT_EQ(
      Body(Ask(server->port(), "GET /chunked HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")),
      "14\r\n" + content.substr(10, 20) + "\r\n0\r\n\r\n");
}

TEST(Server, AnswersOfTheWrongLengthAreCutOff) {
  std::promise<Code> too_long, too_short;
  const auto server = Serve([&](ServerRequest&, ResponseWriter& response) {
    ASSERT_TRUE(response.Start(200, 5));
    too_long.set_value(response.Write("123456").error().code);
    ASSERT_TRUE(response.Write("123"));
    too_short.set_value(response.Finish().error().code);
  });
  EXPECT_EQ(Body(Ask(server->port(), "GET / HTTP/1.1\r\nHost: h\r\n\r\n")), "123");
  EXPECT_EQ(too_long.get_future().get(), Code::kInternal);
  EXPECT_EQ(too_short.get_future().get(), Code::kInternal);
}

TEST(Server, AHandlerThatGivesUpHalfWayLeavesNoWholeAnswer) {
  const auto server = Serve([](ServerRequest&, ResponseWriter& response) {
    ASSERT_TRUE(response.Start(200, std::nullopt));
    ASSERT_TRUE(response.Write("half"));
  });
  EXPECT_EQ(Body(Ask(server->port(), "GET / HTTP/1.1\r\nHost: h\r\n\r\n")), "4\r\nhalf\r\n");
}

TEST(Server, AHandlerThatAnswersNothingOrThrowsAnswers500) {
  const auto server = Serve([](ServerRequest& request, ResponseWriter&) {
    if (request.path == "/throw") throw std::runtime_error("oops");
  });
  for (const char* path : {"/", "/throw"})
    EXPECT_TRUE(Ask(server->port(), "GET " + std::string(path) + " HTTP/1.0\r\n\r\n")
                    .starts_with("HTTP/1.1 500 "));
}

TEST(Server, HeaderValuesCannotStartNewLines) {
  const auto server = Serve([](ServerRequest&, ResponseWriter& response) {
    response.headers.Set("X-Name", "a\r\nX-Evil: b");
    response.Send(200, "");
  });
  const std::string answer = Ask(server->port(), "GET / HTTP/1.0\r\n\r\n");
  EXPECT_NE(answer.find("X-Name: a  X-Evil: b\r\n"), std::string::npos) << answer;
}

TEST(Server, HeaderNamesThatAreNoneAreLeftOut) {
  const auto server = Serve([](ServerRequest&, ResponseWriter& response) {
    for (const char* name : {"x-a\rset-cookie", "x-b: c", "", "x-\xc3\xa4", "x y", "x-good~1"})
      response.headers.Set(name, "v");
    response.Send(200, "");
  });
  const std::string answer = Ask(server->port(), "GET / HTTP/1.0\r\n\r\n");
  EXPECT_NE(answer.find("\r\nx-good~1: v\r\n"), std::string::npos) << answer;
  EXPECT_EQ(answer.find(": v"), answer.rfind(": v")) << answer;
}

TEST(Server, StopTokenFiresWhenTheClientGoesAway) {
  std::latch running(1);
  std::promise<bool> stopped;
  const auto server = Serve([&](ServerRequest& request, ResponseWriter& response) {
    Mutex mu;
    CondVar never;
    running.count_down();
    MutexLock lock(mu);
    never.WaitFor(mu, request.stop(), kSoon, [] { return false; });
    stopped.set_value(request.stop().stop_requested());
    response.Send(200, "");
  });
  RawPeer peer(server->port());
  peer.Say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  running.wait();
  peer.HangUp();
  EXPECT_TRUE(stopped.get_future().get());
}

TEST(Server, WritesFailWhenTheClientIsGone) {
  std::promise<Code> code;
  const auto server = Serve([&](ServerRequest&, ResponseWriter& response) {
    ASSERT_TRUE(response.Start(200, std::nullopt));
    const std::string bytes(1 << 20, 'x');
    Status written;
    while (written) written = response.Write(bytes);
    code.set_value(written.error().code);
  });
  {
    RawPeer peer(server->port());
    peer.Say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    peer.HearUntil("\r\n\r\n");
  }
  EXPECT_EQ(code.get_future().get(), Code::kUnavailable);
}

TEST(Server, WritesTimeOutWhenTheClientDoesNotRead) {
  std::promise<Code> code;
  const auto server = Serve(
      [&](ServerRequest&, ResponseWriter& response) {
        ASSERT_TRUE(response.Start(200, std::nullopt));
        const std::string bytes(1 << 20, 'x');
        Status written;
        while (written) written = response.Write(bytes);
        code.set_value(written.error().code);
      },
      {.write_timeout = 1s});
  RawPeer peer(server->port());
  peer.Say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(code.get_future().get(), Code::kTimeout);
}

TEST(Server, PortInUseSaysWhichAndWhatToDo) {
  const auto server = Serve(Echo);
  const auto second = Server::Start({.port = server->port()}, Echo);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kAlreadyExists);
  EXPECT_EQ(
      second.error().message,
      "port " + std::to_string(server->port()) +
          " on 127.0.0.1 is in use by another process: stop that process or choose another port");
}

TEST(Server, RefusesAnAddressThatIsNone) {
  EXPECT_EQ(Server::Start({.address = "nonsense"}, Echo).error().code, Code::kInvalid);
  EXPECT_EQ(Server::Start({.address = "203.0.113.1"}, Echo).error().code, Code::kInvalid);
}

TEST(Server, StopLetsARunningHandlerFinish) {
  std::latch running(1);
  auto server = Serve([&](ServerRequest& request, ResponseWriter& response) {
    Mutex mu;
    CondVar never;
    running.count_down();
    MutexLock lock(mu);
    never.WaitFor(mu, request.stop(), kSoon, [] { return false; });
    response.Send(200, "finished");
  });
  RawPeer peer(server->port());
  peer.Say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  running.wait();
  server->Stop(kSoon);
  EXPECT_EQ(Body(peer.HearAll()), "finished");
}

TEST(Server, StopEndsHandlersThatBlockOnTheirConnection) {
  std::latch running(2);
  std::promise<Code> reading, writing;
  auto server = Serve([&](ServerRequest& request, ResponseWriter& response) {
    running.count_down();
    if (request.method == "PUT") return reading.set_value(request.ReadAll(100).error().code);
    ASSERT_TRUE(response.Start(200, std::nullopt));
    Status written;
    while (written) written = response.Write(std::string(1 << 20, 'x'));
    writing.set_value(written.error().code);
  });
  RawPeer uploads(server->port()), downloads(server->port());
  uploads.Say("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n");
  downloads.Say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  running.wait();
  server->Stop(10ms);
  EXPECT_EQ(reading.get_future().get(), Code::kCancelled);
  EXPECT_EQ(writing.get_future().get(), Code::kCancelled);
}

TEST(Server, StopDoesNotWaitForAClientThatHungUpDuringItsAnswer) {
  // Whether the kernel resets the connection, which alone would end it, is a matter of luck.
  for (int round = 0; round < 10; ++round) {
    auto server = Serve([&](ServerRequest&, ResponseWriter& response) {
      ASSERT_TRUE(response.Start(200, std::nullopt));
      const std::string bytes(1 << 20, 'x');
      while (response.Write(bytes)) {
      }
    });
    RawPeer peer(server->port());
    peer.Say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    peer.HearUntil("\r\n\r\n");
    ::shutdown(peer.fd(), SHUT_RDWR);
    const auto begun = std::chrono::steady_clock::now();
    server->Stop(kSoon);
    ASSERT_LT(std::chrono::steady_clock::now() - begun, kSoon / 2);
  }
}

TEST(Server, HandlersRunAtOnceUpToTheirNumberAndOthersQueue) {
  std::latch both(2);
  const auto server = Serve(
      [&](ServerRequest&, ResponseWriter& response) {
        both.arrive_and_wait();
        response.Send(200, "met");
      },
      {.threads = 2});
  RawPeer a(server->port()), b(server->port());
  a.Say("GET / HTTP/1.0\r\n\r\n");
  b.Say("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(Body(a.HearAll()), "met");
  EXPECT_EQ(Body(b.HearAll()), "met");
}

TEST(Server, WhatGoesAheadIsAnsweredWhileEveryHandlerIsBusy) {
  std::latch answered(1);
  const auto server = Serve(
      [&](ServerRequest& request, ResponseWriter& response) {
        if (request.path != "/livez") answered.wait();
        response.Send(200, "ok");
      },
      {.threads = 1, .ahead = [](const ServerRequest& head) { return head.path == "/livez"; }});
  RawPeer busy(server->port()), queued(server->port());
  for (RawPeer* peer : {&busy, &queued}) peer->Say("GET / HTTP/1.0\r\n\r\n");
  for (int i = 0; i < 3; ++i) {
    RawPeer probe(server->port());
    probe.Say("GET /livez HTTP/1.0\r\n\r\n");
    EXPECT_EQ(Body(probe.HearAll()), "ok");
  }
  answered.count_down();
  EXPECT_EQ(Body(queued.HearAll()), "ok");
}

}  // namespace
}  // namespace leat::net
