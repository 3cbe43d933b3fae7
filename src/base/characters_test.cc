#include "base/characters.h"

#include <gtest/gtest.h>

namespace leat {
namespace {

TEST(Characters, AreCountedNotBytes) {
  EXPECT_EQ(CountCharacters("aé€"), 3u);
  EXPECT_EQ(FirstCharacters("aé€", 2), "aé");
  EXPECT_EQ(FirstCharacters("ab", 5), "ab");
}

}  // namespace
}  // namespace leat
