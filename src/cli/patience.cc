#include "cli/patience.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <cstdio>
#include <filesystem>
#include <optional>

#include "base/clock.h"
#include "base/strings.h"
#include "datanode/control_client.h"
#include "io/file.h"
#include "io/unix_socket.h"

namespace leat::cli {
namespace {

constexpr std::chrono::seconds kPatience{10};
constexpr std::chrono::seconds kSignOfLife{2};

// The only child of the supervisor, who listens; nullopt when it cannot be found.
std::optional<int64_t> WorkerOf(const std::string& socket) {
  const auto connection = io::ConnectUnix(socket);
  if (!connection) return std::nullopt;
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(connection->get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    return std::nullopt;
  const auto children =
      io::ReadFile(fmt::format("/proc/{}/task/{}/children", peer.pid, peer.pid), 4096);
  if (!children) return std::nullopt;
  const auto pid = ParseInt(Trim(*children));
  return pid ? std::optional(*pid) : std::nullopt;
}

std::string WhoServes(const std::string& socket) {
  const std::string directory = std::filesystem::path(socket).parent_path();
  const auto worker = WorkerOf(socket);
  if (!worker) return "the data node of " + directory;
  return fmt::format("the data node of {} (worker pid {})", directory, *worker);
}

}  // namespace

Patience Patience::ForSocket(const std::string& socket) {
  return {[socket](const std::stop_token& stop) {
            return datanode::Answers(socket, kSignOfLife, stop);
          },
          [socket] { return WhoServes(socket); }};
}

Patience Patience::ForPath(const std::string& path) {
  return {[](const std::stop_token&) { return false; },
          [path] { return "the data node of the mount of " + path; }};
}

Patience::Patience(const Answers& answers, const std::function<std::string()>& who)
    : thread_([this, answers, who](const std::stop_token& stop) {
        RealClock clock;
        while (clock.SleepFor(kPatience, stop)) {
          if (heard_.exchange(false) || answers(stop)) continue;
          if (stop.stop_requested()) return;
          std::fprintf(stderr,
                       "leat: %s has not answered for %lld s; waiting for it. Its worker may be "
                       "stopped or hang: killing that process starts another one, and `leat umount "
                       "--force PATH` detaches a mount without asking\n",
                       who().c_str(), static_cast<long long>(kPatience.count()));
          return;
        }
      }) {}

}  // namespace leat::cli
