#include "io/unix_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "io/file.h"
#include "io/wait.h"

namespace leat::io {
namespace {

constexpr size_t kMaxFds = 16;
// Begins each message, so that an empty one differs from the end.
constexpr char kMark = 'M';

struct Address {
  sockaddr_un bytes{};
  UniqueFd directory;  // keeps a long path short: /proc/self/fd/N/name
};

Result<Address> AddressOf(const std::string& path) {
  Address address;
  address.bytes.sun_family = AF_UNIX;
  std::string name = path;
  if (name.size() >= sizeof(address.bytes.sun_path)) {
    const size_t slash = path.find_last_of('/');
    const bool nested = slash != std::string::npos;
    Result<UniqueFd> directory =
        Open(nested ? path.substr(0, slash + 1) : ".", O_PATH | O_DIRECTORY);
    if (!directory) return directory.error();
    address.directory = std::move(*directory);
    name = "/proc/self/fd/" + std::to_string(address.directory.get()) + "/" +
           path.substr(nested ? slash + 1 : 0);
  }
  if (name.empty() || name.size() >= sizeof(address.bytes.sun_path))
    return ErrnoError(ENAMETOOLONG, "socket " + path);
  std::memcpy(address.bytes.sun_path, name.c_str(), name.size() + 1);
  return address;
}

Result<UniqueFd> NewSocket(const std::string& path) {
  UniqueFd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!fd.ok()) return ErrnoError(errno, "socket " + path);
  return fd;
}

// 0 or an errno.
int Connect(int fd, const Address& address) {
  while (connect(fd, reinterpret_cast<const sockaddr*>(&address.bytes), sizeof(address.bytes)) !=
         0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

// Removes a socket that nobody listens on; kAlreadyExists when somebody does, or it is none.
Status RemoveDead(const std::string& path, const Address& address) {
  struct stat info {};
  if (lstat(path.c_str(), &info) == 0 && !S_ISSOCK(info.st_mode))
    return Error{Code::kAlreadyExists, "listen on " + path + ": it is there and not a socket"};
  Result<UniqueFd> probe = NewSocket(path);
  if (!probe) return probe.error();
  const int error = Connect(probe->get(), address);
  if (error == 0)
    return Error{Code::kAlreadyExists, "listen on " + path + ": another process listens there"};
  if (error != ECONNREFUSED && error != ENOENT) return ErrnoError(error, "listen on " + path);
  return Remove(path);
}

std::vector<UniqueFd> TakeFds(msghdr& message) {
  std::vector<UniqueFd> fds;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
      fds.emplace_back(fd);
    }
  }
  return fds;
}

// The length of the next message, its mark included, which stays in the queue; 0 at the end.
Result<size_t> PeekLength(int socket) {
  while (true) {
    char mark = 0;
    const ssize_t length = recv(socket, &mark, 1, MSG_PEEK | MSG_TRUNC);
    if (length >= 0) return static_cast<size_t>(length);
    // ECONNRESET: the other side closed without reading all of ours; told once, before what it
    // sent.
    if (errno != EINTR && errno != ECONNRESET) return ErrnoError(errno, "receive a message");
  }
}

}  // namespace

Result<std::pair<UniqueFd, UniqueFd>> SocketPair() {
  std::array<int, 2> fds;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds.data()) != 0)
    return ErrnoError(errno, "socketpair");
  return std::pair<UniqueFd, UniqueFd>(UniqueFd(fds[0]), UniqueFd(fds[1]));
}

Result<UniqueFd> ListenUnix(const std::string& path) {
  Result<Address> address = AddressOf(path);
  if (!address) return address.error();
  Result<UniqueFd> fd = NewSocket(path);
  if (!fd) return fd;
  // On Linux the file gets the mode of the socket: nobody else can connect, not even at first.
  if (fchmod(fd->get(), 0600) != 0) return ErrnoError(errno, "chmod " + path);
  const auto bind_it = [&] {
    return bind(fd->get(), reinterpret_cast<const sockaddr*>(&address->bytes),
                sizeof(address->bytes));
  };
  if (bind_it() != 0) {
    if (errno != EADDRINUSE) return ErrnoError(errno, "listen on " + path);
    Status removed = RemoveDead(path, *address);
    if (!removed) return removed.error();
    if (bind_it() != 0) return ErrnoError(errno, "listen on " + path);
  }
  if (listen(fd->get(), 64) != 0) return ErrnoError(errno, "listen on " + path);
  return fd;
}

Result<UniqueFd> ConnectUnix(const std::string& path) {
  Result<Address> address = AddressOf(path);
  if (!address) return address.error();
  Result<UniqueFd> fd = NewSocket(path);
  if (!fd) return fd;
  const int error = Connect(fd->get(), *address);
  if (error != 0) return ErrnoError(error, "connect to " + path);
  return fd;
}

Status SendMessage(int socket, std::string_view bytes, std::span<const int> fds) {
  if (bytes.size() > kMaxMessage)
    return Error{Code::kTooLarge, "send a message: " + std::to_string(bytes.size()) +
                                      " bytes are more than " + std::to_string(kMaxMessage)};
  if (fds.size() > kMaxFds)
    return Error{Code::kTooLarge,
                 "send a message: " + std::to_string(fds.size()) + " descriptors are more than 16"};
  char mark = kMark;
  std::array<iovec, 2> parts{iovec{&mark, 1}, iovec{const_cast<char*>(bytes.data()), bytes.size()}};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMaxFds)> control{};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  if (!fds.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
  }
  while (sendmsg(socket, &message, MSG_NOSIGNAL) < 0)
    if (errno != EINTR) return ErrnoError(errno, "send a message");
  return {};
}

Result<Message> ReceiveMessage(int socket, const std::stop_token& stop,
                               std::chrono::nanoseconds timeout) {
  pollfd readable{socket, POLLIN, 0};
  const Result<int> ready = Poll({&readable, 1}, std::chrono::steady_clock::now() + timeout, stop);
  if (!ready) return ready.error().Within("receive a message");
  if (*ready == 0) return Error{Code::kTimeout, "receive a message: none came in time"};
  const Result<size_t> length = PeekLength(socket);
  if (!length) return length.error();
  if (*length == 0) return Error{Code::kUnavailable, "receive a message: the other side closed"};

  Message received;
  received.bytes.resize(std::min(*length - 1, kMaxMessage));
  char mark = 0;
  std::array<iovec, 2> parts{iovec{&mark, 1}, iovec{received.bytes.data(), received.bytes.size()}};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMaxFds)> control{};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t got = -1;
  while ((got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC)) < 0)
    if (errno != EINTR) return ErrnoError(errno, "receive a message");
  received.fds = TakeFds(message);
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
    return Error{Code::kTooLarge,
                 "receive a message: more than " + std::to_string(kMaxMessage) +
                     " bytes, 16 descriptors, or descriptors than this process may have"};
  return received;
}

}  // namespace leat::io
