#include "datanode/keeper.h"

#include "base/log.h"
#include "base/mutex.h"
#include "datanode/kept_messages.h"

namespace leat::datanode {

struct Keeper::State {
  explicit State(io::UniqueFd s) : socket(std::move(s)) {}
  const io::UniqueFd socket;
  // Also orders the messages: a Keep and a Forget of one name arrive as they were counted.
  Mutex mu;
  std::vector<Kept> left GUARDED_BY(mu);
  KeptSizes sizes GUARDED_BY(mu);
};

Keeper::Keeper(std::unique_ptr<State> state) : state_(std::move(state)) {}
Keeper::Keeper(Keeper&& other) noexcept = default;
Keeper::~Keeper() = default;

Result<Keeper> Keeper::Connect(io::UniqueFd socket) {
  auto state = std::make_unique<State>(std::move(socket));
  MutexLock lock(state->mu);
  while (true) {
    Result<io::Message> message =
        io::ReceiveMessage(state->socket.get(), {}, std::chrono::seconds(30));
    if (!message) return message.error().Within("what the supervisor kept");
    std::optional<KeptMessage> parsed = ParseKeptMessage(std::move(*message));
    if (!parsed || parsed->kind == KeptMessage::Kind::kForget) {
      LogWarning("the supervisor sent a message that is not understood; it is left out");
      continue;
    }
    if (parsed->kind == KeptMessage::Kind::kEnd) break;
    state->sizes.Put(parsed->kept.name, parsed->kept.text.size(), parsed->kept.fds.size());
    state->left.push_back(std::move(parsed->kept));
  }
  return Keeper(std::move(state));
}

std::vector<Kept> Keeper::TakeKept() {
  MutexLock lock(state_->mu);
  return std::exchange(state_->left, {});
}

Status Keeper::Keep(const std::string& name, const std::string& text, std::span<const int> fds) {
  if (name.empty() || name.size() > kMaxKeptName || name.find('\0') != std::string::npos)
    return Error{Code::kInvalid, "keep " + name + ": this cannot be a name"};
  if (name.size() + text.size() > kMaxKeptMessage)
    return Error{Code::kTooLarge, "keep " + name + ": more than 120 KiB of text"};
  MutexLock lock(state_->mu);
  if (!state_->sizes.Put(name, text.size(), fds.size()))
    return Error{Code::kExhausted, "keep " + name + ": the supervisor keeps too much already"};
  Status sent = io::SendMessage(state_->socket.get(), KeepMessage(name, text), fds);
  if (!sent) return sent.error().Within("keep " + name);
  return {};
}

Status Keeper::Forget(const std::string& name) {
  MutexLock lock(state_->mu);
  state_->sizes.Remove(name);
  Status sent = io::SendMessage(state_->socket.get(), ForgetMessage(name));
  if (!sent) return sent.error().Within("forget " + name);
  return {};
}

int Keeper::socket() const { return state_->socket.get(); }

}  // namespace leat::datanode
