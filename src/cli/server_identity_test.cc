#include "cli/server_identity.h"

#include <gtest/gtest.h>

namespace leat::cli {
namespace {

using std::chrono::hours;

class ServerIdentityTest : public ::testing::Test {
 protected:
  std::string Current() {
    const auto pair = identity_.Current();
    EXPECT_TRUE(pair);
    return pair->certificate_pem;
  }
  // Whether the certificate that is shown now is valid now.
  bool IsValidNow() {
    const auto valid = net::CertificateValidity(Current());
    return valid->begin <= clock_.Now() && clock_.Now() < valid->end;
  }

  FakeClock clock_;
  net::KeyPair authority_ = *net::MakeCertificateAuthority("test");
  ServerIdentity identity_{authority_, "127.0.0.1", clock_};
};

TEST_F(ServerIdentityTest, StaysTheSameForMonths) {
  const std::string first = Current();
  clock_.Advance(hours(24 * 200));
  EXPECT_EQ(Current(), first);
}

TEST_F(ServerIdentityTest, IsRenewedLongBeforeItEnds) {
  const std::string first = Current();
  clock_.Advance(hours(24 * 250));
  EXPECT_NE(Current(), first);
  EXPECT_TRUE(IsValidNow());
}

TEST_F(ServerIdentityTest, IsValidAtAllTimesOfManyYears) {
  for (int month = 0; month < 60; ++month) {
    EXPECT_TRUE(IsValidNow()) << month;
    clock_.Advance(hours(24 * 30));
  }
}

TEST_F(ServerIdentityTest, FollowsAClockThatIsSetRight) {
  EXPECT_TRUE(IsValidNow());
  clock_.Advance(-hours(24 * 365));
  EXPECT_TRUE(IsValidNow());
  clock_.Advance(hours(24 * 3000));
  EXPECT_TRUE(IsValidNow());
}

TEST(ServerIdentityOfABrokenAuthority, IsAnError) {
  FakeClock clock;
  EXPECT_FALSE(ServerIdentity({"no", "key"}, "127.0.0.1", clock).Current());
}

}  // namespace
}  // namespace leat::cli
