// A directory as an ObjectStore: NFS, volumes, plain disks.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "objectstore/object_store.h"

namespace leat::objectstore {

// `path` is absolute; symbolic links in it are followed, below it none is. Names may hold any byte.
// The entity tag is "size-mtime_ns-inode" in decimal; Get compares it before and after each piece
// that it reads. Sockets, devices and FIFOs are left out; a directory that may not be read
// shows as empty, with a warning. Errors as OpenObjectStore's.
Result<std::unique_ptr<ObjectStore>> OpenFileObjectStore(const std::string& path);

// The modification time in such a tag, in nanoseconds since the epoch, also before it.
std::optional<int64_t> ModifiedNanoseconds(std::string_view etag);

}  // namespace leat::objectstore
