// The two patch formats of the JSON world.
#pragma once

#include "json/value.h"

namespace leat::json {

// RFC 7386: objects merge member by member, null deletes, anything else replaces.
void MergePatch(Value& target, const Value& patch);

// RFC 6902: add, remove, replace, move, copy, test. All or nothing. As Kubernetes' clients are used
// to: a missing member of an object reads as null for `test`, `copy` and `replace` (which adds it);
// an index may count from the end (-1 is the last item, for `add` the place after it); and the
// whole document ("") can only be tested. kInvalid names the operation's
// index and what was wrong; a failed `test` is kInvalid too. kTooLarge beyond 10,000 operations,
// 200 levels of nesting, 16 MiB made by `copy`, or 8 million values looked at or moved up.
Status JsonPatch(Value& target, const Value& operations);

// RFC 6901: the value at the pointer ("/spec/containers/0"), or nullptr. Never changes the value.
const Value* AtPointer(const Value& value, std::string_view pointer);

}  // namespace leat::json
