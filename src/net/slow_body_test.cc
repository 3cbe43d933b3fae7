// How long a client may hold a handler's thread with the body of its request.
#include <gtest/gtest.h>
#include <poll.h>

#include <future>

#include "net/server.h"
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

void Measure(ServerRequest& request, ResponseWriter& response) {
  const auto body = request.ReadAll(1u << 20);
  response.Send(body ? 200 : 400, body ? std::to_string(body->size()) : body.error().message);
}

// False when nothing comes from the server meanwhile.
bool Hears(const RawPeer& peer, std::chrono::milliseconds within) {
  pollfd wait{peer.fd(), POLLIN, 0};
  return ::poll(&wait, 1, static_cast<int>(within.count())) > 0;
}

// Sends single bytes, faster than any time-out without progress, until the server says something
// or hangs up.
void Trickle(RawPeer& peer) {
  const auto end = std::chrono::steady_clock::now() + kSoon;
  while (!Hears(peer, 100ms) && std::chrono::steady_clock::now() < end) peer.Say("x");
}

TEST(SlowBody, ThatStandsStillTimesOut) {
  std::promise<Code> code;
  const auto server =
      Serve([&](ServerRequest& request,
                ResponseWriter&) { code.set_value(request.ReadAll(100).error().code); },
            {.body_timeout = 1s});
  RawPeer peer(server->port());
  peer.Say("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_EQ(code.get_future().get(), Code::kTimeout);
}

TEST(SlowBody, ThatTricklesInTimesOut) {
  for (const std::string framing :
       {"Content-Length: 100000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n1;a="}) {
    std::promise<Error> error;
    const auto server = Serve(
        [&](ServerRequest& request, ResponseWriter& response) {
          error.set_value(request.ReadAll(1u << 20).error());
          response.Send(408, "");
        },
        {.body_timeout = 1s});
    RawPeer peer(server->port());
    peer.Say("PUT / HTTP/1.1\r\nHost: h\r\n" + framing);
    Trickle(peer);
    auto answer = error.get_future();
    ASSERT_EQ(answer.wait_for(0s), std::future_status::ready) << framing;
    EXPECT_EQ(answer.get().message, "request body: it comes too slowly, below 1 KiB/s");
    EXPECT_TRUE(peer.HearAll().starts_with("HTTP/1.1 408 "));
  }
}

TEST(SlowBody, ThatComesSteadilyMayTakeLongerThanTheTimeout) {
  const auto server = Serve(Measure, {.body_timeout = 2s});
  RawPeer peer(server->port());
  peer.Say("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 8192\r\nConnection: close\r\n\r\n");
  for (int i = 0; i < 8; ++i) {
    ASSERT_FALSE(Hears(peer, 300ms));
    peer.Say(std::string(1024, 'x'));
  }
  EXPECT_TRUE(peer.HearAll().starts_with("HTTP/1.1 200 "));
}

TEST(SlowBody, ThatNobodyReadsIsWaitedForOnce) {
  const auto server =
      Serve([](ServerRequest&, ResponseWriter& response) { response.Send(200, "x"); });
  RawPeer peer(server->port());
  peer.Say("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n");
  peer.HearUntil("\r\n\r\nx");
  const auto begun = std::chrono::steady_clock::now();
  Trickle(peer);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 10s);
}

}  // namespace
}  // namespace leat::net
