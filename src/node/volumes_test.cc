#include "node/volumes.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "io/file.h"
#include "json/yaml.h"
#include "node/testing/no_objects.h"

namespace leat::node {
namespace {

constexpr long kTmpfs = 0x01021994;

class VolumesTest : public testing::Test {
 protected:
  void TearDown() override { EXPECT_TRUE(ReleaseVolumes("u", dirs_)); }
  // Where the pod's only volume is.
  std::string Prepare(const std::string& source) {
    const json::Value pod =
        json::ParseYaml("{metadata: {uid: u}, spec: {volumes: [{name: v, " + source + "}]}}")
            ->front();
    auto paths = PrepareVolumes(pod, dirs_, no_objects_, mounter_, {});
    EXPECT_TRUE(paths) << paths.error().message;
    return paths ? (*paths)["v"] : "";
  }
  static long FileSystemOf(const std::string& path) {
    struct statfs at {};
    EXPECT_EQ(statfs(path.c_str(), &at), 0);
    return at.f_type;
  }

  io::TempDir dir_;
  NoObjects no_objects_;
  DataMounter mounter_{"false", {"/nonexistent"}};
  const PodDirs dirs_{dir_.path(), dir_.path() + "/run"};
};

TEST_F(VolumesTest, AnyUserMayWriteInAnEmptyDir) {
  const std::string path = Prepare("emptyDir: {}");
  struct stat at {};
  ASSERT_EQ(stat(path.c_str(), &at), 0);
  EXPECT_EQ(at.st_mode & 07777, 0777u);
}

TEST_F(VolumesTest, AnUnknownMediumIsRefused) {
  const json::Value pod = json::ParseYaml(
                              "{metadata: {uid: u}, spec: {volumes: [{name: v, emptyDir: {medium: "
                              "HugePages}}]}}")
                              ->front();
  const auto paths = PrepareVolumes(pod, dirs_, no_objects_, mounter_, {});
  ASSERT_FALSE(paths);
  EXPECT_NE(paths.error().message.find("unknown storage medium \"HugePages\""), std::string::npos)
      << paths.error().message;
}

TEST_F(VolumesTest, AMemoryVolumeIsMemoryAlsoAfterACrashBetweenItsDirectoryAndItsMount) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  ASSERT_TRUE(io::MakeDirs(dirs_.Volume("u", "v")));
  const std::string path = Prepare("emptyDir: {medium: Memory, sizeLimit: 1Mi}");
  EXPECT_EQ(FileSystemOf(path), kTmpfs);
  ASSERT_TRUE(io::WriteFile(path + "/kept", "x"));
  EXPECT_EQ(Prepare("emptyDir: {medium: Memory, sizeLimit: 1Mi}"), path);
  EXPECT_TRUE(io::Exists(path + "/kept"));
  ASSERT_TRUE(ReleaseVolumes("u", dirs_));
  EXPECT_FALSE(io::Exists(path + "/kept"));
}

}  // namespace
}  // namespace leat::node
