// What a cache directory looks like on disk, and what is done with one that looks otherwise.
// Internal to this module.
//
//   format                              the number of the format
//   pins                                a line for each: "<id> <size>"
//   objects/<2 digits>/<id>.data        see object_file.h; <id> is 32 hexadecimal digits
//   objects/<2 digits>/<id>.chunks
//   segments/<8 digits>.seg, .seg.new   see segments.h
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "blocks/cache.h"
#include "blocks/object_id.h"

namespace leat::blocks {

std::optional<ObjectId> ParseId(std::string_view hex);
// A line of `pins`, without its end.
std::optional<PinWish> ParsePin(std::string_view line);
// The lines of `pins`, "" when there is none. The disk's errors.
Result<std::string> ReadPins(const std::string& directory);

// Drops what was cached in another format. Files that have not the form above are others' and stay.
// kInvalid when one of them has the name `format` or `pins`; the disk's errors: nothing is dropped
// because something could not be read.
Status BeginFormat(const std::string& directory);

}  // namespace leat::blocks
