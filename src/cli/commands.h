// Entry points of the subcommands. Each adds its flags to the parser and, when chosen, sets `run`
// to what is to be done; that returns the exit status.
#pragma once

#include <functional>
#include <iosfwd>

#include "base/result.h"

namespace CLI {
class App;
}

namespace leat::cli {

using Run = std::function<int()>;

void AddUp(CLI::App& app, Run& run);
void AddPodPrograms(CLI::App& app, Run& run);  // stage, upload, pause
void AddCopy(CLI::App& app, Run& run);         // cp
void AddMount(CLI::App& app, Run& run);
void AddUnmount(CLI::App& app, Run& run);
void AddData(CLI::App& app, Run& run);
void AddDataProcesses(CLI::App& app, Run& run);  // data-supervisor, data-worker

// Prints "leat: <message>" to stderr and returns the exit status for the error: 1, or 130 when it
// was stopped.
int Fail(const Error& error);

// Everything `leat` does; argv as main gets it.
int Main(int argc, char** argv);

}  // namespace leat::cli
