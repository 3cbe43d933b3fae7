#include "cli/command_line.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

namespace leat::cli {
namespace {

using Words = std::vector<std::string>;

class CommandLine : public testing::Test {
 protected:
  CommandLine() {
    app_.set_version_flag("--version", "leat 1");
    app_.require_subcommand(1);
    app_.add_option("--log-level", text_);
    CLI::App* up = app_.add_subcommand("up");
    up->add_option("--data-dir", text_);
    up->add_flag("--aws-tls", flag_);
    CLI::App* copy = app_.add_subcommand("cp");
    copy->add_option("FROM", text_)->required();
    CLI::App* data = app_.add_subcommand("data");
    data->require_subcommand(1);
    data->add_subcommand("warm")->add_flag("--all", flag_);
    app_.add_subcommand("stage")->group("");
  }
  // What is told on stderr.
  std::string Refusal(const Words& arguments) {
    testing::internal::CaptureStderr();
    EXPECT_EQ(ParseCommandLine(app_, arguments), 2);
    return testing::internal::GetCapturedStderr();
  }
  Words ArgumentsOf(Words words) {
    words.insert(words.begin(), "leat");
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    return Arguments(app_, static_cast<int>(argv.size()), argv.data());
  }

  CLI::App app_{"Leat", "leat"};
  std::string text_;
  bool flag_ = false;
};

TEST_F(CommandLine, WhatIsKnownIsTaken) {
  EXPECT_EQ(ParseCommandLine(app_, {"--log-level", "debug", "up", "--aws-tls"}), std::nullopt);
  EXPECT_TRUE(flag_);
}

TEST_F(CommandLine, AMistypedCommandIsNamedWithTheNearest) {
  EXPECT_EQ(Refusal({"pu", "--data-dir", "x"}),
            "leat: \"pu\" is not a command; did you mean \"up\"?\n"
            "leat: `leat --help` tells what there is\n");
}

TEST_F(CommandLine, CommandsBelowCommandsAreToldOfAlike) {
  EXPECT_EQ(Refusal({"data", "wram"}),
            "leat: \"wram\" is not a command; did you mean \"warm\"?\n"
            "leat: `leat data --help` tells what there is\n");
  EXPECT_TRUE(Refusal({"data"}).starts_with("leat: no command is given\n"));
  EXPECT_EQ(Refusal({"data", "warm", "--al"}),
            "leat: unknown flag --al; did you mean \"--all\"?\n"
            "leat: `leat data warm --help` tells what there is\n");
}

TEST_F(CommandLine, AHiddenCommandIsNotSuggested) {
  EXPECT_EQ(Refusal({"stag"}).find("stage"), std::string::npos);
}

TEST_F(CommandLine, UnknownFlagsAreNamedInOrderWithTheNearest) {
  EXPECT_EQ(Refusal({"up", "--datadir", "x", "--frobnicate=1"}),
            "leat: unknown flag --datadir; did you mean \"--data-dir\"?\n"
            "leat: unknown flag --frobnicate\n"
            "leat: `leat up --help` tells what there is\n");
}

TEST_F(CommandLine, AnUnknownFlagIsToldBeforeAMissingArgument) {
  EXPECT_TRUE(Refusal({"cp", "--bogus"}).starts_with("leat: unknown flag --bogus\n"));
  EXPECT_TRUE(Refusal({"cp"}).starts_with("leat: FROM is required\n"));
}

TEST_F(CommandLine, AFlagInTheWrongPlaceIsToldItsPlace) {
  EXPECT_TRUE(Refusal({"up", "--log-level", "debug"})
                  .starts_with("leat: --log-level goes before \"up\"\n"));
}

TEST_F(CommandLine, WhatIsTooMuchOrTooLittleIsNamed) {
  EXPECT_TRUE(Refusal({"up", "extra"}).starts_with("leat: \"extra\" is one argument too many\n"));
  EXPECT_TRUE(Refusal({"up", "--data-dir"}).starts_with("leat: --data-dir needs a value\n"));
  EXPECT_TRUE(Refusal({}).starts_with("leat: no command is given\n"));
}

TEST_F(CommandLine, HelpAndVersionAreCommandsToo) {
  EXPECT_EQ(ArgumentsOf({"help"}), Words{"--help"});
  EXPECT_EQ(ArgumentsOf({"help", "up"}), (Words{"up", "--help"}));
  EXPECT_EQ(ArgumentsOf({"help", "pu"}), Words{"pu"});
  EXPECT_EQ(ArgumentsOf({"version"}), Words{"--version"});
  EXPECT_EQ(ArgumentsOf({"cp", "help"}), (Words{"cp", "help"}));
  testing::internal::CaptureStdout();
  EXPECT_EQ(ParseCommandLine(app_, {"up", "--help"}), 0);
  EXPECT_NE(testing::internal::GetCapturedStdout().find("--data-dir"), std::string::npos);
}

}  // namespace
}  // namespace leat::cli
