#include "datanode/control_server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <optional>
#include <vector>

#include "datanode/control_client.h"
#include "datanode/operations.h"
#include "io/file.h"
#include "io/testing/descriptors.h"
#include "io/unix_socket.h"

namespace leat::datanode {
namespace {

using std::chrono::seconds;

class ControlServerTest : public testing::Test {
 protected:
  void Serve(ControlHandler handler) {
    auto listener = io::ListenUnix(path_);
    ASSERT_TRUE(listener) << listener.error().message;
    listener_ = std::move(*listener);
    server_.emplace(listener_.get(), std::move(handler));
  }
  Result<json::Value> Ask(const json::Value& request) {
    return AskDataNode(path_, request,
                       [this](const json::Value& one) { progress_.push_back(one.AsInt()); }, {});
  }
  // One message as it is, and what comes back first.
  Result<io::Message> Raw(std::string_view bytes) {
    auto connection = io::ConnectUnix(path_);
    if (!connection) return connection.error();
    if (auto sent = io::SendMessage(connection->get(), bytes); !sent) return sent.error();
    return io::ReceiveMessage(connection->get(), {}, seconds(20));
  }

  io::TempDir dir_;
  const std::string path_ = dir_.path() + "/control.sock";
  std::vector<int64_t> progress_;
  io::UniqueFd listener_;
  std::optional<ControlServer> server_;
};

TEST_F(ControlServerTest, AnswersWhatTheHandlerReturns) {
  Serve([](const json::Value& request, const Tell&, const std::stop_token&) {
    return Result<json::Value>(json::Object({{"echo", request["op"]}}));
  });
  const auto reply = Ask(json::Object({{"op", "hello"}}));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ((*reply)["echo"].Str(), "hello");
}

TEST_F(ControlServerTest, ProgressComesInOrderAndBeforeTheAnswer) {
  Serve([](const json::Value&, const Tell& tell, const std::stop_token&) -> Result<json::Value> {
    for (int i = 0; i < 1000; ++i)
      if (auto told = tell(i); !told) return told.error();
    return json::Value("done");
  });
  ASSERT_TRUE(Ask(json::Object()));
  ASSERT_EQ(progress_.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(progress_[static_cast<size_t>(i)], i);
}

TEST_F(ControlServerTest, ErrorsKeepTheirCodeAndText) {
  std::atomic<int> code = 0;
  Serve([&](const json::Value&, const Tell&, const std::stop_token&) {
    return Result<json::Value>(Error{static_cast<Code>(code.load()), "it is so"});
  });
  for (; code <= static_cast<int>(Code::kInternal); ++code) {
    const auto reply = Ask(json::Object());
    ASSERT_FALSE(reply);
    EXPECT_EQ(static_cast<int>(reply.error().code), code);
    EXPECT_EQ(reply.error().message, "it is so");
  }
}

TEST_F(ControlServerTest, WhatIsNoRequestIsToldSo) {
  Serve([](const json::Value&, const Tell&, const std::stop_token&) {
    return Result<json::Value>(json::Value("must not be asked"));
  });
  for (const std::string& bytes : {std::string(), std::string("{"), std::string("[]"),
                                   std::string("\0\xff", 2), std::string(100'000, '[')}) {
    const auto reply = Raw(bytes);
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_NE(reply->bytes.find("\"Invalid\""), std::string::npos) << reply->bytes;
  }
}

TEST_F(ControlServerTest, AnAnswerThatIsTooLongIsAnErrorAndNotSilence) {
  Serve([](const json::Value&, const Tell&, const std::stop_token&) {
    return Result<json::Value>(json::Value(std::string(200'000, 'x')));
  });
  const auto reply = Ask(json::Object());
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Code::kTooLarge);
}

// Blocks until its client goes away or the server ends.
class Blocked {
 public:
  ControlHandler Handler() {
    return [this](const json::Value&, const Tell&, const std::stop_token& stop) {
      MutexLock lock(mu_);
      ++inside_;
      changed_.NotifyAll();
      changed_.Wait(mu_, stop, [] { return false; });
      --inside_;
      changed_.NotifyAll();
      return Result<json::Value>(Error{Code::kCancelled, "stopped"});
    };
  }
  bool Await(int inside) {
    MutexLock lock(mu_);
    return changed_.WaitFor(mu_, {}, seconds(20),
                            [&]() REQUIRES(mu_) { return inside_ == inside; });
  }

 private:
  Mutex mu_;
  CondVar changed_;
  int inside_ GUARDED_BY(mu_) = 0;
};

TEST_F(ControlServerTest, TheWorkOfAClientThatWentAwayIsStopped) {
  Blocked blocked;
  Serve(blocked.Handler());
  auto connection = io::ConnectUnix(path_);
  ASSERT_TRUE(connection);
  ASSERT_TRUE(io::SendMessage(connection->get(), "{}"));
  ASSERT_TRUE(blocked.Await(1));
  EXPECT_FALSE(server_->IdleSince());
  connection->Reset();
  EXPECT_TRUE(blocked.Await(0));
}

TEST_F(ControlServerTest, TheServersEndStopsWhatIsUnderWay) {
  Blocked blocked;
  Serve(blocked.Handler());
  auto connection = io::ConnectUnix(path_);
  ASSERT_TRUE(connection);
  ASSERT_TRUE(io::SendMessage(connection->get(), "{}"));
  ASSERT_TRUE(blocked.Await(1));
  server_.reset();
  EXPECT_TRUE(blocked.Await(0));
}

// Also one after the other, while a client that came before stays.
TEST_F(ControlServerTest, AnswersWhenThereAreNoDescriptorsLeft) {
  Blocked blocked;
  Serve([&, stays = blocked.Handler()](const json::Value& request, const Tell& tell,
                                       const std::stop_token& stop) {
    if (request["stay"].AsBool()) return stays(request, tell, stop);
    return Result<json::Value>(json::Object({{"answer", 1}}));
  });
  const auto staying = io::ConnectUnix(path_);
  ASSERT_TRUE(staying);
  ASSERT_TRUE(io::SendMessage(staying->get(), R"({"stay":true})"));
  ASSERT_TRUE(blocked.Await(1));
  std::vector<io::UniqueFd> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  }
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  path_.copy(address.sun_path, sizeof address.sun_path - 1);
  const auto* where = reinterpret_cast<const sockaddr*>(&address);
  {
    const io::NoDescriptorsLeft none;
    for (const io::UniqueFd& client : clients) {
      ASSERT_EQ(::connect(client.get(), where, sizeof address), 0);
      ASSERT_TRUE(io::SendMessage(client.get(), "{}"));
      const auto reply = io::ReceiveMessage(client.get(), {}, seconds(20));
      ASSERT_TRUE(reply) << reply.error().message;
      EXPECT_EQ(reply->bytes, R"({"ok":{"answer":1}})");
    }
  }
  server_.reset();  // before `blocked`, which its threads are in
}

TEST_F(ControlServerTest, MoreThan64ClientsAreToldToComeAgain) {
  Blocked blocked;
  Serve(blocked.Handler());
  std::vector<io::UniqueFd> clients;
  for (int i = 0; i < 64; ++i) {
    auto connection = io::ConnectUnix(path_);
    ASSERT_TRUE(connection);
    ASSERT_TRUE(io::SendMessage(connection->get(), "{}"));
    clients.push_back(std::move(*connection));
  }
  ASSERT_TRUE(blocked.Await(64));
  const auto reply = Ask(json::Object());
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Code::kExhausted);
  clients.pop_back();
  EXPECT_TRUE(blocked.Await(63));
  server_.reset();  // before `blocked`, which its threads are in
}

TEST_F(ControlServerTest, AnotherUserIsTurnedAway) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can be another user";
  Serve([](const json::Value&, const Tell&, const std::stop_token&) {
    return Result<json::Value>(json::Value("secret"));
  });
  ASSERT_EQ(chmod(path_.c_str(), 0666), 0);
  ASSERT_EQ(chmod(dir_.path().c_str(), 0755), 0);
  const pid_t child = fork();
  if (child == 0) {
    if (setuid(65534) != 0) _exit(9);
    const auto reply = Raw("{}");
    _exit(reply ? 1 : 0);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_TRUE(Ask(json::Object()));
}

TEST(ControlClient, NobodyThereIsUnavailableOrNotFound) {
  const io::TempDir dir;
  const auto reply =
      AskDataNode(dir.path() + "/control.sock", json::Object(), [](const json::Value&) {}, {});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Code::kNotFound);
}

DataNodeOptions Running() {
  return {.directories = {{.path = "/cache", .limit = 20ull << 30, .tier = blocks::Tier::kSsd},
                          {.path = "/disk", .limit = 0, .tier = blocks::Tier::kHdd}},
          .memory = 256u << 20};
}

json::Value Given(std::vector<std::string> directories, uint64_t memory) {
  json::Value options = json::Object({{"memory", memory}});
  for (std::string& each : directories) options.Mut("directories").Push(std::move(each));
  return options;
}

TEST(ControlOptions, WhatIsNotGivenIsAgreedTo) {
  EXPECT_TRUE(CheckOptions(json::Value(), Running()));
  EXPECT_TRUE(CheckOptions(Given({"/cache"}, 0), Running()));
  EXPECT_TRUE(CheckOptions(Given({"/cache,size=20G,tier=ssd", "/disk"}, 256u << 20), Running()));
}

TEST(ControlOptions, WhatDiffersIsRefusedWithBothValues) {
  for (const json::Value& given :
       {Given({"/other"}, 0), Given({"/cache,size=10G"}, 0), Given({"/cache,tier=hdd"}, 0),
        Given({"/cache", "/disk", "/third"}, 0), Given({"/cache", "/disk,size=5G"}, 0),
        Given({}, 128u << 20)}) {
    const Status same = CheckOptions(given, Running());
    ASSERT_FALSE(same) << json::Print(given);
    EXPECT_EQ(same.error().code, Code::kConflict);
    EXPECT_NE(same.error().message.find("another --"), std::string::npos) << same.error().message;
  }
}

}  // namespace
}  // namespace leat::datanode
