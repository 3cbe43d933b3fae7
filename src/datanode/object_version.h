// What a version of an object is, whichever source it is seen through: objects of one bucket may be
// mounted by several prefixes at a time, and are one in the cache.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "datanode/fetcher.h"
#include "objectstore/object_store.h"

namespace leat::datanode {

// The id is made of the store's endpoint (another one's object of the same name, entity tag and
// size may be another object), the object's own URL, its entity tag and its size.
ObjectVersion VersionIn(std::shared_ptr<objectstore::ObjectStore> store, std::string key,
                        std::string etag, uint64_t size);

// The key that the object has in `store`; nullopt when it does not lie below that source. Of the
// object alone: the source may show another version of it.
std::optional<std::string> KeyIn(const objectstore::ObjectStore& store,
                                 const ObjectVersion& version);

}  // namespace leat::datanode
