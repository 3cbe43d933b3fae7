#include "node/data_volumes.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "fuse/mount.h"
#include "io/file.h"

namespace leat::node {
namespace {

using Variables = std::vector<std::pair<std::string, std::string>>;

constexpr std::chrono::seconds kPatience{5};
// A job waits out a store that is away, as its staging and its upload do.
constexpr char kRetryFor[] = "600s";

Status CheckSource(std::string_view source) {
  for (const char* scheme : {"s3://", "gs://", "oss://", "https://", "http://"})
    if (source.starts_with(scheme)) return {};
  return Error{Code::kInvalid,
               fmt::format("volumeAttributes.source of driver {} must be s3://BUCKET/PREFIX/, "
                           "gs://, oss:// or https://HOST/TREE/, not \"{}\"",
                           kDataDriver, source)};
}

// Beside the volumes: no volume's name has a dot.
std::string LogOf(const std::string& path) { return path + ".log"; }

// The last thing that `leat mount` said.
std::string LastWords(std::string_view said) {
  constexpr std::string_view kName = "leat: ";
  said = Trim(said);
  said = said.substr(said.rfind('\n') + 1);
  return std::string(said.starts_with(kName) ? said.substr(kName.size()) : said);
}

}  // namespace

DataMounter::DataMounter(std::string leat, std::vector<std::string> cache_dirs)
    : leat_(std::move(leat)), cache_dirs_(std::move(cache_dirs)) {}

DataMounter::~DataMounter() = default;

Status DataMounter::Mount(const std::string& path, const json::Value& csi,
                          const std::map<std::string, std::string>& secret,
                          const std::stop_token& stop) {
  const std::string source = csi["volumeAttributes"]["source"].Str();
  if (auto right = CheckSource(source); !right) return right;
  Result<io::Process> attempt = Error{};
  {
    MutexLock lock(mu_);
    if (auto found = attempts_.extract(path)) attempt = std::move(found.mapped());
  }
  if (!attempt) {
    if (fuse::StateOf(path) == fuse::MountState::kAlive) return {};
    attempt = Begin(path, csi, secret);
  }
  if (!attempt) return attempt.error();

  const auto ended = attempt->WaitFor(kPatience, stop);
  const std::string said = LastWords(io::ReadFile(LogOf(path)).value_or(""));
  if (!ended && ended.error().code == Code::kTimeout) {
    MutexLock lock(mu_);
    attempts_.insert_or_assign(path, std::move(*attempt));
    return Error{Code::kTimeout, fmt::format("{} is still being listed{}{}", source,
                                             said.empty() ? "" : ": ", said)};
  }
  if (!ended) return ended.error();
  if (!ended->ok()) return Error{Code::kUnavailable, said};
  return {};
}

Result<io::Process> DataMounter::Begin(const std::string& path, const json::Value& csi,
                                       const std::map<std::string, std::string>& secret) const {
  const json::Value& attributes = csi["volumeAttributes"];
  if (!io::Exists(path))
    if (auto made = io::MakeDirs(path, 0755); !made) return made.error();
  std::vector<std::string> argv = {leat_, "mount",       attributes["source"].Str(),
                                   path,  "--retry-for", kRetryFor};
  for (const std::string& dir : cache_dirs_) argv.insert(argv.end(), {"--cache-dir", dir});
  // Nothing of our own environment: the pod reads with its key or with none.
  Variables env = {{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}};
  if (const std::string endpoint = attributes["endpoint"].Str(); !endpoint.empty())
    argv.insert(argv.end(), {"--endpoint", endpoint});
  if (const std::string region = attributes["region"].Str(); !region.empty())
    env.emplace_back("AWS_REGION", region);
  if (const std::string ca = attributes["ca"].Str(); !ca.empty()) {
    const std::string file = path + ".ca.crt";
    if (auto written = io::WriteFileAtomic(file, ca, 0644); !written) return written.error();
    env.emplace_back("AWS_CA_BUNDLE", file);
  }
  bool has_key = false;
  for (const auto& [entry, variable] : {std::pair("accessKeyId", "AWS_ACCESS_KEY_ID"),
                                        std::pair("secretAccessKey", "AWS_SECRET_ACCESS_KEY"),
                                        std::pair("sessionToken", "AWS_SESSION_TOKEN")})
    if (const auto found = secret.find(entry); found != secret.end()) {
      env.emplace_back(variable, found->second);
      has_key = true;
    }
  if (!has_key) argv.emplace_back("--anonymous");
  const auto log = io::Open(LogOf(path), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (!log) return log.error();
  return io::Process::Spawn(
      {.argv = argv, .env = env, .clear_env = true, .dir = "/", .stderr_fd = log->get()});
}

void DataMounter::GiveUp(const std::string& dir) {
  MutexLock lock(mu_);
  std::erase_if(attempts_,
                [&](const auto& attempt) { return attempt.first.starts_with(dir + "/"); });
}

Status UnmountData(const std::string& dir) {
  std::error_code failed;
  const std::string real = std::filesystem::canonical(dir, failed);
  if (failed) return {};  // it was never made
  for (const std::string& mountpoint : fuse::LeatMounts())
    if (mountpoint.starts_with(real + "/"))
      if (auto done = fuse::Unmount(mountpoint, true);
          !done && done.error().code != Code::kNotFound)
        return done;
  return {};
}

}  // namespace leat::node
