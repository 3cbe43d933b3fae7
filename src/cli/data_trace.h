// `leat data trace` and `leat data replay`: what was read when, to be read again.
#pragma once

#include "cli/commands.h"

namespace CLI {
class App;
}

namespace leat::cli {

// Adds them below `data`.
void AddDataTrace(CLI::App& data, Run& run);

}  // namespace leat::cli
