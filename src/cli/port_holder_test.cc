#include "cli/port_holder.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/fd.h"

namespace leat::cli {
namespace {

TEST(PortHolder, IsTheProcessThatListens) {
  const io::UniqueFd socket_fd(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(bind(socket_fd.get(), raw, size), 0);
  ASSERT_EQ(getsockname(socket_fd.get(), raw, &size), 0);
  const uint16_t port = ntohs(address.sin_port);
  EXPECT_FALSE(FindPortHolder("127.0.0.1", port));  // bound, but nobody listens
  ASSERT_EQ(listen(socket_fd.get(), 1), 0);
  EXPECT_FALSE(FindPortHolder("127.0.0.9", port)) << "which is free";
  EXPECT_FALSE(FindPortHolder("::1", port));
  for (const char* host : {"0.0.0.0", "::", "localhost", "::ffff:127.0.0.1"})
    EXPECT_TRUE(FindPortHolder(host, port)) << host;
  const auto holder = FindPortHolder("127.0.0.1", port);
  ASSERT_TRUE(holder);
  EXPECT_EQ(holder->pid, getpid());
  EXPECT_EQ(holder->program, "cli_test");
  EXPECT_EQ(holder->pod_uid, "");
}

TEST(PortHolder, APodIsKnownByItsCgroup) {
  EXPECT_EQ(PodOfCgroups("0::/leat/1b2c-3d/main\n"), "1b2c-3d");
  EXPECT_EQ(PodOfCgroups("5:memory:/leat/1b2c-3d/main\n1:name=systemd:/user.slice\n"), "1b2c-3d");
  EXPECT_EQ(PodOfCgroups("0::/user.slice/leat/x\n"), "");
  EXPECT_EQ(PodOfCgroups(""), "");
}

}  // namespace
}  // namespace leat::cli
