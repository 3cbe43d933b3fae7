// Local sockets that carry whole messages and file descriptors (AF_UNIX, SOCK_SEQPACKET).
#pragma once

#include <chrono>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "io/fd.h"

namespace leat::io {

// The most bytes in one message, which may also be empty; longer ones are refused with kTooLarge by
// both sides. So are more than 16 descriptors.
inline constexpr size_t kMaxMessage = 128 << 10;

struct Message {
  std::string bytes;
  std::vector<UniqueFd> fds;  // at most 16, close-on-exec
};

Result<std::pair<UniqueFd, UniqueFd>> SocketPair();
// Listens at `path` with mode 0600, in place of a socket that a dead process left there.
// kAlreadyExists when somebody listens there or it is no socket. Any length of path will do.
Result<UniqueFd> ListenUnix(const std::string& path);
// kNotFound when there is no such socket, kUnavailable when nobody listens on it.
Result<UniqueFd> ConnectUnix(const std::string& path);

// Sends the message whole. Once it returns, the bytes and descriptors are the kernel's: the other
// side will get them even if this process dies. Blocks while the socket is full. kUnavailable when
// the other side is gone.
Status SendMessage(int socket, std::string_view bytes, std::span<const int> fds = {});
// The next message; kUnavailable when the other side has closed, kTimeout, kCancelled.
Result<Message> ReceiveMessage(int socket, const std::stop_token& stop = {},
                               std::chrono::nanoseconds timeout = std::chrono::hours(24 * 365));

}  // namespace leat::io
