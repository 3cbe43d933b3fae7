// Answers that the event loop feeds from an outbox.
#include <gtest/gtest.h>

#include <future>
#include <latch>
#include <memory>
#include <vector>

#include "net/server.h"
#include "net/testing/raw_peer.h"

namespace leat::net {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kWatch = "GET /watch HTTP/1.1\r\nHost: h\r\n\r\n";
constexpr std::string_view kEnd = "0\r\n\r\n";

// Streams every request from one outbox that the test holds.
class StreamTest : public testing::Test {
 protected:
  void Start(size_t max_bytes = 4u << 20, ServerOptions options = {}) {
    outbox_ = std::make_shared<Outbox>(max_bytes);
    auto server = Server::Start(options, [this](ServerRequest& request, ResponseWriter& response) {
      if (request.path != "/watch") return response.Send(200, "[plain]");
      response.Stream(200, outbox_);
      streaming_.set_value(request.stop());
    });
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
  }

  std::shared_ptr<Outbox> outbox_;
  std::promise<std::stop_token> streaming_;
  std::unique_ptr<Server> server_;
};

TEST_F(StreamTest, SendsChunksAsTheyArriveAndKeepsTheConnection) {
  Start();
  RawPeer peer(server_->port());
  peer.Say(kWatch);
  EXPECT_NE(peer.HearUntil("\r\n\r\n").find("Transfer-Encoding: chunked"), std::string::npos);
  EXPECT_TRUE(outbox_->Push("one\n"));
  EXPECT_EQ(peer.HearUntil("one\n\r\n"), "4\r\none\n\r\n");
  EXPECT_TRUE(outbox_->Push("two\n"));
  EXPECT_EQ(peer.HearUntil("two\n\r\n"), "4\r\ntwo\n\r\n");
  outbox_->Close();
  EXPECT_EQ(peer.HearUntil(kEnd), kEnd);
  peer.Say("GET /next HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(peer.HearAll().ends_with("[plain]"));
}

TEST_F(StreamTest, AnHttp10ReaderGetsPlainBytesUntilTheEnd) {
  Start();
  RawPeer peer(server_->port());
  peer.Say("GET /watch HTTP/1.0\r\n\r\n");
  outbox_->Push("one\n");
  outbox_->Push("two\n");
  outbox_->Close();
  EXPECT_TRUE(peer.HearAll().ends_with("\r\n\r\none\ntwo\n"));
}

TEST_F(StreamTest, ClosesTheOutboxAndFiresTheStopTokenWhenTheReaderGoesAway) {
  Start();
  std::promise<void> closed;
  {
    RawPeer peer(server_->port());
    peer.Say(kWatch);
    peer.HearUntil("\r\n\r\n");
    outbox_->OnClosed([&] { closed.set_value(); });
  }
  closed.get_future().get();
  EXPECT_FALSE(outbox_->Push("late"));
  std::promise<void> stopped;
  const std::stop_callback callback(streaming_.get_future().get(), [&] { stopped.set_value(); });
  stopped.get_future().get();
}

TEST_F(StreamTest, OverflowEndsTheAnswerWithoutAnErrorAfterWhatWasQueued) {
  constexpr size_t kBound = 64 << 10;
  Start(kBound);
  RawPeer peer(server_->port());
  peer.Say(kWatch);
  peer.HearUntil("\r\n\r\n");
  // The reader does not read: the kernel's buffers fill up, then the outbox.
  size_t pushed = 0;
  while (outbox_->Push(std::string(1000, 'x'))) ++pushed;
  EXPECT_TRUE(outbox_->closed());
  const std::string body = peer.HearUntil(kEnd);
  EXPECT_TRUE(body.ends_with(kEnd));
  EXPECT_EQ(body.size(), pushed * (5 + 1000 + 2) + kEnd.size());
}

TEST_F(StreamTest, AReaderThatNeverReadsIsDropped) {
  Start(1u << 30, {.write_timeout = 1s});
  RawPeer peer(server_->port());
  peer.Say(kWatch);
  std::promise<void> ended;
  const auto stop = streaming_.get_future().get();
  const std::stop_callback callback(stop, [&] { ended.set_value(); });
  // More than the buffers of the kernel hold.
  const auto chunk = std::make_shared<const std::string>(1 << 20, 'x');
  for (int i = 0; i < 64; ++i) outbox_->Push(chunk);
  ended.get_future().get();  // the outbox is closed before the token fires
  EXPECT_TRUE(outbox_->closed());
}

TEST_F(StreamTest, ServerStopEndsStreamsWithoutAnError) {
  Start();
  RawPeer peer(server_->port());
  peer.Say(kWatch);
  peer.HearUntil("\r\n\r\n");
  outbox_->Push("last\n");
  streaming_.get_future().get();
  server_->Stop(20s);
  EXPECT_EQ(peer.HearAll(), "5\r\nlast\n\r\n0\r\n\r\n");
  EXPECT_TRUE(outbox_->closed());
}

TEST_F(StreamTest, HeadOfAStreamClosesTheOutbox) {
  Start();
  RawPeer peer(server_->port());
  peer.Say("HEAD /watch HTTP/1.1\r\nHost: h\r\n\r\n");
  peer.HearUntil("\r\n\r\n");
  streaming_.get_future().get();
  EXPECT_TRUE(outbox_->closed());
}

TEST(Streams, ThousandsOfThemNeedNoThreadEach) {
  constexpr int kReaders = 1000;
  std::vector<std::shared_ptr<Outbox>> outboxes;
  Mutex mu;
  auto server = Server::Start({.threads = 2}, [&](ServerRequest&, ResponseWriter& response) {
    auto outbox = std::make_shared<Outbox>();
    {
      MutexLock lock(mu);
      outboxes.push_back(outbox);
    }
    response.Stream(200, std::move(outbox));
  });
  ASSERT_TRUE(server);
  std::vector<std::unique_ptr<RawPeer>> peers;
  for (int i = 0; i < kReaders; ++i) {
    peers.push_back(std::make_unique<RawPeer>((*server)->port()));
    ASSERT_TRUE(peers.back()->Say(kWatch));
  }
  for (const auto& peer : peers) peer->HearUntil("\r\n\r\n");
  const auto event = std::make_shared<const std::string>("event\n");
  {
    MutexLock lock(mu);
    ASSERT_EQ(outboxes.size(), static_cast<size_t>(kReaders));
    for (const auto& outbox : outboxes) EXPECT_TRUE(outbox->Push(event));
  }
  for (const auto& peer : peers) EXPECT_EQ(peer->HearUntil("event\n\r\n"), "6\r\nevent\n\r\n");
}

}  // namespace
}  // namespace leat::net
