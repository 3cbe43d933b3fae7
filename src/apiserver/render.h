// Objects as the text a client asked for: themselves, a Table, or their metadata only; in the
// version that the request names.
#pragma once

#include <memory>
#include <string>

#include "api/table.h"
#include "apiserver/content.h"
#include "apiserver/verbs.h"

namespace leat::apiserver {

struct Rendering {
  Target target;
  Accepted accepted;
  api::IncludeObject include = api::IncludeObject::kMetadata;
  // True if stored text can be sent as it is: whole objects in the version they are stored in, with
  // all its defaults.
  bool AsStored(const store::Entry& entry) const;
};

// JSON texts. They fail only when a stored object does not convert.
Result<std::string> RenderObject(const Rendering& as, const store::Entry& entry, WallTime now);
Result<std::string> RenderList(const Rendering& as, const Page& page, WallTime now);

// {"type":"ADDED","object":...}\n
Result<std::string> RenderEvent(const Rendering& as, std::string_view type,
                                const store::Entry& entry, WallTime now);
// A BOOKMARK at the revision; `initial_end` marks the end of sendInitialEvents.
std::string RenderBookmark(const Rendering& as, store::Revision revision, bool initial_end);

}  // namespace leat::apiserver
