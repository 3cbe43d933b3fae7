// Makes sockets: listening and connected ones, non-blocking, with errors that name the address.
#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "io/fd.h"

struct sockaddr_storage;

namespace leat::net {

// A listening socket on a numeric address; port 0 lets the kernel pick. kAlreadyExists when the
// port is in use, kForbidden for privileged ports, kInvalid for what is no address of this machine.
Result<io::UniqueFd> Listen(const std::string& address, uint16_t port);
Result<uint16_t> LocalPort(int fd);
// The next waiting connection; an empty descriptor when there is none. kExhausted when this process
// is out of descriptors. `*remote` becomes "127.0.0.1:51234".
Result<io::UniqueFd> AcceptNext(int listener, std::string* remote);
// Resolves the name and tries its addresses in turn, each for at most `timeout`. kUnavailable names
// the host and the last reason; kTimeout, kCancelled. Looking a name up cannot be interrupted.
Result<io::UniqueFd> ConnectTo(const std::string& host, uint16_t port,
                               std::chrono::milliseconds timeout, const std::stop_token& stop);
// False when the other side of an idle connection has closed it or sent something unasked.
bool StillIdle(int fd);

}  // namespace leat::net
