// The data nodes that run on this machine, for commands that name none.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "json/value.h"

namespace leat::cli {

struct NodeAnswer {
  std::string directory;  // its first cache directory
  json::Value done;
};
using OnNodeProgress =
    std::function<void(const std::string& directory, const json::Value& progress)>;

// Asks each: those of the mounts that we see, and that of the default cache directory; none is
// started. One that cannot be asked is told of on stderr. kNotFound: there is none; the message
// says how to name one. Else its error, when all failed.
Result<std::vector<NodeAnswer>> AskRunning(const json::Value& request,
                                           const OnNodeProgress& progress);

// One text for Prometheus of several, with cache="DIRECTORY" in the labels of each sample.
std::string MergeMetrics(const std::vector<std::pair<std::string, std::string>>& directory_texts);

}  // namespace leat::cli
