// What slow clients may hold, and that the others are served meanwhile.
#include <gtest/gtest.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <stop_token>
#include <system_error>
#include <thread>

#include "net/handler_threads.h"
#include "net/pace.h"
#include "net/server.h"
#include "net/testing/raw_peer.h"

namespace leat::net {
namespace {

using namespace std::chrono_literals;

constexpr size_t kBig = 32u << 20;  // more than the buffers of the kernel hold
constexpr std::string_view kPart = "PUT /part HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc";

// GET /big writes much, GET /whole sends much at once, PUT answers its body's size.
void Serving(ServerRequest& request, ResponseWriter& response) {
  if (request.path == "/whole") return response.Send(200, std::string(kBig, 'x') + "END");
  if (request.path == "/big") {
    if (!response.Start(200, kBig)) return;
    if (response.Write(std::string(kBig, 'x'))) (void)response.Finish();
    return;
  }
  const auto body = request.ReadAll(1u << 20);
  response.Send(body ? 200 : 400, body ? std::to_string(body->size()) : body.error().message);
}

std::unique_ptr<Server> Serve(ServerOptions options, Handler handler = Serving) {
  auto server = Server::Start(std::move(options), std::move(handler));
  EXPECT_TRUE(server) << server.error().message;
  return server ? std::move(*server) : nullptr;
}

std::string Ask(const Server& server, std::string_view request) {
  RawPeer peer(server.port());
  peer.Say(request);
  return peer.HearAll();
}

void ExpectServed(const Server& server) {
  EXPECT_TRUE(Ask(server, "GET / HTTP/1.0\r\n\r\n").ends_with("\r\n\r\n0"));
}

TEST(Pace, AsksForMoreTheLongerItWaits) {
  Pace pace(60s);
  EXPECT_EQ(pace.rate(), 1 << 10);
  pace.Waited(25s);
  EXPECT_EQ(pace.left(), 35s);
  EXPECT_EQ(pace.rate(), 3 << 10);
  pace.Moved(30 << 10);
  EXPECT_EQ(pace.left(), 45s);
  pace.Moved(1 << 20);
  EXPECT_EQ(pace.left(), 60s);
  pace.Waited(24h);
  EXPECT_EQ(pace.left(), 0s);
  EXPECT_EQ(pace.rate(), 64 << 10);
}

TEST(Pace, CountsWhatADrainingBufferTookOnce) {
  Pace pace(60s);
  pace.Waited(1s);
  pace.Waited(59s);
  EXPECT_EQ(pace.rate(), 7 << 10);
  pace.Drained(70 << 10);
  EXPECT_EQ(pace.left(), 10s);
  pace.Moved(70 << 10);
  EXPECT_EQ(pace.left(), 10s);
  pace.Moved(7 << 10);
  EXPECT_EQ(pace.left(), 11s);
}

class CountedWaits : public LongWaits {
 public:
  void Begin(int, MonoTime) override { ++begun; }
  void End(int) override { ++ended; }
  int begun = 0;
  int ended = 0;
};

TEST(AwaitClient, TellsOfEveryWaitOnceTheShortOnesAreUsedUp) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  RawPeer peer{io::UniqueFd(ends[0])};
  const auto transport = MakePlainTransport(io::UniqueFd(ends[1]));
  peer.Say("x");
  CountedWaits waits;
  Pace pace(60s);
  EXPECT_TRUE(AwaitClient(*transport, IoState::kWantRead, {}, &pace, &waits));
  EXPECT_EQ(waits.begun, 0);
  for (int i = 0; i < 4; ++i) pace.Waited(5ms);
  EXPECT_TRUE(AwaitClient(*transport, IoState::kWantRead, {}, &pace, &waits));
  EXPECT_EQ(waits.begun, 1);
  EXPECT_EQ(waits.ended, 1);
}

// While it lives no thread can be made: there is no room for its stack.
class NoMoreThreads {
 public:
  NoMoreThreads() {
    ::pthread_getattr_default_np(&usual_);
    pthread_attr_t huge;
    ::pthread_attr_init(&huge);
    ::pthread_attr_setstacksize(&huge, size_t{1} << 60);
    ::pthread_setattr_default_np(&huge);
    ::pthread_attr_destroy(&huge);
  }
  ~NoMoreThreads() {
    ::pthread_setattr_default_np(&usual_);
    ::pthread_attr_destroy(&usual_);
  }

