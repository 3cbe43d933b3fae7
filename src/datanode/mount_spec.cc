#include "datanode/mount_spec.h"

#include <filesystem>
#include <limits>

#include "datanode/json_bytes.h"

namespace leat::datanode {
namespace {

Error Wrong(std::string_view what) {
  return {Code::kInvalid, "mount specification: " + std::string(what)};
}

// A member that must be a whole number in [0, most]; absent leaves `number` as it is.
Status ReadNumber(const json::Value& value, const char* key, int64_t most, auto& number) {
  const json::Value* member = value.Find(key);
  if (!member) return {};
  const int64_t n = member->AsInt(-1);
  if (!member->IsNumber() || n < 0 || n > most)
    return Wrong(std::string(key) + " must be a number from 0 to " + std::to_string(most));
  number = static_cast<std::remove_reference_t<decltype(number)>>(n);
  return {};
}

Status ReadFlag(const json::Value& value, const char* key, bool& flag) {
  const json::Value* member = value.Find(key);
  if (!member) return {};
  if (!member->IsBool()) return Wrong(std::string(key) + " must be true or false");
  flag = member->AsBool();
  return {};
}

Status ReadNumbers(const json::Value& value, MountSpec& spec) {
  constexpr int64_t kMaxId = std::numeric_limits<uint32_t>::max();
  constexpr int64_t kMaxSeconds = int64_t{10} * 365 * 24 * 3600;
  if (auto read = ReadNumber(value, "uid", kMaxId, spec.uid); !read) return read;
  if (auto read = ReadNumber(value, "gid", kMaxId, spec.gid); !read) return read;
  if (auto read = ReadNumber(value, "fileMode", 0777, spec.file_mode); !read) return read;
  if (auto read = ReadNumber(value, "dirMode", 0777, spec.dir_mode); !read) return read;
  int64_t seconds = spec.store.retry_for.count();
  if (auto read = ReadNumber(value, "retryForSeconds", kMaxSeconds, seconds); !read) return read;
  spec.store.retry_for = std::chrono::seconds(seconds);
  if (!value.Has("ttlSeconds")) return {};
  if (auto read = ReadNumber(value, "ttlSeconds", kMaxSeconds, seconds); !read) return read;
  spec.ttl = std::chrono::seconds(seconds);
  return {};
}

Status ReadFlags(const json::Value& value, MountSpec& spec) {
  if (auto read = ReadFlag(value, "virtualHost", spec.store.virtual_host); !read) return read;
  if (auto read = ReadFlag(value, "anonymous", spec.store.anonymous); !read) return read;
  if (auto read = ReadFlag(value, "versionPin", spec.version_pin); !read) return read;
  if (auto read = ReadFlag(value, "allowOther", spec.allow_other); !read) return read;
  return ReadFlag(value, "passthrough", spec.passthrough);
}

struct Place {
  std::string_view what;
  std::string path;  // without links; "": there is none
};

bool LiesIn(const std::string& path, const std::string& above) {
  return path == above || path.starts_with(above == "/" ? above : above + "/");
}

Status CheckApart(const Place& a, const Place& b) {
  if (a.path.empty() || b.path.empty()) return {};
  const bool in_b = LiesIn(a.path, b.path);
  if (!in_b && !LiesIn(b.path, a.path)) return {};
  const Place& inner = in_b ? a : b;
  const Place& outer = in_b ? b : a;
  return Error{Code::kInvalid,
               "the " + std::string(inner.what) + " " + inner.path +
                   (a.path == b.path ? " is also the " : " lies in the ") +
                   std::string(outer.what) + " " + outer.path +
                   ": mountpoint, cache directory and source must lie apart; choose another path "
                   "for one of them"};
}

// As far as it is there.
std::string WithoutLinks(const std::string& path) {
  std::error_code failed;
  std::string real = std::filesystem::weakly_canonical(path, failed);
  if (failed) real = path;
  while (real.size() > 1 && real.back() == '/') real.pop_back();
  return real;
}

}  // namespace

Status CheckPlaces(const MountSpec& spec, const std::vector<std::string>& cache_directories) {
  constexpr std::string_view kFile = "file://";
  const Place mountpoint{"mountpoint", spec.mountpoint};
  Place source{"source", ""};
  if (spec.source.starts_with(kFile)) source.path = WithoutLinks(spec.source.substr(kFile.size()));
  if (auto apart = CheckApart(mountpoint, source); !apart) return apart;
  for (const std::string& directory : cache_directories) {
    const Place cache{"cache directory", WithoutLinks(directory)};
    if (auto apart = CheckApart(mountpoint, cache); !apart) return apart;
    if (auto apart = CheckApart(source, cache); !apart) return apart;
  }
  return {};
}

json::Value MountSpec::ToJson() const {
  json::Value value = json::Object({
      {"source", BytesToJson(source)},
      {"mountpoint", BytesToJson(mountpoint)},
      {"endpoint", BytesToJson(store.endpoint)},
      {"virtualHost", store.virtual_host},
      {"anonymous", store.anonymous},
      {"retryForSeconds", store.retry_for.count()},
      {"versionPin", version_pin},
      {"uid", uid},
      {"gid", gid},
      {"fileMode", file_mode},
      {"dirMode", dir_mode},
      {"allowOther", allow_other},
      {"passthrough", passthrough},
  });
  if (ttl) value.Set("ttlSeconds", ttl->count());
  json::Value variables = json::Array();
  for (const auto& [name, text] : environment)
    variables.Push(json::Array({BytesToJson(name), BytesToJson(text)}));
  value.Set("environment", std::move(variables));
  return value;
}

Result<MountSpec> MountSpec::FromJson(const json::Value& value) {
  MountSpec spec;
  if (!value.IsObject()) return Wrong("it is no object");
  spec.source = BytesFromJson(value["source"]);
  spec.mountpoint = BytesFromJson(value["mountpoint"]);
  if (spec.source.empty()) return Wrong("it has no source");
  if (!spec.mountpoint.empty() && spec.mountpoint[0] != '/')
    return Wrong("mountpoint must be an absolute path");
  if ((spec.source + spec.mountpoint).find('\0') != std::string::npos)
    return Wrong("source and mountpoint cannot have a zero byte in them");
  spec.store.endpoint = BytesFromJson(value["endpoint"]);
  if (auto read = ReadNumbers(value, spec); !read) return read.error();
  if (auto read = ReadFlags(value, spec); !read) return read.error();
  for (const json::Value& variable : value["environment"].Items()) {
    std::string name = BytesFromJson(variable[0]);
    if (name.empty()) return Wrong("a variable of the environment has no name");
    spec.environment.emplace_back(std::move(name), BytesFromJson(variable[1]));
  }
  return spec;
}

}  // namespace leat::datanode
