#include "fuse/fusermount.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/strings.h"
#include "io/file.h"
#include "io/process.h"

namespace leat::fuse {
namespace {

constexpr auto kPatience = std::chrono::seconds(30);

Result<io::RunResult> RunProgram(std::vector<std::string> arguments, int socket) {
  arguments.insert(arguments.begin(), "fusermount3");
  io::SpawnOptions options{.argv = std::move(arguments)};
  if (socket >= 0) {
    options.env = {{"_FUSE_COMMFD", "3"}};
    options.fds = {{socket, 3}};
  }
  Result<io::RunResult> result = io::Run(std::move(options), kPatience);
  if (!result && result.error().code == Code::kNotFound) {
    return Error{Code::kUnimplemented,
                 "fusermount3 is not installed (Debian: apt install fuse3); only root mounts "
                 "without it"};
  }
  return result;
}

// The program sends one byte with the descriptor.
Result<io::UniqueFd> ReceiveDevice(int socket) {
  char byte = 0;
  iovec vector{&byte, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  const cmsghdr* header = got >= 0 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS)
    return Error{Code::kInternal, "fusermount3 mounted, but sent no descriptor"};
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(header), sizeof(fd));
  return io::UniqueFd(fd);
}

}  // namespace

std::string EscapeOption(const std::string& value) {
  std::string escaped;
  for (const char c : value) {
    if (c == ',' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

Result<io::UniqueFd> MountByProgram(const std::string& mountpoint, const std::string& options) {
  std::array<int, 2> pair;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0)
    return io::ErrnoError(errno, "socketpair for fusermount3");
  const io::UniqueFd ours(pair[0]);
  const io::UniqueFd theirs(pair[1]);
  const Result<io::RunResult> result = RunProgram({"-o", options, "--", mountpoint}, theirs.get());
  if (!result) return result.error();
  if (!result->exit.ok())
    return Error{Code::kForbidden, "mount " + mountpoint + ": " + std::string(Trim(result->err))};
  return ReceiveDevice(ours.get());
}

Status UnmountByProgram(const std::string& mountpoint, bool lazy) {
  std::vector<std::string> arguments{"-u", "--", mountpoint};
  if (lazy) arguments.insert(arguments.begin() + 1, "-z");
  const Result<io::RunResult> result = RunProgram(std::move(arguments), -1);
  if (!result) return result.error();
  if (result->exit.ok()) return {};
  if (result->err.find("busy") != std::string::npos) return InUse(mountpoint);
  return Error{Code::kForbidden, "unmount " + mountpoint + ": " + std::string(Trim(result->err))};
}

Error InUse(const std::string& mountpoint) {
  return {Code::kConflict, "unmount " + mountpoint +
                               ": files or directories in it are in use; close them, or unmount "
                               "lazily"};
}

}  // namespace leat::fuse