 private:
  pthread_attr_t usual_;
};

TEST(HandlerThreads, GoOnWithThoseThereAreWhenTheSystemHasNoMore) {
  const Handler handler = Serving;
  HandlerThreads threads(1, 4, handler);
  {
    const NoMoreThreads none;
    EXPECT_THROW(std::jthread([] {}), std::system_error);
    EXPECT_NO_THROW(threads.Begin(-1, MonoTime::max()));
    threads.End(-1);
  }
  threads.StopAndJoin();
}

TEST(SlowClients, ThatSendABodyHoldNoThreadFromTheOthers) {
  const auto server = Serve({.threads = 1});
  RawPeer first(server->port()), second(server->port());
  first.Say(kPart);
  second.Say(kPart);
  ExpectServed(*server);
  first.Say("defghi");
  EXPECT_TRUE(first.HearUntil("\r\n\r\n9").ends_with("9"));
}

TEST(SlowClients, ThatDoNotReadHoldNoThreadFromTheOthers) {
  const auto server = Serve({.threads = 1});
  for (const std::string_view path : {"/big", "/whole"}) {
    RawPeer first(server->port()), second(server->port());
    for (RawPeer* peer : {&first, &second})
      peer->Say("GET " + std::string(path) + " HTTP/1.1\r\nHost: h\r\n\r\n");
    ExpectServed(*server);
  }
}

// The buffer of a socket accepts more only when a good part of it, here of megabytes, is free.
TEST(SlowClients, ThatReadSteadilyMayTakeLongerThanTheTimeoutToMakeRoom) {
  const auto server = Serve({.write_timeout = 2s});
  RawPeer big(server->port()), whole(server->port());
  const int window = 64 << 10;
  for (const RawPeer* peer : {&big, &whole})
    ::setsockopt(peer->fd(), SOL_SOCKET, SO_RCVBUF, &window, sizeof window);
  big.Say("GET /big HTTP/1.0\r\n\r\n");
  whole.Say("GET /whole HTTP/1.0\r\n\r\n");
  size_t read[2] = {0, 0};
  const auto begun = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - begun < 5s) {
    std::array<char, 8 << 10> piece;
    read[0] += static_cast<size_t>(std::max<ssize_t>(::recv(big.fd(), &piece, piece.size(), 0), 0));
    read[1] +=
        static_cast<size_t>(std::max<ssize_t>(::recv(whole.fd(), &piece, piece.size(), 0), 0));
    ::poll(nullptr, 0, 50);  // the client's pace
  }
  EXPECT_GT(read[0] + big.HearAll().size(), kBig);
  EXPECT_GT(read[1] + whole.HearAll().size(), kBig);
}

