// What processes of a data node say to each other: the worker's messages to its supervisor and what
// it keeps there, requests of `leat mount` and `leat data`.
//
// Input: which (1 byte), then the message.
#include "datanode/json_bytes.h"
#include "datanode/kept_messages.h"
#include "datanode/live_mount.h"
#include "datanode/operations.h"
#include "json/value.h"
#include "scratch_directory.h"

using namespace leat;
using namespace leat::datanode;

namespace {

void KeptMessages(std::string_view bytes) {
  const auto message = ParseKeptMessage({.bytes = std::string(bytes), .fds = {}});
  if (!message) return;
  const std::string again = message->kind == KeptMessage::Kind::kKeep
                                ? KeepMessage(message->kept.name, message->kept.text)
                            : message->kind == KeptMessage::Kind::kForget
                                ? ForgetMessage(message->kept.name)
                                : EndMessage();
  LEAT_CHECK(again == bytes, "a message has one meaning");
}

void MountRecords(std::string_view text) {
  const auto record = MountRecord::Parse(text);
  if (!record) return;
  const auto again = MountRecord::Parse(record->ToText());
  LEAT_CHECK(again && again->ToText() == record->ToText(), "a record survives");
}

void Requests(std::string_view text) {
  const auto request = json::Parse(text);
  if (!request) return;
  static const DataNodeOptions running{.directories = {{.path = "/c", .limit = 1 << 20}}};
  (void)CheckOptions((*request)["options"], running);
  (void)BytesFromJson((*request)["mountpoint"]);
  const auto spec = MountSpec::FromJson((*request)["spec"]);
  if (!spec) return;
  LEAT_CHECK(spec->mountpoint.empty() || spec->mountpoint[0] == '/', "a path is absolute");
  const auto again = MountSpec::FromJson(spec->ToJson());
  LEAT_CHECK(again && json::Print(again->ToJson()) == json::Print(spec->ToJson()),
             "a specification survives");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const uint8_t which = fuzz::TakeFlags(data, size);
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (which % 3 == 0) KeptMessages(bytes);
  if (which % 3 == 1) MountRecords(bytes);
  if (which % 3 == 2) Requests(bytes);
  return 0;
}
