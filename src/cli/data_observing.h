// `leat data top` and `leat data metrics`: what a data node is doing.
#pragma once

#include "cli/commands.h"

namespace CLI {
class App;
}

namespace leat::cli {

// Adds them below `data`.
void AddDataObserving(CLI::App& data, Run& run);

}  // namespace leat::cli
