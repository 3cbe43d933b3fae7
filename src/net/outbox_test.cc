#include "net/outbox.h"

#include <gtest/gtest.h>

namespace leat::net {
namespace {

TEST(Outbox, GivesChunksInOrderAndCountsThemAgainstItsBound) {
  Outbox outbox(4);
  EXPECT_TRUE(outbox.Push("ab"));
  EXPECT_TRUE(outbox.Push("cd"));
  EXPECT_EQ(*outbox.Pop(), "ab");
  EXPECT_TRUE(outbox.Push("ef"));
  EXPECT_EQ(*outbox.Pop(), "cd");
  EXPECT_EQ(*outbox.Pop(), "ef");
  EXPECT_EQ(outbox.Pop(), nullptr);
}

TEST(Outbox, LetsOneLargerChunkInWhenEmpty) {
  Outbox outbox(4);
  EXPECT_TRUE(outbox.Push("abcdefgh"));
  EXPECT_FALSE(outbox.Push("i"));
}

TEST(Outbox, ClosesItselfOnOverflowAndKeepsWhatIsQueued) {
  Outbox outbox(4);
  int closed = 0;
  outbox.OnClosed([&] { ++closed; });
  EXPECT_TRUE(outbox.Push("abc"));
  EXPECT_FALSE(outbox.Push("de"));
  EXPECT_TRUE(outbox.closed());
  EXPECT_EQ(closed, 1);
  EXPECT_FALSE(outbox.Push("f"));
  EXPECT_EQ(*outbox.Pop(), "abc");
}

TEST(Outbox, RunsTheCloseCallbackOnceEvenWhenSetLate) {
  Outbox outbox;
  outbox.Close();
  outbox.Close();
  int closed = 0;
  outbox.OnClosed([&] { ++closed; });
  EXPECT_EQ(closed, 1);
}

TEST(Outbox, WakesItsReaderOnPushAndClose) {
  Outbox outbox;
  int woken = 0;
  outbox.SetWake([&] { ++woken; });
  outbox.Push("a");
  outbox.Close();
  EXPECT_EQ(woken, 2);
}

}  // namespace
}  // namespace leat::net
