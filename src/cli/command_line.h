// How the programs read their command lines: with CLI11, and with errors that name the wrong word.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Validator;
}  // namespace CLI

namespace leat::cli {

// What follows argv[0], with `help` and `help COMMAND` read as --help and `version` as --version
// where the app has commands.
std::vector<std::string> Arguments(const CLI::App& app, int argc, char** argv);

// Parses; nullopt when the program is to go on, else its exit status: 0 after --help or --version,
// 2 after telling on stderr what is wrong.
std::optional<int> ParseCommandLine(CLI::App& app, const std::vector<std::string>& arguments);

// After a parse that failed: lines about the words that the app does not know, in the order in
// which they were given, each with the nearest that it does. Empty when all were known.
std::vector<std::string> UnknownWords(const CLI::App& app);

// For Option::transform: "90", "90s", "5m", "1h" and "2d" as seconds.
CLI::Validator AsSeconds();

}  // namespace leat::cli
