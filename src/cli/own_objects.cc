#include "cli/own_objects.h"

#include <chrono>
#include <utility>

#include "api/meta.h"
#include "base/log.h"
#include "reconcile/controller.h"

namespace leat::cli {
namespace {

// As it is then. The patch comes first: between a look and a patch it may go.
Result<json::Value> PatchOrCreate(api::ObjectClient& client, const api::Gvr& type,
                                  const json::Value& wanted) {
  auto patched = client.Patch(type, api::NameOf(wanted), api::PatchType::kMerge, wanted);
  if (patched || patched.error().code != Code::kNotFound) return patched;
  return client.Create(type, wanted);
}

}  // namespace

// Creates one object again; a controller of its own tries until it could.
class OwnObjects::Successor : public reconcile::Reconciler {
 public:
  Successor(api::ObjectClient& client, Clock& clock, api::Gvr type, json::Value wanted)
      : client_(client),
        type_(std::move(type)),
        wanted_(std::move(wanted)),
        controller_(client, clock, {.name = "own objects", .sources = {}, .workers = 1}, *this) {
    controller_.Wake(api::NameOf(wanted_));
  }

  Result<reconcile::Outcome> Reconcile(const api::ObjectName& key,
                                       const std::stop_token& stop) override {
    auto watch = client_.Watch(
        type_, {.ns = key.ns, .label_selector = "", .field_selector = "metadata.name=" + key.name},
        "");
    if (!watch) return watch.error();
    while (true) {
      auto now = PatchOrCreate(client_, type_, wanted_);
      if (!now) return now.error();
      if (!api::IsBeingDeleted(*now)) return reconcile::Outcome{};
      auto event = (*watch)->Next(std::chrono::seconds(30), stop);
      if (!event && event.error().code != Code::kTimeout) return event.error();
    }
  }

 private:
  api::ObjectClient& client_;
  const api::Gvr type_;
  const json::Value wanted_;
  reconcile::Controller controller_;  // last: it uses the rest
};

OwnObjects::OwnObjects(api::ObjectClient& client, Clock& clock) : client_(client), clock_(clock) {}

OwnObjects::~OwnObjects() = default;

Status OwnObjects::Put(const api::Gvr& type, const json::Value& wanted) {
  auto now = PatchOrCreate(client_, type, wanted);
  if (!now) return now.error();
  if (!api::IsBeingDeleted(*now)) return {};
  LogWarning("an object that Leat needs is being deleted; it is created again when it is gone",
             {{"type", type.resource}, {"object", api::NameOf(wanted).ToString()}});
  successors_.push_back(std::make_unique<Successor>(client_, clock_, type, wanted));
  return {};
}

}  // namespace leat::cli
