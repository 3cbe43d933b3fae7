#include "datanode/mount_table.h"

#include <gtest/gtest.h>

#include <thread>

namespace leat::datanode {
namespace {

// Nothing is mounted there, and no mount is behind the names here.
constexpr char kName[] = "/nowhere/name";

std::stop_token Stopped() {
  std::stop_source source;
  source.request_stop();
  return source.get_token();
}

TEST(MountTable, AMountThatEndsBeforeItIsPutIsToldOf) {
  MountTable table;
  ASSERT_TRUE(table.Take(kName, {}));
  table.Ended("a");
  EXPECT_FALSE(table.WaitForEnded(Stopped()));
  std::optional<MountTable::EndedMount> ended;
  std::jthread reaper([&](const std::stop_token& stop) { ended = table.WaitForEnded(stop); });
  table.Put(kName, "a", nullptr);
  reaper.join();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->mountpoint, kName);
  EXPECT_TRUE(table.IsTaken(kName)) << "until what is kept for it is forgotten";
  table.Release(kName);
  EXPECT_TRUE(table.empty());
}

TEST(MountTable, TheEndOfAMountIsNotThatOfTheNextOneThere) {
  MountTable table;
  table.Put(kName, "a", nullptr);
  table.Put("/nowhere/other", "b", nullptr);
  table.Ended("never here");
  table.Ended("b");
  const auto ended = table.WaitForEnded({});
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->mountpoint, "/nowhere/other");
  std::jthread reaper([&](const std::stop_token& stop) {
    EXPECT_FALSE(table.WaitForEnded(stop)) << "told of before";
  });
  reaper.request_stop();
}

TEST(MountTable, ANameThatIsBeingMountedIsNotWaitedFor) {
  MountTable table;
  ASSERT_TRUE(table.Take(kName, {}));
  const auto began = std::chrono::steady_clock::now();
  const auto second = table.Take(kName, {});
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(1));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kAlreadyExists);
  EXPECT_NE(second.error().message.find("is being mounted"), std::string::npos)
      << second.error().message;
}

TEST(MountTable, ADetachedMountIsWaitedFor) {
  MountTable table;
  table.Put(kName, "a", nullptr);
  const auto open = table.Take(kName, Stopped());
  ASSERT_FALSE(open);
  EXPECT_NE(open.error().message.find("still open"), std::string::npos) << open.error().message;
  std::jthread end([&] { table.Release(kName); });
  EXPECT_TRUE(table.Take(kName, {}));
}

}  // namespace
}  // namespace leat::datanode
