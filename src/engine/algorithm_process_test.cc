#include "engine/algorithm_process.h"

#include <gtest/gtest.h>

#include <csignal>

#include "io/file.h"
#include "io/process.h"

namespace leat::engine {
namespace {

class FakeProc {
 public:
  void Add(int pid, const std::string& name, int parent, int start) {
    const std::string dir = dir_.path() + "/" + std::to_string(pid);
    ASSERT_TRUE(io::MakeDirs(dir));
    std::string stat = std::to_string(pid) + " (" + name + ") S " + std::to_string(parent);
    for (int field = 5; field < 22; ++field) stat += " 0";
    ASSERT_TRUE(io::WriteFile(dir + "/stat", stat + " " + std::to_string(start) + " 0 0\n"));
  }
  const std::string& path() const { return dir_.path(); }

 private:
  io::TempDir dir_;
};

TEST(FindAlgorithm, IsTheOldestProcessFromOutside) {
  FakeProc proc;
  proc.Add(1, "leat", 0, 10);     // the sandbox
  proc.Add(30, "leat", 0, 200);   // ourselves
  proc.Add(50, "bash", 0, 900);   // kubectl exec
  proc.Add(20, "a) (b", 0, 100);  // the algorithm, with a hostile name
  proc.Add(21, "worker", 20, 101);
  EXPECT_EQ(FindAlgorithm(proc.path(), 30), 20);
}

TEST(FindAlgorithm, FindsNothingBesideTheSandboxAndItself) {
  FakeProc proc;
  proc.Add(1, "leat", 0, 10);
  proc.Add(30, "leat", 0, 200);
  EXPECT_EQ(FindAlgorithm(proc.path(), 30), std::nullopt);
}

// A shell that tells what it does with SIGTERM, and goes on.
class Stubborn {
 public:
  Stubborn() {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    out_.Reset(ends[0]);
    const io::UniqueFd in(ends[1]);
    auto child = io::Process::Spawn(
        {.argv = {"/bin/bash", "-c",
                  "trap 'echo asked' TERM; echo ready; while :; do sleep 0.05; done"},
         .stdout_fd = in.get()});
    EXPECT_TRUE(child) << child.error().message;
    process_.emplace(std::move(*child));
    EXPECT_EQ(Line(), "ready");
  }
  std::string Line() {
    std::string line;
    char c = 0;
    while (read(out_.get(), &c, 1) == 1 && c != '\n') line += c;
    return line;
  }
  io::Process& process() { return *process_; }

 private:
  io::UniqueFd out_;
  std::optional<io::Process> process_;
};

TEST(AlgorithmEnding, AsksOnceAndKillsAfterTwoMinutes) {
  Stubborn algorithm;
  FakeProc proc;
  proc.Add(algorithm.process().pid(), "train", 0, 100);
  FakeClock clock;
  AlgorithmEnding ending(clock, proc.path());
  ending.Press("StopTrainingJob");
  EXPECT_EQ(algorithm.Line(), "asked");
  clock.Advance(std::chrono::seconds(119));
  ending.Press("StopTrainingJob");
  EXPECT_FALSE(algorithm.process().WaitFor(std::chrono::milliseconds(50)));
  clock.Advance(std::chrono::seconds(1));
  ending.Press("StopTrainingJob");
  auto ended = algorithm.process().WaitFor(std::chrono::seconds(10));
  ASSERT_TRUE(ended) << ended.error().message;
  EXPECT_EQ(ended->signal, SIGKILL);
  EXPECT_EQ(algorithm.Line(), "");  // it was asked once
}

TEST(AlgorithmEnding, WaitsForAnAlgorithmThatHasNotStarted) {
  FakeProc proc;
  FakeClock clock;
  AlgorithmEnding ending(clock, proc.path());
  ending.Press("StopTrainingJob");
  Stubborn algorithm;
  proc.Add(algorithm.process().pid(), "train", 0, 100);
  ending.Press("StopTrainingJob");
  EXPECT_EQ(algorithm.Line(), "asked");
}

}  // namespace
}  // namespace leat::engine
