// `leat stage`: everything that the algorithm finds when it starts.
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/log.h"
#include "engine/download.h"
#include "engine/environment.h"
#include "engine/pod_context.h"
#include "io/file.h"

namespace leat::engine {
namespace {

constexpr std::chrono::minutes kRetryFor{10};

class Stager {
 public:
  Stager(const PodProgramOptions& options, const Job& job, const std::stop_token& stop)
      : options_(options), job_(job), stop_(stop), store_(StoreFromEnvironment(kRetryFor)) {}

  Status Run() {
    if (auto made = MakeTree(); !made) return made;
    if (auto written = WriteConfig(); !written) return written;
    const std::vector<std::string> hosts = job_.Hosts();
    const auto found = std::find(hosts.begin(), hosts.end(), options_.host);
    if (found == hosts.end()) return Error{Code::kInvalid, "the run has no host " + options_.host};
    // A channel with nothing in it is told before the others' gigabytes are fetched.
    std::vector<std::vector<ChannelObject>> shares;
    for (const Channel& channel : job_.channels) {
      if (channel.mode == InputMode::kFastFile) {
        if (auto found_some = CheckMounted(channel); !found_some)
          return found_some.error().Within("channel " + channel.name);
        shares.emplace_back();
        continue;
      }
      auto share = ListChannel(store_, channel, static_cast<size_t>(found - hosts.begin()),
                               hosts.size(), stop_);
      if (!share) return share.error().Within("channel " + channel.name);
      shares.push_back(std::move(*share));
    }
    for (size_t i = 0; i < shares.size(); ++i) {
      if (job_.channels[i].mode == InputMode::kFastFile) continue;  // the node has mounted it
      const std::string& name = job_.channels[i].name;
      auto done =
          DownloadAll(store_, name, options_.root + "/input/data/" + name, shares[i], stop_);
      if (!done) return done.error().Within("channel " + name);
    }
    return DownloadCheckpoints();
  }

 private:
  // The containers of a pod may run as different users.
  Status MakeDir(const std::string& path) {
    if (auto made = io::MakeDirs(path, 0777); !made) return made;
    if (chmod(path.c_str(), 0777) != 0) return io::ErrnoError(errno, "chmod " + path);
    return {};
  }

  Status MakeTree() {
    for (const char* dir : {"", "/code", "/input", "/input/config", "/input/data", "/model",
                            "/output", "/output/data", "/checkpoints"})
      if (auto made = MakeDir(options_.root + dir); !made) return made;
    for (const Channel& channel : job_.channels)
      if (auto made = MakeDir(options_.root + "/input/data/" + channel.name); !made) return made;
    return {};
  }

  // That the mount shows anything; how much, nobody needs to wait for.
  Status CheckMounted(const Channel& channel) {
    const objectstore::S3Url prefix = MountedPrefix(channel);
    bool any = false;
    const auto see = [&](const objectstore::ObjectInfo& object) {
      any = any || !object.key.ends_with('/');
      return !any;
    };
    if (auto listed = store_.List(prefix.bucket, prefix.key, see, stop_); !listed) return listed;
    if (any) return {};
    return Error{
        Code::kNotFound,
        fmt::format("no objects were found under {}: check the S3Uri of the channel, which "
                    "must name a directory with FastFile, and that the data has been "
                    "uploaded",
                    prefix.ToString())};
  }

  Status WriteConfig() {
    const std::string dir = options_.root + "/input/config/";
    for (const auto& [name, file] :
         {std::pair("hyperparameters.json", HyperparametersFile(job_)),
          std::pair("inputdataconfig.json", InputDataConfigFile(job_)),
          std::pair("resourceconfig.json", ResourceConfigFile(job_, options_.host))})
      if (auto written = io::WriteFile(dir + name, json::Print(file), 0644); !written)
        return written;
    return {};
  }

  // What an earlier job left, so that this one goes on from there.
  Status DownloadCheckpoints() {
    if (!job_.checkpoints) return {};
    const std::string dir = BelowRoot(options_, job_.checkpoints->local_path);
    if (auto made = MakeDir(dir); !made) return made;
    const Channel channel{.name = "checkpoints", .source = job_.checkpoints->remote};
    auto objects = ListChannel(store_, channel, 0, 1, stop_);
    if (!objects && objects.error().code == Code::kNotFound) return {};
    auto done =
        objects ? DownloadAll(store_, channel.name, dir, *objects, stop_) : Status(objects.error());
    if (!done) return done.error().Within("checkpoints");
    return {};
  }

  const PodProgramOptions& options_;
  const Job& job_;
  const std::stop_token& stop_;
  objectstore::S3Client store_;
};

}  // namespace

int Stage(const PodProgramOptions& options, const std::stop_token& stop) {
  const auto job = LoadJob(options);
  const Status staged = job ? Stager(options, *job, stop).Run() : Status(job.error());
  if (staged) {
    LogInfo("input is ready", {{"host", options.host}});
    return 0;
  }
  const std::string reason = FailureText("Data download failed", staged.error());
  LogError(reason);
  WriteTerminationMessage(options, reason);
  return 1;
}

}  // namespace leat::engine
