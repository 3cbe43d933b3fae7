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
#include "base/result.h"
#include "node/runtime.h"

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
// The entries in a ConfigMap's data; kInvalid names what is wrong in it.
Result<std::vector<CatalogueEntry>> ParseCatalogue(const json::Value& config_map);

class ImageCatalogue {
 public:
  explicit ImageCatalogue(api::ObjectClient& client) : client_(client) {}
  // kNotFound says how to map it. A broken ConfigMap is kInvalid for every image it might map.
  Result<Image> Resolve(const std::string& reference) const;

 private:
  api::ObjectClient& client_;
};

}  // namespace leat::node
