#include "io/unix_socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <thread>

#include "io/file.h"

namespace leat::io {
namespace {

std::pair<UniqueFd, UniqueFd> Pair() {
  Result<std::pair<UniqueFd, UniqueFd>> pair = SocketPair();
  EXPECT_TRUE(pair) << pair.error().message;
  return std::move(*pair);
}

TEST(UnixSocket, MessagesKeepTheirBoundsAndMayBeEmpty) {
  auto [a, b] = Pair();
  const std::string largest(kMaxMessage, 'x');
  ASSERT_TRUE(SendMessage(a.get(), "one"));
  ASSERT_TRUE(SendMessage(a.get(), ""));
  EXPECT_EQ(ReceiveMessage(b.get())->bytes, "one");
  EXPECT_EQ(ReceiveMessage(b.get())->bytes, "");
  ASSERT_TRUE(SendMessage(a.get(), largest));
  EXPECT_EQ(ReceiveMessage(b.get())->bytes, largest);
  EXPECT_EQ(SendMessage(a.get(), largest + "x").error().code, Code::kTooLarge);
}

TEST(UnixSocket, DescriptorsArriveAndAreClosedOnExec) {
  auto [a, b] = Pair();
  std::vector<UniqueFd> files;
  std::vector<int> numbers;
  for (int i = 0; i < 16; ++i) {
    files.push_back(std::move(*Open("/proc/self/exe", O_RDONLY)));
    numbers.push_back(files.back().get());
  }
  ASSERT_TRUE(SendMessage(a.get(), "", numbers));
  const Result<Message> message = ReceiveMessage(b.get());
  ASSERT_TRUE(message) << message.error().message;
  ASSERT_EQ(message->fds.size(), 16u);
  struct stat sent {};
  ASSERT_EQ(fstat(numbers[0], &sent), 0);
  for (const UniqueFd& fd : message->fds) {
    struct stat got {};
    ASSERT_EQ(fstat(fd.get(), &got), 0);
    EXPECT_EQ(got.st_ino, sent.st_ino);
    EXPECT_EQ(fcntl(fd.get(), F_GETFD), FD_CLOEXEC);
  }
  numbers.push_back(numbers[0]);
  EXPECT_EQ(SendMessage(a.get(), "", numbers).error().code, Code::kTooLarge);
}

TEST(UnixSocket, WhatWasSentArrivesThoughTheSenderIsGone) {
  auto [a, b] = Pair();
  ASSERT_TRUE(SendMessage(b.get(), "never read"));
  UniqueFd file(std::move(*Open("/dev/null", O_RDONLY)));
  const int number = file.get();
  ASSERT_TRUE(SendMessage(a.get(), "last words", {&number, 1}));
  file.Reset();
  a.Reset();
  const Result<Message> message = ReceiveMessage(b.get());
  ASSERT_TRUE(message) << message.error().message;
  EXPECT_EQ(message->bytes, "last words");
  EXPECT_EQ(message->fds.size(), 1u);
  EXPECT_EQ(ReceiveMessage(b.get()).error().code, Code::kUnavailable);
  EXPECT_EQ(SendMessage(b.get(), "anybody?").error().code, Code::kUnavailable);
}

TEST(UnixSocket, WaitsEndByDeadlineAndByStop) {
  auto [a, b] = Pair();
  EXPECT_EQ(ReceiveMessage(b.get(), {}, std::chrono::milliseconds(1)).error().code, Code::kTimeout);
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_EQ(ReceiveMessage(b.get(), stop.get_token()).error().code, Code::kCancelled);
}

TEST(UnixSocket, ListensInPlaceOfADeadSocketOnly) {
  const TempDir dir;
  const std::string path = dir.path() + "/s";
  EXPECT_EQ(ConnectUnix(path).error().code, Code::kNotFound);
  Result<UniqueFd> first = ListenUnix(path);
  ASSERT_TRUE(first) << first.error().message;
  struct stat info {};
  ASSERT_EQ(lstat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  EXPECT_EQ(ListenUnix(path).error().code, Code::kAlreadyExists);
  first->Reset();
  EXPECT_EQ(ConnectUnix(path).error().code, Code::kUnavailable);
  EXPECT_TRUE(ListenUnix(path));

  ASSERT_TRUE(WriteFile(dir.path() + "/file", "precious"));
  EXPECT_EQ(ListenUnix(dir.path() + "/file").error().code, Code::kAlreadyExists);
  EXPECT_EQ(*ReadFile(dir.path() + "/file"), "precious");
}

TEST(UnixSocket, LongPathsWork) {
  const TempDir dir;
  const std::string deep = dir.path() + "/" + std::string(150, 'd');
  ASSERT_TRUE(MakeDirs(deep));
  Result<UniqueFd> listener = ListenUnix(deep + "/s");
  ASSERT_TRUE(listener) << listener.error().message;
  Result<UniqueFd> client = ConnectUnix(deep + "/s");
  ASSERT_TRUE(client) << client.error().message;
  const UniqueFd server(accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC));
  ASSERT_TRUE(server.ok());
  ASSERT_TRUE(SendMessage(client->get(), "hello"));
  EXPECT_EQ(ReceiveMessage(server.get())->bytes, "hello");
}

}  // namespace
}  // namespace leat::io
