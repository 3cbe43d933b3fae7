#include "engine/channel_objects.h"

#include <fmt/format.h>

#include <map>

#include "base/strings.h"

namespace leat::engine {
namespace {

using objectstore::ObjectInfo;
using objectstore::S3Client;
using objectstore::S3Url;

constexpr size_t kMaxManifest = 64 << 20;

// Some tools leave an empty object where others see a directory.
bool IsDirectoryMark(const ObjectInfo& info) { return info.size == 0 && info.key.ends_with('/'); }

Status Add(const S3Url& prefix, const ObjectInfo& info, bool gzip,
           std::vector<ChannelObject>& objects) {
  auto path = PathOfKey(prefix.key, info.key);
  if (!path) return path.error();
  ChannelObject object{.url = {prefix.bucket, info.key}, .info = info, .path = std::move(*path)};
  if (gzip && object.path.ends_with(".gz") && object.path.size() > 3) {
    object.gunzip = true;
    object.path.resize(object.path.size() - 3);
  }
  objects.push_back(std::move(object));
  return {};
}

Result<std::vector<ChannelObject>> ListPrefix(S3Client& store, const Channel& channel,
                                              const std::stop_token& stop) {
  std::vector<ChannelObject> objects;
  Status added;
  auto listed = store.List(
      channel.source.bucket, channel.source.key,
      [&](const ObjectInfo& info) {
        if (!IsDirectoryMark(info)) added = Add(channel.source, info, channel.gzip, objects);
        return added.has_value();
      },
      stop);
  if (!listed) return listed.error();
  if (!added) return added.error();
  return objects;
}

Result<std::vector<ChannelObject>> ListManifest(S3Client& store, const Channel& channel,
                                                const std::stop_token& stop) {
  auto text = store.GetAll(channel.source, kMaxManifest, stop);
  if (!text) return text.error();
  S3Url prefix;
  auto urls = ParseManifest(*text, prefix);
  if (!urls) return urls.error().Within(channel.source.ToString());
  std::vector<ChannelObject> objects;
  for (const S3Url& url : *urls) {
    auto info = store.Head(url, stop);
    if (!info) return info.error();
    if (auto added = Add(prefix, *info, channel.gzip, objects); !added) return added.error();
  }
  return objects;
}

}  // namespace

Result<std::string> PathOfKey(std::string_view prefix, std::string_view key) {
  std::string_view rest = key;
  const size_t last_slash = prefix.rfind('/');
  if (key.size() > prefix.size() + 1 && key.starts_with(prefix) && key[prefix.size()] == '/')
    rest.remove_prefix(prefix.size() + 1);
  else if (last_slash != std::string_view::npos &&
           key.starts_with(prefix.substr(0, last_slash + 1)))
    rest.remove_prefix(last_slash + 1);
  std::vector<std::string_view> parts;
  for (const std::string_view part : Split(rest, '/')) {
    if (part.empty()) continue;
    if (part == "." || part == ".." || part.find('\0') != std::string_view::npos)
      return Error{Code::kInvalid, fmt::format("the key \"{}\" cannot be a file name; rename the "
                                               "object",
                                               key)};
    parts.push_back(part);
  }
  if (parts.empty() || rest.ends_with('/'))
    return Error{Code::kInvalid, fmt::format("the key \"{}\" ends in '/' but holds data, so it "
                                             "cannot become a file; rename the object",
                                             key)};
  return Join(parts, "/");
}

Status CheckPaths(const std::vector<ChannelObject>& objects) {
  std::map<std::string, const ChannelObject*> files;
  const auto clash = [](const ChannelObject& a, const ChannelObject& b) {
    return Error{Code::kInvalid, fmt::format("the objects {} and {} cannot both become files; "
                                             "rename one of them",
                                             a.url.ToString(), b.url.ToString())};
  };
  for (const ChannelObject& object : objects) {
    const auto [other, fresh] = files.emplace(object.path, &object);
    if (!fresh) return clash(*other->second, object);
  }
  for (const ChannelObject& object : objects)
    for (size_t slash = object.path.find('/'); slash != std::string::npos;
         slash = object.path.find('/', slash + 1))
      if (auto file = files.find(object.path.substr(0, slash)); file != files.end())
        return clash(*file->second, object);
  return {};
}

Result<std::vector<ChannelObject>> ListChannel(S3Client& store, const Channel& channel,
                                               size_t host_index, size_t host_count,
                                               const std::stop_token& stop) {
  auto objects = channel.type == DataType::kManifestFile ? ListManifest(store, channel, stop)
                                                         : ListPrefix(store, channel, stop);
  if (!objects) return objects.error();
  if (objects->empty())
    return Error{Code::kNotFound,
                 fmt::format("no objects were found under {}: check the S3Uri of the channel, and "
                             "that the data has been uploaded",
                             channel.source.ToString())};
  if (auto checked = CheckPaths(*objects); !checked) return checked.error();
  if (!channel.sharded) return objects;
  std::vector<ChannelObject> share;
  for (size_t i = host_index; i < objects->size(); i += host_count)
    share.push_back(std::move((*objects)[i]));
  return share;
}

Result<std::vector<S3Url>> ParseManifest(std::string_view text, S3Url& prefix) {
  auto manifest = json::Parse(text);
  if (!manifest) return manifest.error();
  const Error shape{Code::kInvalid,
                    "a manifest looks like [{\"prefix\": \"s3://bucket/dir/\"}, \"file\", ...]"};
  const json::ArrayItems& items = manifest->Items();
  if (items.empty() || !items[0]["prefix"].IsString()) return shape;
  auto parsed = S3Url::Parse(items[0]["prefix"].AsString());
  if (!parsed) return parsed.error();
  prefix = *parsed;
  std::vector<S3Url> urls;
  for (size_t i = 1; i < items.size(); ++i) {
    if (!items[i].IsString()) return shape;
    urls.push_back({prefix.bucket, prefix.key + items[i].Str()});
  }
  return urls;
}

}  // namespace leat::engine
