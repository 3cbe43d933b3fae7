#include "engine/pod_annotations.h"

#include <gtest/gtest.h>

#include "engine/algorithm_process.h"
#include "engine/characters.h"
#include "io/file.h"

namespace leat::engine {
namespace {

TEST(PodAnnotations, AreReadAsTheDownwardApiWritesThem) {
  const auto annotations = ParseAnnotations(
      "kubernetes.io/config.source=\"api\"\n"
      "leat.dev/exit-code=\"137\"\n"
      "note=\"a \\\"b\\\" = c\\nd\"\n"
      "broken\nalso=broken\n");
  EXPECT_EQ(annotations.at("leat.dev/exit-code"), "137");
  EXPECT_EQ(annotations.at("note"), "a \"b\" = c\nd");
  EXPECT_EQ(annotations.size(), 3u);
  EXPECT_TRUE(ParseAnnotations("").empty());
}

TEST(Characters, AreCountedNotBytes) {
  EXPECT_EQ(CountCharacters("aé€"), 3u);
  EXPECT_EQ(FirstCharacters("aé€", 2), "aé");
  EXPECT_EQ(FirstCharacters("ab", 5), "ab");
}

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

}  // namespace
}  // namespace leat::engine
