#include "datanode/object_version.h"

#include <utility>

#include "base/strings.h"

namespace leat::datanode {
namespace {

// Names of web sources are URLs, in which each byte that is not plain is encoded; others are not.
bool IsEncoded(const objectstore::ObjectStore& store) { return store.Name().starts_with("http"); }

std::string UrlOf(const objectstore::ObjectStore& store, const std::string& key) {
  return store.Name() + (IsEncoded(store) ? PercentEncode(key, /*keep_slash=*/true) : key);
}

}  // namespace

ObjectVersion VersionIn(std::shared_ptr<objectstore::ObjectStore> store, std::string key,
                        std::string etag, uint64_t size) {
  const auto id = blocks::ObjectId::Of(store->Endpoint(), UrlOf(*store, key), etag, size);
  return {std::move(store), std::move(key), std::move(etag), size, id};
}

std::optional<std::string> KeyIn(const objectstore::ObjectStore& store,
                                 const ObjectVersion& version) {
  if (version.store.get() == &store) return version.key;
  const std::string url = UrlOf(*version.store, version.key);
  if (version.store->Endpoint() != store.Endpoint() || !url.starts_with(store.Name()))
    return std::nullopt;
  const std::string key = url.substr(store.Name().size());
  return IsEncoded(store) ? PercentDecode(key) : key;
}

}  // namespace leat::datanode
