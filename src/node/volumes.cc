#include "node/volumes.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <ftw.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "api/quantity.h"
#include "base/strings.h"
#include "io/file.h"
#include "node/sub_path.h"

namespace leat::node {
namespace {

constexpr mode_t kDefaultMode = 0644;

// File name to content, and mode.
struct File {
  std::string content;
  mode_t mode = kDefaultMode;
};
using Files = std::map<std::string, File>;

struct PodContext {
  const json::Value& pod;
  const PodDirs& dirs;
  api::ObjectClient& client;
  DataMounter& mounter;
  const std::stop_token& stop;
};

bool IsMountPoint(const std::string& path) {
  struct stat at {
  }, above{};
  return stat(path.c_str(), &at) == 0 && stat((path + "/..").c_str(), &above) == 0 &&
         at.st_dev != above.st_dev;
}

Result<std::string> EmptyDir(const PodContext& context, const std::string& name,
                             const json::Value& source) {
  const std::string_view medium = source["medium"].AsString();
  if (!medium.empty() && medium != "Memory")
    return Error{Code::kInvalid, fmt::format("emptyDir of volume \"{}\": unknown storage medium "
                                             "\"{}\"; Memory and the default, disk, are there",
                                             name, medium)};
  const std::string path = context.dirs.Volume(UidOf(context.pod), name);
  const bool fresh = !io::Exists(path);
  if (auto made = io::MakeDirs(path, 0777); !made) return made.error();
  if (!medium.empty()) {
    // The directory alone may be what a crash or a restart of the machine has left.
    if (IsMountPoint(path)) return path;
    const int64_t limit = api::QuantityUnits(source["sizeLimit"]).value_or(0);
    const std::string options = limit > 0 ? fmt::format("size={},mode=0777", limit) : "mode=0777";
    if (mount("tmpfs", path.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, options.c_str()) != 0)
      return io::ErrnoError(errno, "mount tmpfs for volume " + name);
    return path;
  }
  if (fresh && chmod(path.c_str(), 0777) != 0) return io::ErrnoError(errno, "chmod " + path);
  return path;
}

Result<std::string> HostPath(const std::string& name, const json::Value& source) {
  const std::string path = source["path"].Str();
  const std::string_view type = source["type"].AsString();
  if (type == "DirectoryOrCreate")
    if (auto made = io::MakeDirs(path, 0755); !made) return made.error();
  if (type == "FileOrCreate")
    if (auto made = io::Open(path, O_WRONLY | O_CREAT, 0644); !made) return made.error();
  struct stat at {};
  const bool there = stat(path.c_str(), &at) == 0;
  const auto wrong = [&](const char* what) {
    return Error{Code::kInvalid, fmt::format("hostPath of volume \"{}\": {} {}", name, path, what)};
  };
  if (!there) return wrong("does not exist");
  if ((type == "Directory" || type == "DirectoryOrCreate") && !S_ISDIR(at.st_mode))
    return wrong("is not a directory");
  if ((type == "File" || type == "FileOrCreate") && !S_ISREG(at.st_mode))
    return wrong("is not a file");
  if (type == "Socket" && !S_ISSOCK(at.st_mode)) return wrong("is not a socket");
  if (type == "CharDevice" && !S_ISCHR(at.st_mode)) return wrong("is not a character device");
  if (type == "BlockDevice" && !S_ISBLK(at.st_mode)) return wrong("is not a block device");
  return path;
}

mode_t ModeOf(const json::Value& item, mode_t fallback) {
  return static_cast<mode_t>(item["mode"].AsInt(fallback)) & 0777;
}

// The files of a Secret or ConfigMap volume or projection.
Status AddKeyed(const PodContext& context, const api::Gvr& type, std::string_view name,
                const json::Value& source, mode_t mode, Files& files) {
  auto object =
      context.client.Get(type, {context.pod["metadata"]["namespace"].Str(), std::string(name)});
  if (!object) {
    if (object.error().code == Code::kNotFound && source["optional"].AsBool()) return {};
    return object.error();
  }
  Files all;
  const bool secret = type == api::gvr::kSecrets;
  for (const json::Member& entry : (*object)["data"].Members()) {
    Result<std::string> content =
        secret ? Base64Decode(entry.value.AsString()) : Result<std::string>(entry.value.Str());
    if (!content) return content.error().Within(entry.key);
    all[entry.key] = {std::move(*content), mode};
  }
  for (const json::Member& entry : (*object)["binaryData"].Members())
    if (auto content = Base64Decode(entry.value.AsString()); content)
      all[entry.key] = {std::move(*content), mode};
  if (source["items"].empty()) {
    files.merge(all);
    return {};
  }
  for (const json::Value& item : source["items"].Items()) {
    const auto found = all.find(item["key"].Str());
    if (found != all.end()) {
      files[item["path"].Str()] = {found->second.content, ModeOf(item, mode)};
    } else if (!source["optional"].AsBool()) {
      return Error{Code::kInvalid, fmt::format("{} \"{}\" has no key \"{}\"", type.resource, name,
                                               item["key"].AsString())};
    }
  }
  return {};
}

Status AddDownward(const PodContext& context, const json::Value& source, mode_t mode,
                   Files& files) {
  for (const json::Value& item : source["items"].Items()) {
    auto content = item["fieldRef"].IsObject()
                       ? DownwardField(context.pod, item["fieldRef"]["fieldPath"].AsString())
                       : DownwardResource(context.pod, "", item["resourceFieldRef"]);
    if (!content) return content.error();
    files[item["path"].Str()] = {std::move(*content), ModeOf(item, mode)};
  }
  return {};
}

Status AddProjected(const PodContext& context, const json::Value& source, mode_t mode,
                    Files& files) {
  for (const json::Value& part : source["sources"].Items()) {
    Status added;
    if (part.Has("secret"))
      added = AddKeyed(context, api::gvr::kSecrets, part["secret"]["name"].AsString(),
                       part["secret"], mode, files);
    else if (part.Has("configMap"))
      added = AddKeyed(context, api::gvr::kConfigMaps, part["configMap"]["name"].AsString(),
                       part["configMap"], mode, files);
    else if (part.Has("downwardAPI"))
      added = AddDownward(context, part["downwardAPI"], mode, files);
    else
      added =
          Error{Code::kUnimplemented, "projected volumes take secret, configMap and downwardAPI"};
    if (!added) return added;
  }
  return {};
}

// Writes what differs and removes what is no longer there. A path leaves the volume only through
// "..", which the API refuses; it is refused here too.
Result<std::string> WriteFiles(const std::string& dir, const Files& files) {
  if (auto made = io::MakeDirs(dir, 0755); !made) return made.error();
  for (const auto& [path, file] : files) {
    for (const std::string_view part : Split(path, '/'))
      if (part == "..")
        return Error{Code::kInvalid, "a volume's path may not contain \"..\": " + path};
    const std::string full = dir + "/" + path;
    const auto present = io::ReadFile(full);
    if (present && *present == file.content) continue;
    if (auto made = io::MakeDirs(full.substr(0, full.rfind('/')), 0755); !made) return made.error();
    if (auto written = io::WriteFileAtomic(full, file.content, file.mode); !written)
      return written.error();
  }
  const auto names = io::ListDir(dir);
  for (const std::string& name : names ? *names : std::vector<std::string>()) {
    const auto next = files.lower_bound(name);
    const bool wanted =
        next != files.end() && (next->first == name || next->first.starts_with(name + "/"));
    if (!wanted)
      if (auto removed = io::RemoveTree(dir + "/" + name); !removed) return removed.error();
  }
  return dir;
}

Result<std::string> DataVolume(const PodContext& context, const std::string& name,
                               const json::Value& csi) {
  if (csi["driver"].AsString() != kDataDriver)
    return Error{Code::kUnimplemented, fmt::format("CSI driver {} is not here; {} is the only one",
                                                   csi["driver"].AsString(), kDataDriver)};
  Files secret;
  if (const std::string_view reference = csi["nodePublishSecretRef"]["name"].AsString();
      !reference.empty())
    if (auto read = AddKeyed(context, api::gvr::kSecrets, reference, {}, kDefaultMode, secret);
        !read)
      return read.error();
  std::map<std::string, std::string> key;
  for (auto& [entry, file] : secret) key[entry] = std::move(file.content);
  const std::string path = context.dirs.Volume(UidOf(context.pod), name);
  if (auto mounted = context.mounter.Mount(path, csi, key, context.stop); !mounted)
    return mounted.error();
  return path;
}

// What the files below the directory occupy. Links are not followed; a file with several names
// counts once for each.
int64_t DiskUsage(const std::string& path) {
  int64_t bytes = 0;
  // nftw has no argument for its callback.
  thread_local int64_t* sum = nullptr;
  sum = &bytes;
  constexpr int kOpenDirectories = 16;
  nftw(
      path.c_str(),
      [](const char*, const struct stat* at, int, struct FTW*) {
        *sum += static_cast<int64_t>(at->st_blocks) * 512;
        return 0;
      },
      kOpenDirectories, FTW_PHYS | FTW_MOUNT);
  return bytes;
}

Result<std::string> PrepareOne(const PodContext& context, const json::Value& volume) {
  const std::string name = volume["name"].Str();
  if (volume.Has("emptyDir")) return EmptyDir(context, name, volume["emptyDir"]);
  if (volume.Has("hostPath")) return HostPath(name, volume["hostPath"]);
  if (volume.Has("csi")) return DataVolume(context, name, volume["csi"]);
  Files files;
  Status added = Error{Code::kUnimplemented,
                       "this kind of volume is not supported here; use emptyDir, hostPath, secret, "
                       "configMap, downwardAPI, projected or csi"};
  const auto mode = [](const json::Value& source) {
    return static_cast<mode_t>(source["defaultMode"].AsInt(kDefaultMode)) & 0777;
  };
  if (const json::Value& secret = volume["secret"]; secret.IsObject())
    added = AddKeyed(context, api::gvr::kSecrets, secret["secretName"].AsString(), secret,
                     mode(secret), files);
  else if (const json::Value& map = volume["configMap"]; map.IsObject())
    added = AddKeyed(context, api::gvr::kConfigMaps, map["name"].AsString(), map, mode(map), files);
  else if (const json::Value& downward = volume["downwardAPI"]; downward.IsObject())
    added = AddDownward(context, downward, mode(downward), files);
  else if (const json::Value& projected = volume["projected"]; projected.IsObject())
    added = AddProjected(context, projected, mode(projected), files);
  if (!added) return added.error();
  return WriteFiles(context.dirs.Volume(UidOf(context.pod), name), files);
}

}  // namespace

Result<VolumePaths> PrepareVolumes(const json::Value& pod, const PodDirs& dirs,
                                   api::ObjectClient& client, DataMounter& mounter,
                                   const std::stop_token& stop) {
  VolumePaths paths;
  for (const json::Value& volume : pod["spec"]["volumes"].Items()) {
    auto path = PrepareOne({pod, dirs, client, mounter, stop}, volume);
    if (!path)
      return Error{path.error().code, fmt::format("volume \"{}\": {}", volume["name"].AsString(),
                                                  path.error().message)};
    paths[volume["name"].Str()] = *path;
  }
  return paths;
}

std::string ExceededVolume(const json::Value& pod, const PodDirs& dirs) {
  for (const json::Value& volume : pod["spec"]["volumes"].Items()) {
    const json::Value& limit = volume["emptyDir"]["sizeLimit"];
    const int64_t bytes = api::QuantityUnits(limit).value_or(0);
    if (bytes <= 0) continue;
    const std::string name = volume["name"].Str();
    if (DiskUsage(dirs.Volume(UidOf(pod), name)) > bytes)
      return fmt::format("Usage of EmptyDir volume \"{}\" exceeds the limit \"{}\".", name,
                         limit.IsString() ? limit.Str() : json::Print(limit));
  }
  return "";
}

Status ReleaseVolumes(const std::string& pod_uid, const PodDirs& dirs) {
  if (auto removed = RemoveSubPaths(dirs.SubPaths(pod_uid)); !removed) return removed;
  if (auto unmounted = UnmountData(dirs.Pod(pod_uid)); !unmounted) return unmounted;
  const std::string root = dirs.Pod(pod_uid) + "/volumes";
  const auto names = io::ListDir(root);
  for (const std::string& name : names ? *names : std::vector<std::string>())
    (void)umount2((root + "/" + name).c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);  // memory ones
  return {};
}

}  // namespace leat::node
