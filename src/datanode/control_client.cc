#include "datanode/control_client.h"

#include <array>

#include "io/unix_socket.h"

namespace leat::datanode {
namespace {

Code CodeOf(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(Code::kInternal); ++i)
    if (CodeName(static_cast<Code>(i)) == name) return static_cast<Code>(i);
  return Code::kInternal;
}

// One try. `answered`: something came back, so that it must not be asked again.
Result<json::Value> Ask(const std::string& socket, const json::Value& request,
                        const std::function<void(const json::Value&)>& progress,
                        const std::stop_token& stop, bool& answered) {
  const auto connection = io::ConnectUnix(socket);
  if (!connection) return connection.error();
  if (auto sent = io::SendMessage(connection->get(), json::Print(request)); !sent)
    return sent.error();
  while (true) {
    const auto message = io::ReceiveMessage(connection->get(), stop);
    if (!message && message.error().code == Code::kUnavailable)
      return Error{Code::kUnavailable,
                   "the data node's worker ended before it answered; it is started again, so try "
                   "once more (its log is beside " +
                       socket + ")"};
    if (!message) return message.error();
    answered = true;
    const auto reply = json::Parse(message->bytes);
    if (!reply) return reply.error().Within("the data node's answer");
    if (const json::Value* ok = reply->Find("ok")) return *ok;
    if (const json::Value* error = reply->Find("error"))
      return Error{CodeOf((*error)["code"].AsString()), (*error)["message"].Str()};
    progress((*reply)["progress"]);
  }
}

}  // namespace

std::string ControlSocketOf(const std::string& cache_directory) {
  return cache_directory + "/control.sock";
}

Result<json::Value> AskDataNode(const std::string& socket, const json::Value& request,
                                const std::function<void(const json::Value&)>& progress,
                                const std::stop_token& stop) {
  // A worker that ends because it has nothing to do may leave a client that came in that moment.
  constexpr int kTries = 3;
  for (int tries = 1;; ++tries) {
    bool answered = false;
    auto reply = Ask(socket, request, progress, stop, answered);
    if (reply || answered || reply.error().code != Code::kUnavailable || tries == kTries)
      return reply;
  }
}

bool Answers(const std::string& socket, std::chrono::nanoseconds limit,
             const std::stop_token& stop) {
  const auto connection = io::ConnectUnix(socket);
  if (!connection) return false;
  const json::Value request = json::Object({{"op", "mounts"}});
  return io::SendMessage(connection->get(), json::Print(request)) &&
         io::ReceiveMessage(connection->get(), stop, limit);
}

}  // namespace leat::datanode
