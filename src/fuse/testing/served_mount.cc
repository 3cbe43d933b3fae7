#include "fuse/testing/served_mount.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <new>

#include "base/strings.h"
#include "fuse/abi.h"
#include "io/unix_socket.h"

namespace leat::fuse {
namespace {

template <class T>
T Must(Result<T> result) {
  LEAT_CHECK(result.has_value(), result ? "" : result.error().message);
  return std::move(*result);
}

void Must(Status status) { LEAT_CHECK(status.has_value(), status ? "" : status.error().message); }

}  // namespace

std::string WhyNoMounts() {
  if (geteuid() != 0) return "not root";
  if (access("/dev/fuse", R_OK | W_OK) != 0) return "no /dev/fuse";
  return "";
}

ServedMount::ServedMount(std::vector<MemoryFile> files, int many, SessionOptions options)
    : mountpoint_(dir_.path() + "/mount point"),
      files_(std::move(files)),
      many_(many),
      options_(options) {
  void* memory = mmap(nullptr, sizeof(MemoryFilesystemState), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  LEAT_CHECK(memory != MAP_FAILED, "no shared memory");
  state_ = new (memory) MemoryFilesystemState;
  Must(io::MakeDirs(mountpoint_));
  io::UniqueFd device =
      Must(Mount({.source = "test://a,b c", .mountpoint = mountpoint_, .allow_other = true}));
  Session::Connection connection = Must(Session::Connect(std::move(device), options_));
  agreement_ = connection.agreement;
  devices_ = std::move(connection.devices);
  PrepareBacking();
  StartWorker();
}

ServedMount::~ServedMount() {
  KillWorker();
  (void)Unmount(mountpoint_, true);
  munmap(state_, sizeof(*state_));
}

void ServedMount::PrepareBacking() {
  for (size_t i = 0; i < files_.size(); ++i) {
    MemoryFile& file = files_[i];
    if (file.mode != OpenMode::kPassthrough) continue;
    if (!agreement_.passthrough) {
      file.mode = OpenMode::kCached;
      continue;
    }
    Must(io::WriteFile(dir_.path() + "/" + file.name, file.bytes));
    state_->backing_ids[MemoryFilesystem::FileNode(i)] = OpenBacking(i);
  }
}

int32_t ServedMount::OpenBacking(size_t i) {
  const io::UniqueFd fd = Must(io::Open(dir_.path() + "/" + files_[i].name, O_RDONLY));
  abi::BackingMap map{.fd = fd.get(), .flags = 0, .padding = 0};
  const int id = ioctl(devices_[0].get(), abi::kIoctlBackingOpen, &map);
  LEAT_CHECK(id > 0, "no backing id");
  return id;
}

void ServedMount::CloseBacking(int32_t id) {
  uint32_t value = static_cast<uint32_t>(id);
  LEAT_CHECK(ioctl(devices_[0].get(), abi::kIoctlBackingClose, &value) == 0, "cannot close an id");
}

void ServedMount::StartWorker() {
  auto [ours, theirs] = Must(io::SocketPair());
  const bool resume = started_;
  started_ = true;
  worker_ = fork();
  LEAT_CHECK(worker_ >= 0, "no child process");
  if (worker_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    ours.Reset();
    socket_.Reset();
    devices_.clear();  // it shall live by what it is sent
    RunWorker(theirs.get(), resume);
  }
  theirs.Reset();
  std::vector<int> fds;
  for (const io::UniqueFd& device : devices_) fds.push_back(device.get());
  Must(io::SendMessage(ours.get(), agreement_.ToString(), fds));
  socket_ = std::move(ours);
  LEAT_CHECK(Must(io::ReceiveMessage(socket_.get(), {}, std::chrono::seconds(20))).bytes == "ok",
             "the worker does not serve");
}

void ServedMount::RunWorker(int socket, bool resume) {
  io::Message message = Must(io::ReceiveMessage(socket));
  MemoryFilesystem filesystem(files_, many_, *state_);
  {
    Session session(
        {.devices = std::move(message.fds), .agreement = Must(Agreement::Parse(message.bytes))},
        filesystem, options_);
    session.Start(resume);
    while (true) {
      Must(io::SendMessage(socket, "ok"));
      const Result<io::Message> next = io::ReceiveMessage(socket);
      if (!next) _exit(0);  // the test is over
      const std::vector<std::string_view> words = Split(next->bytes, ' ');
      if (words[0] == "stop") break;
      if (words[0] == "name")
        session.InvalidateName(static_cast<NodeId>(*ParseInt(words[1])), words[2]);
      if (words[0] == "node") session.InvalidateNode(static_cast<NodeId>(*ParseInt(words[1])));
      if (words[0] == "answer") filesystem.AnswerWaiting();
    }
  }
  _exit(0);
}

void ServedMount::Tell(const std::string& command) {
  Must(io::SendMessage(socket_.get(), command));
  LEAT_CHECK(Must(io::ReceiveMessage(socket_.get(), {}, std::chrono::seconds(20))).bytes == "ok",
             "the worker did not do it");
}

void ServedMount::KillWorker() {
  if (worker_ < 0) return;
  kill(worker_, SIGKILL);
  waitpid(worker_, nullptr, 0);
  worker_ = -1;
}

void ServedMount::StopWorker() {
  Must(io::SendMessage(socket_.get(), "stop"));
  int status = -1;
  waitpid(worker_, &status, 0);
  LEAT_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the worker did not end in order");
  worker_ = -1;
}

}  // namespace leat::fuse
