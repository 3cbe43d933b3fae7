#include "cli/own_definitions.h"

#include <algorithm>
#include <utility>

#include "api/meta.h"
#include "base/log.h"

namespace leat::cli {
namespace {

using reconcile::EventType;
using reconcile::Outcome;

// Looks at a definition that others keep writing.
constexpr int kMostLooks = 10;
// Between two times that a definition is put back: none the first two times, then twice the last.
constexpr std::chrono::seconds kFirstRest{1}, kMostRest{60};
constexpr std::chrono::seconds kQuiet{120};  // after that it is a first time again

const api::Gvr& kType = api::gvr::kCustomResourceDefinitions;

constexpr char kServedAgain[] =
    "somebody wrote another definition of this type over Leat's own; Leat serves its own again. To "
    "have the type left to another operator: kubectl annotate crd %s leat.dev/yield=true";
constexpr char kRestored[] =
    "the definition of this type was deleted, and its objects with it; Leat has put it back";
constexpr char kYields[] =
    "annotated with leat.dev/yield=true: Leat leaves this definition as it is, and does nothing "
    "for "
    "its objects, until the annotation is removed";

bool Yields(const json::Value& definition) {
  return definition["metadata"]["annotations"]["leat.dev/yield"].AsString() == "true";
}

}  // namespace

OwnDefinitions::OwnDefinitions(api::ObjectClient& client, Clock& clock,
                               std::vector<json::Value> wanted)
    : client_(client), clock_(clock), events_(client, clock, "leat") {
  for (json::Value& definition : wanted) {
    std::string name = definition["metadata"]["name"].Str();
    wanted_.emplace(std::move(name), std::move(definition));
  }
}

Status OwnDefinitions::Start() {
  for (const auto& [name, wanted] : wanted_)
    if (auto now = Bring(wanted); !now) return now.error().Within(name);
  controller_ = std::make_unique<reconcile::Controller>(
      client_, clock_,
      reconcile::ControllerOptions{.name = "own definitions",
                                   .sources = {{.type = kType, .selection = {}, .keys_of = {}}},
                                   .workers = 1},
      *this);
  return {};
}

Result<Outcome> OwnDefinitions::Reconcile(const api::ObjectName& key, const std::stop_token&) {
  const auto wanted = wanted_.find(key.name);
  if (wanted == wanted_.end()) return Outcome{};
  if (const auto rest = Rest(key.name); rest > rest.zero()) return Outcome{.again_after = rest};
  const auto now = Bring(wanted->second);
  if (!now) return now.error();
  const json::Value& definition = now->definition;
  if (definition.IsNull()) return Outcome{};  // its end wakes us again
  if (Yields(definition)) {
    TellOnce(definition, "Yielded", kYields);
    return Outcome{};
  }
  {
    MutexLock lock(mu_);
    told_.erase(key.name);
  }
  if (now->made) {
    events_.Record(definition, EventType::kWarning, "Restored", kRestored);
  } else if (now->put_back) {
    NotePutBack(key.name);
    std::string text = kServedAgain;
    text.replace(text.find("%s"), 2, key.name);
    events_.Record(definition, EventType::kWarning, "ServedAgain", text);
  }
  return Outcome{};
}

Result<OwnDefinitions::Brought> OwnDefinitions::Bring(const json::Value& wanted) {
  for (int look = 1;; ++look) {
    auto now = BringAsSeen(wanted);
    if (now || look == kMostLooks) return now;
    // Somebody wrote between the look and the write.
    const Code code = now.error().code;
    if (code != Code::kConflict && code != Code::kNotFound && code != Code::kAlreadyExists)
      return now;
  }
}

Result<OwnDefinitions::Brought> OwnDefinitions::BringAsSeen(const json::Value& wanted) {
  const api::ObjectName name = api::NameOf(wanted);
  auto present = client_.Get(kType, name);
  if (!present && present.error().code == Code::kNotFound) {
    auto made = client_.Create(kType, wanted);
    if (!made) return made.error();
    return Brought{.definition = std::move(*made), .made = true};
  }
  if (!present) return present.error();
  if (api::IsBeingDeleted(*present)) {
    LogWarning("a definition that Leat needs is being deleted; it comes back when it is gone",
               {{"definition", name.name}});
    return Brought{};
  }
  if (Yields(*present)) return Brought{.definition = std::move(*present)};
  const json::Value before = (*present)["spec"];
  present->Set("spec", wanted["spec"]);
  // Writing what is there already changes nothing, and so wakes nobody.
  auto now = client_.Update(kType, *present);
  if (!now) return now.error();
  const bool put_back = (*now)["spec"] != before;
  return Brought{.definition = std::move(*now), .put_back = put_back};
}

std::chrono::nanoseconds OwnDefinitions::Rest(const std::string& name) {
  MutexLock lock(mu_);
  const auto quarrel = quarrels_.find(name);
  if (quarrel == quarrels_.end()) return {};
  return quarrel->second.last + quarrel->second.rest - clock_.Monotonic();
}

void OwnDefinitions::NotePutBack(const std::string& name) {
  const MonoTime now = clock_.Monotonic();
  MutexLock lock(mu_);
  const auto [quarrel, first] = quarrels_.try_emplace(name, Quarrel{.last = now});
  if (first) return;
  auto& [last, rest] = quarrel->second;
  rest = now - last > kQuiet
             ? rest.zero()
             : std::clamp<std::chrono::nanoseconds>(2 * rest, kFirstRest, kMostRest);
  last = now;
}

void OwnDefinitions::TellOnce(const json::Value& definition, const std::string& reason,
                              const std::string& message) {
  const std::string uid = definition["metadata"]["uid"].Str();
  {
    MutexLock lock(mu_);
    if (std::exchange(told_[api::NameOf(definition).name], uid) == uid) return;
  }
  events_.Record(definition, EventType::kNormal, reason, message);
}

}  // namespace leat::cli
