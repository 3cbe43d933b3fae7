// How commands reach the data node of a cache directory: its flags, finding it, starting it.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "json/value.h"

namespace CLI {
class App;
}

namespace leat::cli {

// As the user gave them.
struct CacheFlags {
  std::vector<std::string> directories;  // "PATH[,size=N][,tier=...]"
  uint64_t memory = 0;                   // bytes; 0: not given
};
void AddCacheFlags(CLI::App& app, const std::shared_ptr<CacheFlags>& flags);

// /var/cache/leat as root, else ~/.cache/leat.
std::string DefaultCacheDirectory();
// The given directories with absolute paths, or the default one; kInvalid.
Result<std::vector<std::string>> CacheDirectories(const CacheFlags& flags);
// PATH of "PATH,size=20G".
std::string CachePath(const std::string& directory);
// What the data node is to compare with its own: {directories, memory}, only what was given.
Result<json::Value> OptionsOf(const CacheFlags& flags);

// The control socket of the running data node of that cache; starts one when there is none, and
// returns once it listens. When it cannot start, the error is its own.
Result<std::string> StartedDataNode(const CacheFlags& flags);

// The path of this program, also after another was installed there; /proc/self/exe when nothing is.
std::string OwnProgram();

// Asks the data node at `socket`, and gives each progress message to `progress`.
using OnProgress = std::function<void(const json::Value&)>;
Result<json::Value> Ask(const std::string& socket, const json::Value& request,
                        const OnProgress& progress, const std::stop_token& stop);
// Asks the data node of the cache, starting it when need be.
Result<json::Value> AskStarted(const CacheFlags& flags, const json::Value& request,
                               const OnProgress& progress, const std::stop_token& stop);

}  // namespace leat::cli
