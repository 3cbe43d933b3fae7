#include "cli/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>

#include "base/nearest_word.h"

namespace leat::cli {
namespace {

std::vector<std::string> Commands(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({}))
    if (!command->get_group().empty()) names.push_back(command->get_name());  // else it is hidden
  return names;
}

std::vector<std::string> Flags(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options({})) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
  }
  return names;
}

// The innermost command that was chosen; the app itself when none was.
const CLI::App& Chosen(const CLI::App& app) {
  return app.get_subcommands().empty() ? app : Chosen(*app.get_subcommands().front());
}

// "leat up"
std::string PathOf(const CLI::App& app) {
  const std::string& name = app.get_name();
  return app.get_subcommands().empty() ? name : name + " " + PathOf(*app.get_subcommands().front());
}

// Whether a command below it was needed and not given.
bool LacksCommand(const CLI::App& chosen) { return chosen.get_require_subcommand_min() > 0; }

std::string DidYouMean(const std::string& word, const std::vector<std::string>& known) {
  const std::string nearest = NearestWord(word, known);
  return nearest.empty() ? "" : fmt::format("; did you mean \"{}\"?", nearest);
}

std::string UnknownFlag(const CLI::App& app, const std::string& word) {
  const CLI::App& chosen = Chosen(app);
  const std::string flag = word.substr(0, word.find('='));
  const std::vector<std::string> above = Flags(app);
  if (&chosen != &app && std::find(above.begin(), above.end(), flag) != above.end())
    return fmt::format("{} goes before \"{}\"", flag, chosen.get_name());
  return fmt::format("unknown flag {}{}", flag, DidYouMean(flag, Flags(chosen)));
}

// CLI11's words, but for those that only a programmer would use.
std::string Told(const CLI::App& app, const CLI::ParseError& error) {
  if (LacksCommand(Chosen(app))) return "no command is given";
  const std::string text = error.what();
  if (text.find(" required ") != std::string::npos && text.ends_with(" missing"))
    return text.substr(0, text.find(':')) + " needs a value";
  return text;
}

}  // namespace

std::vector<std::string> Arguments(const CLI::App& app, int argc, char** argv) {
  std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  if (app.get_require_subcommand_min() == 0 || arguments.empty()) return arguments;
  if (arguments[0] == "version") arguments[0] = "--version";
  if (arguments[0] == "help") {
    arguments.erase(arguments.begin());
    // A word that is no command stays, to be told so.
    const std::vector<std::string> commands = Commands(app);
    if (arguments.empty() ||
        std::find(commands.begin(), commands.end(), arguments[0]) != commands.end())
      arguments.emplace_back("--help");
  }
  return arguments;
}

std::vector<std::string> UnknownWords(const CLI::App& app) {
  std::vector<std::string> words = app.remaining(/*recurse=*/true);
  std::erase(words, "--");
  std::vector<std::string> flags, others;
  for (const std::string& word : words)
    (word.size() > 1 && word.front() == '-' ? flags : others).push_back(word);
  // What follows an unknown word may belong to it.
  if (LacksCommand(Chosen(app)) && !others.empty())
    return {fmt::format("\"{}\" is not a command{}", others[0],
                        DidYouMean(others[0], Commands(Chosen(app))))};
  std::vector<std::string> lines;
  for (const std::string& flag : flags) lines.push_back(UnknownFlag(app, flag));
  if (lines.empty())
    for (const std::string& word : others)
      lines.push_back(fmt::format("\"{}\" is one argument too many", word));
  return lines;
}

std::optional<int> ParseCommandLine(CLI::App& app, const std::vector<std::string>& arguments) {
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // the last first
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    std::vector<std::string> lines = UnknownWords(app);
    if (lines.empty()) lines.push_back(Told(app, error));
    for (const std::string& line : lines) std::fprintf(stderr, "leat: %s\n", line.c_str());
    std::fprintf(stderr, "leat: `%s --help` tells what there is\n", PathOf(app).c_str());
    return 2;
  }
}

CLI::Validator AsSeconds() {
  return CLI::AsNumberWithUnit(
      std::map<std::string, int64_t>{{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}});
}

}  // namespace leat::cli
