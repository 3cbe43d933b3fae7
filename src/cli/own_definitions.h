// The definitions (CRDs) of Leat's own types, kept in force for as long as Leat runs.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "api/object_client.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "json/value.h"
#include "reconcile/controller.h"
#include "reconcile/events.h"

namespace leat::cli {

// One that somebody writes over gets its own spec again, at once, and an event on it says so. When
// that happens again and again, each time comes later, up to a minute: another controller may be as
// stubborn, and the two would write without end. One that is deleted is created again when it is
// gone, without the objects that went with it. One with the annotation leat.dev/yield: "true" is
// left as it is, which an event says too.
class OwnDefinitions : public reconcile::Reconciler {
 public:
  // Both must outlive this. `wanted` are CustomResourceDefinitions.
  OwnDefinitions(api::ObjectClient& client, Clock& clock, std::vector<json::Value> wanted);

  // Brings every definition into force, and then watches over them until destruction. One that is
  // being deleted comes back later.
  Status Start();

  Result<reconcile::Outcome> Reconcile(const api::ObjectName& key,
                                       const std::stop_token& stop) override;

 private:
  struct Brought {
    json::Value definition;  // as it is now; null while it is being deleted
    bool made = false;       // there was none
    bool put_back = false;   // there was another one
  };

  Result<Brought> Bring(const json::Value& wanted);
  // The same, but fails where somebody else writes at the same time: kConflict, kNotFound,
  // kAlreadyExists.
  Result<Brought> BringAsSeen(const json::Value& wanted);
  // How long to leave the definition alone, of which somebody else keeps taking possession; 0
  // mostly.
  std::chrono::nanoseconds Rest(const std::string& name);
  void NotePutBack(const std::string& name);
  void TellOnce(const json::Value& definition, const std::string& reason,
                const std::string& message);

  api::ObjectClient& client_;
  Clock& clock_;
  reconcile::EventRecorder events_;
  std::map<std::string, json::Value> wanted_;  // by name
  Mutex mu_;
  std::map<std::string, std::string> told_ GUARDED_BY(mu_);  // by name: the uid that yields
  struct Quarrel {
    MonoTime last;                     // put back
    std::chrono::nanoseconds rest{0};  // to keep after that
  };
  std::map<std::string, Quarrel> quarrels_ GUARDED_BY(mu_);  // by name
  std::unique_ptr<reconcile::Controller> controller_;        // last: it uses the rest
};

}  // namespace leat::cli
