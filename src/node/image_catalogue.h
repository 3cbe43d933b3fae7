// The image catalogue: which image names Leat can run without an image store, and as what. Built-in
// patterns, and those of ConfigMap kube-system/leat-images, which come first:
//
//   data:
//     images.yaml: |
//       - pattern: "*/my-trainer:*"            # * and ? as in file names
//         entrypoint: [/opt/leat/bin/leat-ml]
//         env: {A: b}
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/object_client.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "node/runtime.h"
#include "reconcile/events.h"

namespace leat::node {

// Where the node binds Leat's own programs inside containers.
inline constexpr char kProgramsPath[] = "/opt/leat/bin";
inline constexpr char kCatalogueName[] = "leat-images";

struct CatalogueEntry {
  std::string pattern;
  Image image;  // without reference
};

// The entries that come with Leat: SageMaker's XGBoost images are leat-ml, leat.dev/leat is leat,
// leat.dev/host is the bare host-root image for pods that bring their own command.
const std::vector<CatalogueEntry>& BuiltInImages();
// The entries in a ConfigMap's data; kInvalid names what is wrong in it, keys we do not know among
// that.
Result<std::vector<CatalogueEntry>> ParseCatalogue(const json::Value& config_map);

// Thread-safe.
class ImageCatalogue {
 public:
  ImageCatalogue(api::ObjectClient& client, Clock& clock)
      : client_(client), events_(client, clock, "node") {}
  // kNotFound says how to map it. While the ConfigMap is broken, which one event on it tells, its
  // last good entries stay in force.
  Result<Image> Resolve(const std::string& reference) EXCLUDES(mu_);

 private:
  // What is wrong with the ConfigMap; "" when nothing is.
  Result<std::string> Refresh() EXCLUDES(mu_);

  api::ObjectClient& client_;
  reconcile::EventRecorder events_;
  Mutex mu_;
  std::vector<CatalogueEntry> own_ GUARDED_BY(mu_);  // of the last good ConfigMap
  std::string told_ GUARDED_BY(mu_);                 // the version that an event was made of
};

}  // namespace leat::node
