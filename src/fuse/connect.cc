// The first exchange with the kernel: INIT, and the clones of the device.
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/log.h"
#include "base/strings.h"
#include "fuse/device.h"
#include "fuse/dispatcher.h"
#include "fuse/request.h"
#include "fuse/session.h"
#include "fuse/threads.h"
#include "io/file.h"
#include "io/wait.h"

namespace leat::fuse {
namespace {

// All directories are read with their files' attributes, without the kernel's own choice
// (READDIRPLUS_AUTO): that gives the names of a large directory first, and then each file that is
// looked at costs a round trip.
constexpr uint64_t kWanted = abi::kAsyncRead | abi::kBigWrites | abi::kDoReadDirPlus |
                             abi::kAsyncDirectIo | abi::kParallelDirOps | abi::kMaxPages |
                             abi::kCacheSymlinks | abi::kNoOpenDirSupport |
                             abi::kExplicitInvalidate | abi::kDirectIoAllowMmap | abi::kHasResend;

struct Offer {
  uint64_t unique = 0;
  uint32_t minor = 0;
  uint64_t flags = 0;
};

Result<Offer> ParseInit(std::string_view bytes) {
  const std::optional<Request> request = ParseRequest(bytes);
  if (!request || request->opcode != abi::Opcode::kInit)
    return Error{Code::kInvalid, "/dev/fuse: the first request is not INIT: is it served already?"};
  std::string_view body = request->body;
  abi::InitIn in;
  if (!Take(body, in)) return Error{Code::kInvalid, "/dev/fuse: INIT is cut short"};
  if (in.major != abi::kMajor || in.minor < abi::kOldestMinor) {
    return Error{Code::kUnimplemented,
                 "/dev/fuse: the kernel speaks protocol " + std::to_string(in.major) + "." +
                     std::to_string(in.minor) + ", and 7.31 (Linux 5.4) or a later 7 is needed"};
  }
  Offer offer{.unique = request->unique, .minor = in.minor, .flags = in.flags};
  abi::InitInExt more;
  if ((in.flags & abi::kInitExt) != 0 && Take(body, more))
    offer.flags |= uint64_t{more.flags2} << 32;
  return offer;
}

// An id can be asked for only by a process with CAP_SYS_ADMIN; a bad descriptor tells which we are.
bool MayOpenBacking(int device) {
  abi::BackingMap map{.fd = -1, .flags = 0, .padding = 0};
  return ioctl(device, abi::kIoctlBackingOpen, &map) < 0 && errno == EBADF;
}

Result<Agreement> Negotiate(Device& device, const SessionOptions& options) {
  pollfd ready{.fd = device.fd(), .events = POLLIN, .revents = 0};
  const Result<int> polled =
      io::Poll({&ready, 1}, std::chrono::steady_clock::now() + std::chrono::seconds(10));
  if (!polled) return polled.error();
  if (*polled == 0) return Error{Code::kTimeout, "/dev/fuse: the kernel sent no INIT for 10 s"};
  std::array<char, 64 << 10> buffer;
  const ssize_t got = device.Read(buffer);
  if (got < 0) return io::ErrnoError(static_cast<int>(-got), "read INIT from /dev/fuse");
  Result<Offer> offer = ParseInit({buffer.data(), static_cast<size_t>(got)});
  if (!offer) return offer.error();

  const uint64_t wanted = kWanted | (options.passthrough ? abi::kPassthrough : 0);
  Agreement agreement{.minor = std::min(offer->minor, abi::kMinor),
                      .flags = offer->flags & (wanted | abi::kInitExt)};
  agreement.resend = (agreement.flags & abi::kHasResend) != 0;
  // Background requests are read-ahead: enough of them to keep a store's link full.
  const abi::InitOut out{.major = abi::kMajor,
                         .minor = agreement.minor,
                         .max_readahead = options.max_readahead,
                         .flags = static_cast<uint32_t>(agreement.flags),
                         .max_background = 256,
                         .congestion_threshold = 192,
                         .max_write = 4096,
                         .time_granularity = 1,
                         .max_pages = static_cast<uint16_t>(kMaxRead / sysconf(_SC_PAGESIZE)),
                         .map_alignment = 0,
                         .flags2 = static_cast<uint32_t>(agreement.flags >> 32),
                         .max_stack_depth = 1};
  const std::string_view part = BytesOf(out);
  device.Answer(offer->unique, 0, {&part, 1});
  agreement.passthrough = (agreement.flags & abi::kPassthrough) != 0 && MayOpenBacking(device.fd());
  return agreement;
}

Result<io::UniqueFd> Clone(int device) {
  Result<io::UniqueFd> fd = io::Open("/dev/fuse", O_RDWR);
  if (!fd) return fd;
  uint32_t original = static_cast<uint32_t>(device);
  if (ioctl(fd->get(), abi::kIoctlClone, &original) != 0)
    return io::ErrnoError(errno, "clone the mount's /dev/fuse");
  return fd;
}

}  // namespace

int ThreadsFor(const SessionOptions& options) {
  if (options.threads > 0) return options.threads;
  cpu_set_t processors;
  CPU_ZERO(&processors);
  const int usable =
      sched_getaffinity(0, sizeof(processors), &processors) == 0 ? CPU_COUNT(&processors) : 4;
  return std::clamp(usable, 4, 16);
}

Result<Session::Connection> Session::Connect(io::UniqueFd device, const SessionOptions& options) {
  const auto first =
      std::make_shared<Device>(io::UniqueFd(fcntl(device.get(), F_DUPFD_CLOEXEC, 0)));
  if (first->fd() < 0) return io::ErrnoError(errno, "copy the descriptor of /dev/fuse");
  Result<Agreement> agreement = Negotiate(*first, options);
  if (!agreement) return agreement.error();
  Connection connection{.devices = {}, .agreement = *agreement};
  const int clones = ThreadsFor(options) - 1;
  const int original = device.get();
  connection.devices.push_back(std::move(device));
  for (int i = 0; i < clones; ++i) {
    Result<io::UniqueFd> clone = Clone(original);
    if (!clone) {
      LogInfo("the threads of the mount share one descriptor", {{"reason", clone.error()}});
      break;
    }
    connection.devices.push_back(std::move(*clone));
  }
  return connection;
}

std::string Agreement::ToString() const {
  return std::to_string(minor) + " " + std::to_string(flags) + " " + (passthrough ? "1" : "0") +
         " " + (resend ? "1" : "0");
}

Result<Agreement> Agreement::Parse(std::string_view text) {
  const Error invalid{Code::kInvalid, "agreement with the kernel: \"" + std::string(text) +
                                          "\" is not \"MINOR FLAGS 0|1 0|1\""};
  const std::vector<std::string_view> parts = Split(text, ' ');
  if (parts.size() != 4) return invalid;
  std::array<int64_t, 4> values{};
  for (size_t i = 0; i < parts.size(); ++i) {
    const Result<int64_t> value = ParseInt(parts[i]);
    if (!value || *value < 0) return invalid;
    values[i] = *value;
  }
  if (values[0] > 1'000'000 || values[2] > 1 || values[3] > 1) return invalid;
  return Agreement{.minor = static_cast<uint32_t>(values[0]),
                   .flags = static_cast<uint64_t>(values[1]),
                   .passthrough = values[2] == 1,
                   .resend = values[3] == 1};
}

}  // namespace leat::fuse
