#include "datanode/testing/scripted_worker.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <string>

#include "base/strings.h"
#include "datanode/control_server.h"
#include "datanode/json_bytes.h"
#include "datanode/keeper.h"
#include "datanode/supervisor.h"
#include "io/file.h"
#include "io/unix_socket.h"
#include "io/wait.h"

namespace leat::datanode {
namespace {

json::Value Describe(const std::vector<Kept>& kept) {
  json::Value all = json::Object();
  for (const Kept& one : kept) {
    json::Value contents = json::Array();
    for (const io::UniqueFd& fd : one.fds) {
      (void)lseek(fd.get(), 0, SEEK_SET);
      contents.Push(io::ReadFd(fd.get()).value_or("unreadable"));
    }
    all.Set(one.name,
            json::Object({{"text", one.text.substr(0, 40)}, {"files", std::move(contents)}}));
  }
  return all;
}

Status KeepFile(Keeper& keeper, const json::Value& request) {
  const std::string name = BytesFromJson(request["name"]);
  const std::string text = request["text"].Str();
  if (!request.Has("file")) return keeper.Keep(name, text);
  const auto file = io::Open(request["file"].Str(), O_RDONLY);
  if (!file) return file.error();
  const int fd = file->get();
  return keeper.Keep(name, text, {&fd, 1});
}

void Garble(const Keeper& keeper) {
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  for (const std::string& bytes :
       {std::string(), std::string("K"), std::string("Kname without an end"),
        std::string("K\0text", 6), std::string("F"), std::string("F\0", 2), std::string("E"),
        std::string("X\0\0\0", 4), std::string(100'000, 'K')})
    (void)io::SendMessage(keeper.socket(), bytes, {&null, 1});
  // Without the mark of io::SendMessage, empty, and too long.
  (void)send(keeper.socket(), "x", 1, MSG_NOSIGNAL);
  const std::string huge(200'000, 'M');
  (void)send(keeper.socket(), huge.data(), huge.size(), MSG_NOSIGNAL);
  close(null);
}

// Returns how many were taken.
int Flood(Keeper& keeper) {
  const std::string text(100'000, 't');
  int kept = 0;
  while (kept < 1000 && keeper.Keep("flood:" + std::to_string(kept), text)) ++kept;
  return kept;
}

}  // namespace

int RunScriptedWorker(std::string_view mode) {
  if (mode == "stillborn") return 1;
  auto keeper = Keeper::Connect(io::UniqueFd(kKeeperDescriptor));
  if (!keeper) return 2;
  const json::Value left = Describe(keeper->TakeKept());
  std::atomic<int> end = -1;
  const ControlHandler handler = [&](const json::Value& request, const Tell&,
                                     const std::stop_token&) -> Result<json::Value> {
    const std::string_view op = request["op"].AsString();
    Status done;
    if (op == "left") return left;
    if (op == "pid") return json::Value(getpid());
    if (op == "keep") done = KeepFile(*keeper, request);
    if (op == "forget") done = keeper->Forget(request["name"].Str());
    if (op == "garble") Garble(*keeper);
    if (op == "flood") return json::Value(Flood(*keeper));
    if (op == "end") end = static_cast<int>(request["status"].AsInt());
    if (!done) return done.error();
    return json::Value(true);
  };
  ControlServer server(kControlDescriptor, handler);
  while (end < 0 || !server.IdleSince()) {
    pollfd poll{.fd = keeper->socket(), .events = 0, .revents = 0};
    const auto ready =
        io::Poll({&poll, 1}, std::chrono::steady_clock::now() + std::chrono::milliseconds(10));
    if (ready && *ready > 0) return 0;  // the supervisor is dead
  }
  return end;
}

}  // namespace leat::datanode
