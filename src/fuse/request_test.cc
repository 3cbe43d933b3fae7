// Requests without a kernel: the device is one end of a socket pair.
#include "fuse/request.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cerrno>

#include "fuse/dispatcher.h"
#include "fuse/session.h"
#include "fuse/testing/memory_filesystem.h"

namespace leat::fuse {
namespace {

using abi::Opcode;

std::string RequestOf(Opcode opcode, std::string_view body, NodeId node = kRootNode) {
  abi::InHeader header{};
  header.length = static_cast<uint32_t>(sizeof(header) + body.size());
  header.opcode = static_cast<uint32_t>(opcode);
  header.unique = 42;
  header.node = node;
  return std::string(BytesOf(header)) + std::string(body);
}

struct Answer {
  int error = 0;
  uint64_t unique = 0;
  std::string body;
};

class DispatcherTest : public testing::Test {
 protected:
  DispatcherTest() {
    int fds[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    kernel_.Reset(fds[0]);
    device_ = std::make_shared<Device>(io::UniqueFd(fds[1]));
  }

  // What came back; error -1 when nothing did.
  Answer Ask(std::string_view bytes) {
    dispatcher_.Handle(device_, bytes);
    std::string reply(2 << 20, '\0');
    const ssize_t got = recv(kernel_.get(), reply.data(), reply.size(), MSG_DONTWAIT);
    if (got < 0) return {.error = -1};
    reply.resize(static_cast<size_t>(got));
    std::string_view rest = reply;
    abi::OutHeader header{};
    EXPECT_TRUE(Take(rest, header));
    EXPECT_EQ(header.length, reply.size());
    return {-header.error, header.unique, std::string(rest)};
  }

  MemoryFilesystemState state_;
  MemoryFilesystem filesystem_{{{.name = "file", .bytes = "0123456789"}}, 0, state_};
  Dispatcher dispatcher_{filesystem_, abi::kNoOpenDirSupport};
  io::UniqueFd kernel_;
  std::shared_ptr<Device> device_;
};

TEST_F(DispatcherTest, RepliesCarryTheUniqueAsReceived) {
  std::string request = RequestOf(Opcode::kLookup, std::string_view("file\0", 5));
  EXPECT_EQ(Ask(request).unique, 42u);
  const uint64_t resent = 42 | abi::kUniqueResend;
  std::memcpy(request.data() + offsetof(abi::InHeader, unique), &resent, sizeof(resent));
  const Answer answer = Ask(request);
  EXPECT_EQ(answer.unique, resent);
  EXPECT_EQ(answer.error, 0);
  EXPECT_EQ(answer.body.size(), sizeof(abi::EntryOut));
}

TEST_F(DispatcherTest, EveryRequestCutShortIsAnsweredAnErrorOrNothing) {
  const std::string body(64, '\0');
  for (uint32_t opcode = 0; opcode < 64; ++opcode) {
    const std::string whole = RequestOf(static_cast<Opcode>(opcode), body);
    for (size_t length = 0; length < whole.size(); ++length) {
      std::string cut = whole.substr(0, length);
      EXPECT_EQ(Ask(cut).error, -1) << "the length in the header is a lie";
      if (length < sizeof(abi::InHeader)) continue;
      const auto told = static_cast<uint32_t>(length);
      std::memcpy(cut.data(), &told, sizeof(told));
      (void)Ask(cut);
    }
  }
  for (const Opcode opcode : {Opcode::kLookup, Opcode::kOpen, Opcode::kRead, Opcode::kRelease,
                              Opcode::kReadDir, Opcode::kGetXattr, Opcode::kLseek})
    EXPECT_EQ(Ask(RequestOf(opcode, "")).error, EINVAL) << static_cast<int>(opcode);
}

TEST_F(DispatcherTest, NamesMustEndAndHaveNoSlash) {
  EXPECT_EQ(Ask(RequestOf(Opcode::kLookup, "file")).error, EINVAL);
  EXPECT_EQ(Ask(RequestOf(Opcode::kLookup, std::string_view("\0", 1))).error, EINVAL);
  EXPECT_EQ(Ask(RequestOf(Opcode::kLookup, std::string_view("a/b\0", 4))).error, EINVAL);
}

TEST_F(DispatcherTest, ExtensionsAreCutOffAndMayNotPassTheEnd) {
  std::string request = RequestOf(Opcode::kLookup, std::string_view("file\0EXTENSION", 13));
  const uint16_t words = 1;
  std::memcpy(request.data() + offsetof(abi::InHeader, extension_words), &words, sizeof(words));
  EXPECT_EQ(Ask(request).error, 0);
  const uint16_t many = 9;
  std::memcpy(request.data() + offsetof(abi::InHeader, extension_words), &many, sizeof(many));
  EXPECT_EQ(Ask(request).error, -1);
}

TEST_F(DispatcherTest, WhatWritesIsRefusedAndWhatIsUnknownIsNotThere) {
  for (const Opcode opcode :
       {Opcode::kSetAttr, Opcode::kSymlink, Opcode::kMknod, Opcode::kMkdir, Opcode::kUnlink,
        Opcode::kRmdir, Opcode::kRename, Opcode::kRename2, Opcode::kLink, Opcode::kWrite,
        Opcode::kCreate, Opcode::kTmpFile, Opcode::kSetXattr, Opcode::kRemoveXattr,
        Opcode::kFallocate, Opcode::kCopyFileRange, Opcode::kCopyFileRange64})
    EXPECT_EQ(Ask(RequestOf(opcode, std::string(64, '\0'))).error, EROFS)
        << static_cast<int>(opcode);
  const abi::OpenIn write{.flags = O_WRONLY, .open_flags = 0};
  EXPECT_EQ(Ask(RequestOf(Opcode::kOpen, BytesOf(write))).error, EROFS);
  EXPECT_EQ(Ask(RequestOf(static_cast<Opcode>(4711), "")).error, ENOSYS);
  EXPECT_EQ(Ask(RequestOf(Opcode::kOpenDir, std::string(8, '\0'))).error, ENOSYS);
}

TEST_F(DispatcherTest, ForgetIsNeverAnsweredAndCountsOnlyWhatIsThere) {
  const abi::BatchForgetIn batch{.count = 1'000'000, .padding = 0};
  const abi::ForgetOne one{.node = 3, .lookups = 5};
  std::string body(BytesOf(batch));
  body.append(BytesOf(one)).append(BytesOf(one)).append("short");
  EXPECT_EQ(Ask(RequestOf(Opcode::kBatchForget, body)).error, -1);
  EXPECT_EQ(state_.forgotten, 10u);
}

TEST_F(DispatcherTest, AnInterruptThatOvertakesItsRequestStillEndsIt) {
  MemoryFilesystem gated({{.name = "file", .bytes = "x", .gated = true}}, 0, state_);
  state_.gate_closed = true;
  Dispatcher dispatcher(gated, 0);
  const abi::InterruptIn interrupt{.unique = 42};
  dispatcher.Handle(device_, RequestOf(Opcode::kInterrupt, BytesOf(interrupt)));
  abi::ReadIn read{};
  read.handle = 7;
  read.size = 1;
  dispatcher.Handle(device_,
                    RequestOf(Opcode::kRead, BytesOf(read), MemoryFilesystem::FileNode(0)));
  abi::OutHeader header{};
  ASSERT_EQ(recv(kernel_.get(), &header, sizeof(header), MSG_DONTWAIT), 16);
  EXPECT_EQ(header.error, -EINTR);
}

TEST_F(DispatcherTest, AReplyThatIsDroppedSaysEio) {
  { const Reply reply(device_, 9); }
  abi::OutHeader header{};
  ASSERT_EQ(recv(kernel_.get(), &header, sizeof(header), MSG_DONTWAIT), 16);
  EXPECT_EQ(header.error, -EIO);
  EXPECT_EQ(header.unique, 9u);
  device_->Mute();
  { const Reply reply(device_, 10); }
  EXPECT_EQ(recv(kernel_.get(), &header, sizeof(header), MSG_DONTWAIT), -1);
}

TEST(Agreement, IsReadBackAsItWasWritten) {
  const Agreement agreement{
      .minor = 45, .flags = abi::kHasResend | 1, .passthrough = true, .resend = true};
  const Result<Agreement> again = Agreement::Parse(agreement.ToString());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->minor, 45u);
  EXPECT_EQ(again->flags, abi::kHasResend | 1);
  EXPECT_TRUE(again->passthrough && again->resend);
  for (const char* wrong : {"", "45", "45 1 1 2", "45 -1 1 1", "45 1 1 1 1", "x 1 1 1"})
    EXPECT_FALSE(Agreement::Parse(wrong)) << wrong;
}

}  // namespace
}  // namespace leat::fuse
