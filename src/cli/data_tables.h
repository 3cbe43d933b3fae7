// What `leat data` prints for people.
#pragma once

#include <string>
#include <string_view>

#include "json/value.h"

namespace leat::cli {

// The bytes with control characters and backslashes as \ooo, so that no name can harm a terminal.
std::string Printable(std::string_view bytes);

// One line each, without the newline. `row`: an entry of ls.
std::string EntryLine(const json::Value& row);
std::string SkippedLine(const json::Value& row);
// Several lines.
std::string StatText(const json::Value& described);
std::string DfText(const json::Value& directories);
// `before`: the answer of `seconds` ago for rates; null at first.
// The mounts' "processes" are what the data node told of each.
std::string TopText(const json::Value& now, const json::Value& before, double seconds);

}  // namespace leat::cli
