#include "reconcile/events.h"

#include <fmt/format.h>

#include "api/meta.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/strings.h"

namespace leat::reconcile {
namespace {

constexpr size_t kMaxKnown = 4096;
constexpr size_t kMaxMessage = 1024;

}  // namespace

void EventRecorder::Record(const json::Value& object, EventType type, std::string_view reason,
                           std::string_view message) {
  message = message.substr(0, Utf8Floor(message, kMaxMessage));
  const json::Value reference = api::ObjectReference(object);
  // Events of cluster-scoped objects live in "default", as kubectl looks for them there.
  const std::string ns(reference["namespace"].AsString("default"));
  const std::string type_name = type == EventType::kNormal ? "Normal" : "Warning";
  const std::string now = FormatTime(clock_.Now());
  const std::string fingerprint =
      fmt::format("{}|{}|{}|{}|{}", reference["kind"].AsString(), reference["uid"].AsString(),
                  type_name, reason, message);
  api::ObjectName known;
  {
    MutexLock lock(mu_);
    const auto found = known_.find(fingerprint);
    if (found != known_.end()) known = found->second;
  }
  if (!known.name.empty()) {
    auto event = client_.Get(api::gvr::kEvents, known);
    if (event) {
      event->Set("count", (*event)["count"].AsInt() + 1).Set("lastTimestamp", now);
      if (client_.Update(api::gvr::kEvents, *event)) return;
    }
  }
  const json::Value event = json::Object({
      {"apiVersion", "v1"},
      {"kind", "Event"},
      {"metadata", json::Object({{"name", object["metadata"]["name"].Str() + "." + RandomHex(16)},
                                 {"namespace", ns}})},
      {"involvedObject", reference},
      {"type", type_name},
      {"reason", reason},
      {"message", message},
      {"source", json::Object({{"component", component_}})},
      {"firstTimestamp", now},
      {"lastTimestamp", now},
      {"count", 1},
  });
  const auto made = client_.Create(api::gvr::kEvents, event);
  if (!made) {
    LogWarning("event not recorded",
               {{"reason", reason}, {"message", message}, {"error", made.error()}});
    return;
  }
  MutexLock lock(mu_);
  if (known_.size() >= kMaxKnown) known_.clear();
  known_[fingerprint] = api::NameOf(*made);
}

}  // namespace leat::reconcile