TEST(SlowClients, GetTheirWholeAnswerAlsoWhenTheyHaveEndedTheirSide) {
  const auto server = Serve({.threads = 1});
  RawPeer peer(server->port());
  peer.Say("GET /whole HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  peer.EndWriting();
  ExpectServed(*server);
  const std::string answer = peer.HearAll();
  EXPECT_GT(answer.size(), kBig);
  EXPECT_TRUE(answer.ends_with("xEND"));
}

TEST(SlowClients, KeepTheirConnectionAfterAnAnswerThatTheyTookSlowly) {
  const auto server = Serve({.threads = 1});
  RawPeer peer(server->port());
  peer.Say("GET /whole HTTP/1.1\r\nHost: h\r\n\r\n");
  ExpectServed(*server);
  peer.HearUntil("END");
  peer.Say("GET / HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(peer.HearAll().ends_with("\r\n\r\n0"));
}

TEST(SlowClients, BeyondTheNumberThatIsWaitedForTheSlowestIsCutOff) {
  const auto server = Serve({.threads = 1, .max_waiting = 1, .body_timeout = 600s});
  RawPeer first(server->port());
  first.Say(kPart);
  ExpectServed(*server);
  RawPeer second(server->port());
  second.Say(kPart);
  EXPECT_EQ(first.HearAll().find("200 OK"), std::string::npos);  // ends when it is cut off
  ExpectServed(*server);
  second.Say("defghi");
  EXPECT_TRUE(second.HearUntil("\r\n\r\n9").ends_with("9"));
}

TEST(SlowClients, WhoseAnswerIsNotReadAreCutOffInTheEnd) {
  std::promise<void> ended;
  std::unique_ptr<std::stop_callback<std::function<void()>>> callback;
  const auto server =
      Serve({.write_timeout = 1s}, [&](ServerRequest& request, ResponseWriter& response) {
        callback = std::make_unique<std::stop_callback<std::function<void()>>>(
            request.stop(), [&] { ended.set_value(); });
        Serving(request, response);
      });
  RawPeer peer(server->port());
  peer.Say("GET /whole HTTP/1.1\r\nHost: h\r\n\r\n");
  ended.get_future().get();
  EXPECT_LT(peer.HearAll().size(), kBig);
}

TEST(FullPort, ClosesTheConnectionThatIsIdleLongestWhenItIsFull) {
  const auto server = Serve({.max_connections = 2});
  RawPeer silent(server->port());  // has asked nothing yet
  RawPeer idle(server->port());
  idle.Say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  idle.HearUntil("\r\n\r\n0");
  RawPeer third(server->port());
  EXPECT_EQ(silent.HearAll(), "");
  third.Say("GET /3 HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(third.HearUntil("\r\n\r\n0").ends_with("0"));
  RawPeer fourth(server->port());
  EXPECT_EQ(idle.HearAll(), "");
  fourth.Say("GET /4 HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(fourth.HearAll().ends_with("\r\n\r\n0"));
}

TEST(FullPort, KeepsAConnectionThatReadsItsAnswer) {
  constexpr size_t kHalf = 16u << 20;  // more than the buffers of the kernel hold
  const auto server = Serve(
      {.threads = 1, .max_connections = 2}, [](ServerRequest& request, ResponseWriter& response) {
        if (request.path == "/") return response.Send(200, "0");
        response.Send(200, std::string(kHalf, 'x') + "HALF" + std::string(kHalf, 'x') + "END");
      });
  RawPeer reader(server->port()), idle(server->port());
  reader.Say("GET /much HTTP/1.1\r\nHost: h\r\n\r\n");
  idle.Say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  idle.HearUntil("\r\n\r\n0");
  EXPECT_TRUE(reader.HearUntil("HALF").ends_with("HALF"));
  ExpectServed(*server);
  EXPECT_EQ(idle.HearAll(), "");
  EXPECT_TRUE(reader.HearUntil("END").ends_with("END"));
}

TEST(FullPort, ClosesTheNewcomerWhenItIsFullOfRequestsInWork) {
  std::latch running(1), done(1);
  const auto server = Serve({.max_connections = 1}, [&](ServerRequest&, ResponseWriter& response) {
    running.count_down();
    done.wait();
    response.Send(200, "served");
  });
  RawPeer first(server->port());
  first.Say("GET / HTTP/1.0\r\n\r\n");
  running.wait();
  RawPeer second(server->port());
  EXPECT_EQ(second.HearAll(), "");
  done.count_down();
  EXPECT_TRUE(first.HearAll().ends_with("\r\n\r\nserved"));
}

class BodyFirst : public testing::Test {
 protected:
  void Start(size_t first, ServerOptions options = {}) {
    options.threads = 1;
    options.body_first = [first](const ServerRequest& head) {
      return head.path == "/" ? 0 : first;
    };
    server_ = Serve(std::move(options), [this](ServerRequest& request, ResponseWriter& response) {
      if (request.path != "/") ++handled_;
      std::string read;
      char piece[5];
      while (!request.MustWait()) {
        const auto n = request.Read(piece);
        if (!n) return response.Send(400, n.error().message);
        if (*n == 0) break;
        read.append(piece, *n);
      }
      response.Send(200, read + (request.MustWait() ? "..." : ""));
    });
  }

  std::unique_ptr<Server> server_;
  std::atomic<int> handled_ = 0;
};

TEST_F(BodyFirst, TheHandlerGetsARequestOnceSoMuchOfItIsThere) {
  Start(6);
  RawPeer peer(server_->port());
  peer.Say(kPart);
  EXPECT_TRUE(Ask(*server_, "GET / HTTP/1.0\r\n\r\n").starts_with("HTTP/1.1 200 "));
  EXPECT_EQ(handled_, 0);
  peer.Say("def");
  EXPECT_TRUE(peer.HearUntil("...").ends_with("\r\n\r\nabcdef..."));
  EXPECT_EQ(handled_, 1);
}

TEST_F(BodyFirst, AShorterBodyIsTakenInWholeWhateverItsFraming) {
  Start(1000);
  EXPECT_TRUE(Ask(*server_, std::string(kPart) + "defghi" + "GET / HTTP/1.0\r\n\r\n")
                  .find("\r\n\r\nabcdefghiHTTP/1.1 200") != std::string::npos);
  RawPeer chunked(server_->port());
  for (const char c : std::string_view("PUT /c HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
                                       "Transfer-Encoding: chunked\r\n\r\n"
                                       "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"))
    chunked.Say({&c, 1});
  EXPECT_TRUE(chunked.HearAll().ends_with("\r\n\r\nhello world"));
}

TEST_F(BodyFirst, ClientsThatWaitFor100AreToldToGoOn) {
  Start(1000);
  RawPeer peer(server_->port());
  peer.Say("PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(peer.HearUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  peer.Say("abc");
  EXPECT_TRUE(peer.HearUntil("abc").ends_with("\r\n\r\nabc"));
}

TEST_F(BodyFirst, BrokenOnesAreTheHandlersToAnswer) {
  Start(1000);
  RawPeer peer(server_->port());
  peer.Say(kPart);
  peer.EndWriting();
  EXPECT_NE(peer.HearAll().find("400"), std::string::npos);
  EXPECT_NE(Ask(*server_, "PUT /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
                .find("400"),
            std::string::npos);
}

TEST_F(BodyFirst, TooSlowOnesAreAnswered408) {
  Start(1000, {.body_timeout = 1s});
  EXPECT_TRUE(Ask(*server_, kPart).starts_with("HTTP/1.1 408 Request Timeout\r\n"));
  EXPECT_EQ(handled_, 0);
}

TEST_F(BodyFirst, TheOneThatHasBeenComingLongestGivesWayWhenTooMuchIsHeld) {
  Start(1000, {.max_taken_in = 300});
  RawPeer first(server_->port());
  first.Say(kPart);
  EXPECT_TRUE(Ask(*server_, "GET / HTTP/1.0\r\n\r\n").starts_with("HTTP/1.1 200 "));
  RawPeer second(server_->port());
  second.Say(std::string(kPart) + "def");
  RawPeer third(server_->port());
  third.Say("PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 900\r\n\r\n" + std::string(230, 'x'));
  EXPECT_TRUE(first.HearAll().starts_with("HTTP/1.1 408 "));
  EXPECT_EQ(handled_, 0);
}

TEST(BodiesThatWaitForAHandler, AreBoundedAndKeepNoHeadOut) {
  std::latch running(1), done(1);
  const auto server =
      Serve({.threads = 1,
             .body_first = [](const ServerRequest& head) { return head.path == "/" ? 0u : 1000u; },
             .max_taken_in = 1000},
            [&](ServerRequest&, ResponseWriter& response) {
              if (!running.try_wait()) running.count_down();
              done.wait();
              response.Send(200, "served");
            });
  RawPeer first(server->port());
  first.Say("GET / HTTP/1.0\r\n\r\n");
  running.wait();
  std::array<RawPeer, 3> bodies{RawPeer(server->port()), RawPeer(server->port()),
                                RawPeer(server->port())};
  std::array<pollfd, 3> heard{};
  for (size_t i = 0; i < bodies.size(); ++i) {
    bodies[i].Say("PUT /x HTTP/1.0\r\nContent-Length: 400\r\n\r\n" + std::string(400, 'x'));
    heard[i] = {bodies[i].fd(), POLLIN, 0};
  }
  ASSERT_EQ(::poll(heard.data(), heard.size(), 20'000), 1);  // two wait
  RawPeer head(server->port());
  head.Say("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(Ask(*server, "no head\r\n\r\n").substr(0, 13), "HTTP/1.1 400 ");  // it waits, too
  done.count_down();
  EXPECT_TRUE(head.HearAll().ends_with("\r\n\r\nserved"));
  for (size_t i = 0; i < bodies.size(); ++i)
    EXPECT_TRUE(
        bodies[i].HearAll().starts_with(heard[i].revents ? "HTTP/1.1 503 " : "HTTP/1.1 200 "));
}

}  // namespace
}  // namespace leat::net
